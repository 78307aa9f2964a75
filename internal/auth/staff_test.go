package auth_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store/feed"
)

func ptr[T any](v T) *T { return &v }

func TestInvite(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		admin, _ := h.hire("admin@example.com", auth.Admin)
		team := must(h.CreateTeam(ctx, owner, "Sales", nil))
		h.changes()
		mate, link, err := h.Invite(ctx, admin, auth.NewTeammate{Email: " Lin@Example.com", Name: "Lin\u202e  Wu", Role: auth.Agent, Locale: "zh-CN",
			Scope: auth.ScopeTeam, AccountIDs: []ids.ID{9, 8, 9}, TeamIDs: []ids.ID{team.ID}})
		if err != nil {
			h.t.Fatal(err)
		}
		if mate.Email != "lin@example.com" || mate.Name != "Lin Wu" || mate.Locale != "zh-CN" || !slices.Equal(mate.AccountIDs, []ids.ID{8, 9}) || !slices.Equal(mate.TeamIDs, []ids.ID{team.ID}) {
			h.t.Errorf("%+v", mate)
		}
		if want := h.clock.Now().Add(7 * 24 * time.Hour); link.Purpose != auth.Invitation || !link.ExpiresAt.Equal(want) {
			h.t.Errorf("%+v", link)
		}
		cs := h.changes()
		if kinds(cs) != "team teammate" || cs[1].Audience != feed.Staff || cs[1].Teammate != mate.ID {
			h.t.Errorf("changes %s", kinds(cs))
		}
		var told struct {
			Teammate auth.Teammate `json:"teammate"`
			Rights   int64         `json:"rights_version"`
		}
		if err := json.Unmarshal(cs[1].Payload, &told); err != nil || told.Teammate.ID != mate.ID || told.Rights != 1 || strings.Contains(string(cs[1].Payload), "password") {
			h.t.Errorf("payload %s", cs[1].Payload)
		}
		if got := must(h.Teammate(ctx, mate.ID)); got.Email != mate.Email || !slices.Equal(got.TeamIDs, mate.TeamIDs) {
			h.t.Errorf("%+v", got)
		}

		bad := auth.NewTeammate{Email: "no address", Name: "\u200b", Role: "king", Locale: "fr", Scope: "some", AccountIDs: []ids.ID{0}}
		_, _, err = h.Invite(ctx, admin, bad)
		e, _ := fault.As(err)
		if e == nil || len(e.Fields) != 6 {
			h.t.Errorf("every field at fault is named: %v", err)
		}
		for _, c := range []struct {
			by   auth.Principal
			n    auth.NewTeammate
			code string
		}{
			{admin, auth.NewTeammate{Email: "LIN@example.com", Name: "Lin", Role: auth.Agent}, "email_taken"},
			{admin, auth.NewTeammate{Email: "new@example.com", Name: "New", Role: auth.Owner}, "owner_only"},
			{mustPrincipal(h, mate.ID), auth.NewTeammate{Email: "new@example.com", Name: "New", Role: auth.Viewer}, "forbidden"},
			{admin, auth.NewTeammate{Email: "new@example.com", Name: "New", Role: auth.Agent, TeamIDs: []ids.ID{77}}, "team_unknown"},
		} {
			_, _, err := h.Invite(ctx, c.by, c.n)
			h.fails(err, c.code)
		}
		if all := must(h.Teammates(ctx)); len(all) != 3 {
			h.t.Errorf("%d teammates; a refused invitation leaves something behind", len(all))
		}
		if cs := h.changes(); len(cs) != 0 {
			h.t.Errorf("refused invitations tell %s", kinds(cs))
		}
	})
}

func mustPrincipal(h *house, id ids.ID) auth.Principal {
	return must(h.PrincipalOf(ctx, id))
}

func TestRightsVersion(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, in := h.hire("lin@example.com", auth.Agent)
		version := lin.RightsVersion
		steps := []struct {
			name  string
			patch auth.TeammatePatch
			bump  bool
			kinds string
		}{
			{"a name", auth.TeammatePatch{Name: ptr("Lin Wu")}, false, "teammate"},
			{"nothing", auth.TeammatePatch{Name: ptr("Lin Wu"), Role: ptr(auth.Agent)}, false, ""},
			{"a role", auth.TeammatePatch{Role: ptr(auth.Viewer)}, true, "teammate"},
			{"a scope", auth.TeammatePatch{Scope: ptr(auth.ScopeAssigned)}, true, "teammate"},
			{"accounts", auth.TeammatePatch{AccountIDs: &[]ids.ID{5}}, true, "teammate"},
			{"the same accounts", auth.TeammatePatch{AccountIDs: &[]ids.ID{5, 5}}, false, ""},
			{"disabled", auth.TeammatePatch{Disabled: ptr(true)}, true, "signed_out teammate"},
			{"enabled", auth.TeammatePatch{Disabled: ptr(false)}, true, "teammate"},
		}
		h.changes()
		for _, s := range steps {
			if _, err := h.UpdateTeammate(ctx, owner, lin.ID, s.patch); err != nil {
				h.t.Fatal(s.name, err)
			}
			if got := kinds(h.changes()); got != s.kinds {
				h.t.Errorf("%s: changes %q, want %q", s.name, got, s.kinds)
			}
			if s.bump {
				version++
			}
			if got := must(h.PrincipalOfEven(lin.ID)); got != version {
				h.t.Errorf("%s: rights version %d, want %d", s.name, got, version)
			}
		}
		_, _, err := h.BySession(ctx, in.Token)
		h.fails(err, "not_signed_in") // disabling ended it for good
	})
}

