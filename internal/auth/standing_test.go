package auth_test

import (
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
)

func TestStanding(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, in := h.hire("lin@example.com", auth.Agent)
		_, session, err := h.BySession(ctx, in.Token)
		if err != nil {
			h.t.Fatal(err)
		}
		stands := func(p auth.Principal, session string, want auth.Standing) {
			h.t.Helper()
			if got, err := h.Standing(ctx, p, session); err != nil || got != want {
				h.t.Errorf("%v, want %v, %v", got, want, err)
			}
		}
		stands(lin, session, auth.Stands)
		stands(lin, "another", auth.SignedOut)
		stands(auth.Principal{ID: 77}, session, auth.SignedOut)
		must(h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{Name: ptr("Lin Wu")}))
		stands(lin, session, auth.Stands)
		must(h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{Role: ptr(auth.Viewer)}))
		stands(lin, session, auth.RightsMoved)
		lin = must(h.PrincipalOf(ctx, lin.ID))
		stands(lin, session, auth.Stands)
		h.clock.Advance(31 * 24 * time.Hour)
		stands(lin, session, auth.SignedOut) // run out
		h.clock.Advance(-31 * 24 * time.Hour)
		if err := h.SignOut(ctx, in.Token); err != nil {
			h.t.Fatal(err)
		}
		stands(lin, session, auth.SignedOut)

		_, secret, err := h.CreateToken(ctx, owner, "ci", auth.Agent)
		if err != nil {
			h.t.Fatal(err)
		}
		bot := must(h.ByToken(ctx, secret))
		stands(bot, "", auth.Stands)
		h.changes()
		if err := h.RevokeToken(ctx, owner, bot.ID); err != nil {
			h.t.Fatal(err)
		}
		stands(bot, "", auth.SignedOut)
		if cs := h.changes(); kinds(cs) != "token_revoked" || cs[0].Teammate != bot.ID || cs[0].Audience != "own" {
			h.t.Errorf("%+v", cs)
		}
	})
}