// PrincipalOfEven gives the rights version of disabled teammates, too.
func (h *house) PrincipalOfEven(id ids.ID) (int64, error) {
	t, err := h.Teammate(ctx, id)
	return t.RightsVersion, err
}

func TestDisabledTeammateIsOut(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, in := h.hire("lin@example.com", auth.Agent)
		link := must(h.NewLink(ctx, owner, lin.ID))
		if _, err := h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{Disabled: ptr(true)}); err != nil {
			h.t.Fatal(err)
		}
		_, _, err := h.BySession(ctx, in.Token)
		h.fails(err, "not_signed_in")
		_, err = h.SignInByLink(ctx, link.Secret, here)
		h.fails(err, "link_invalid")
		_, err = h.NewLink(ctx, owner, lin.ID)
		h.fails(err, "teammate_disabled")
		_, err = h.PrincipalOf(ctx, lin.ID)
		h.fails(err, "not_signed_in")
	})
}

func TestLastOwnerStays(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.hire("a-owner@example.com", auth.Owner)
		_, err := h.UpdateTeammate(ctx, a, a.ID, auth.TeammatePatch{Role: ptr(auth.Admin)})
		h.fails(err, "last_owner")
		_, err = h.UpdateTeammate(ctx, a, a.ID, auth.TeammatePatch{Disabled: ptr(true)})
		h.fails(err, "last_owner")
		b, _ := h.hire("b-owner@example.com", auth.Owner)

		// Two owners who remove each other at the same moment: one stays.
		var wg sync.WaitGroup
		errs := make([]error, 2)
		wg.Go(func() { _, errs[0] = h.UpdateTeammate(ctx, a, b.ID, auth.TeammatePatch{Role: ptr(auth.Agent)}) })
		wg.Go(func() { _, errs[1] = h.UpdateTeammate(ctx, b, a.ID, auth.TeammatePatch{Disabled: ptr(true)}) })
		wg.Wait()
		owners := 0
		for _, m := range must(h.Teammates(ctx)) {
			if m.Role == auth.Owner && !m.Disabled {
				owners++
			}
		}
		if owners != 1 || (errs[0] == nil) == (errs[1] == nil) {
			h.t.Errorf("%d owners are left; outcomes %v", owners, errs)
		}
	})
}

func TestOnlyOwnersTouchOwners(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		admin, _ := h.hire("admin@example.com", auth.Admin)
		manager, _ := h.hire("manager@example.com", auth.Manager)
		for _, p := range []auth.TeammatePatch{{Role: ptr(auth.Agent)}, {Disabled: ptr(true)}, {Name: ptr("X")}} {
			_, err := h.UpdateTeammate(ctx, admin, owner.ID, p)
			h.fails(err, "owner_only")
		}
		_, err := h.UpdateTeammate(ctx, admin, admin.ID, auth.TeammatePatch{Role: ptr(auth.Owner)})
		h.fails(err, "owner_only")
		_, err = h.NewLink(ctx, admin, owner.ID)
		h.fails(err, "owner_only")
		_, err = h.UpdateTeammate(ctx, manager, admin.ID, auth.TeammatePatch{Name: ptr("X")})
		h.fails(err, "forbidden")
		_, err = h.UpdateTeammate(ctx, owner, 12345, auth.TeammatePatch{Name: ptr("X")})
		h.fails(err, "not_found")
		_, err = h.UpdateTeammate(ctx, owner, admin.ID, auth.TeammatePatch{Role: ptr(auth.Role("king")), Name: ptr(" ")})
		if e, _ := fault.As(err); e == nil || len(e.Fields) != 2 {
			h.t.Errorf("both fields at fault: %v", err)
		}
	})
}

func TestTeams(t *testing.T) {
	each(t, func(h *house) {
		owner, _ := h.hire("owner@example.com", auth.Owner)
		lin, _ := h.hire("lin@example.com", auth.Agent)
		h.changes()
		sales := must(h.CreateTeam(ctx, owner, " Sales ", []ids.ID{lin.ID, lin.ID}))
		if sales.Name != "Sales" || !slices.Equal(sales.MemberIDs, []ids.ID{lin.ID}) || kinds(h.changes()) != "teammate team" {
			h.t.Errorf("%+v", sales)
		}
		if p := mustPrincipal(h, lin.ID); p.RightsVersion != lin.RightsVersion+1 || !slices.Equal(p.TeamIDs, []ids.ID{sales.ID}) {
			h.t.Errorf("%+v", p)
		}
		support := must(h.CreateTeam(ctx, owner, "Support", nil))
		_, err := h.CreateTeam(ctx, owner, "Sales", nil)
		h.fails(err, "name_taken")
		_, err = h.UpdateTeam(ctx, owner, support.ID, auth.TeamPatch{Name: ptr("Sales")})
		h.fails(err, "name_taken")
		_, err = h.UpdateTeam(ctx, owner, support.ID, auth.TeamPatch{MemberIDs: &[]ids.ID{99}})
		h.fails(err, "teammate_unknown")
		_, err = h.UpdateTeam(ctx, lin, support.ID, auth.TeamPatch{Name: ptr("X")})
		h.fails(err, "forbidden")
		h.changes()

		// Both ways into a team, from the teammate's side and the team's.
		if _, err := h.UpdateTeammate(ctx, owner, lin.ID, auth.TeammatePatch{TeamIDs: &[]ids.ID{support.ID}}); err != nil {
			h.t.Fatal(err)
		}
		if got := kinds(h.changes()); got != "team team teammate" {
			h.t.Errorf("changes %q", got)
		}
		teams := must(h.Teams(ctx))
		if len(teams) != 2 || len(teams[0].MemberIDs) != 0 || !slices.Equal(teams[1].MemberIDs, []ids.ID{lin.ID}) {
			h.t.Errorf("%+v", teams)
		}
		renamed := must(h.UpdateTeam(ctx, owner, support.ID, auth.TeamPatch{Name: ptr("Help")}))
		if renamed.Name != "Help" || kinds(h.changes()) != "team" {
			h.t.Errorf("%+v", renamed)
		}
		if err := h.DeleteTeam(ctx, owner, support.ID); err != nil {
			h.t.Fatal(err)
		}
		cs := h.changes()
		if kinds(cs) != "teammate team" || string(cs[1].Payload) != `{"deleted":true,"team_id":"`+support.ID.String()+`"}` {
			h.t.Errorf("changes %s", kinds(cs))
		}
		if !slices.Contains(h.gone, support.ID) || len(mustPrincipal(h, lin.ID).TeamIDs) != 0 {
			h.t.Error("the team's conversations or members still point at it")
		}
		h.fails(h.DeleteTeam(ctx, owner, support.ID), "not_found")
	})
}

func TestMe(t *testing.T) {
	each(t, func(h *house) {
		lin, _ := h.hire("lin@example.com", auth.Agent)
		h.hire("wu@example.com", auth.Agent)
		h.changes()
		got, err := h.UpdateMe(ctx, lin, auth.MePatch{Name: ptr("林"), Email: ptr("Lin.Wu@example.com"), Locale: ptr("zh-CN"), Theme: ptr("dark"), Availability: ptr("away")})
		if err != nil || got.Name != "林" || got.Email != "lin.wu@example.com" || got.Locale != "zh-CN" || got.Theme != "dark" || got.Availability != "away" {
			h.t.Fatal(got, err)
		}
		if kinds(h.changes()) != "teammate" || mustPrincipal(h, lin.ID).RightsVersion != lin.RightsVersion {
			h.t.Error("one's own profile changes rights, or nobody hears of it")
		}
		if _, err := h.UpdateMe(ctx, lin, auth.MePatch{Theme: ptr("dark")}); err != nil || len(h.changes()) != 0 {
			h.t.Error("a change to the same tells", err)
		}
		_, err = h.UpdateMe(ctx, lin, auth.MePatch{Email: ptr("wu@example.com")})
		h.fails(err, "email_taken")
		_, err = h.UpdateMe(ctx, lin, auth.MePatch{Name: ptr(""), Locale: ptr("fr"), Theme: ptr("pink"), Availability: ptr("gone")})
		if e, _ := fault.As(err); e == nil || len(e.Fields) != 4 {
			h.t.Errorf("every field at fault is named: %v", err)
		}
		_, err = h.UpdateMe(ctx, auth.Principal{ID: 5, Token: true, Role: auth.Owner}, auth.MePatch{})
		h.fails(err, "teammates_only")
	})
}
