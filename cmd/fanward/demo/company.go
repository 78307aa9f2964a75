package demo

import (
	"context"
	"fmt"

	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

// hire invites the teammates, each of whom signs in once by the link.
func (w *world) hire(ctx context.Context) error {
	for _, key := range []string{"presales", "service", "wholesale"} {
		team, err := w.Auth.CreateTeam(ctx, auth.System, w.words.Teams[key], nil)
		if err != nil {
			return fmt.Errorf("make a team: %w", err)
		}
		w.teams[key] = team
	}
	for _, s := range w.words.Staff {
		n := auth.NewTeammate{Email: s.Mail + "@tea.example", Name: s.Name, Role: auth.Role(s.Role), Locale: w.o.Language, Scope: auth.Scope(s.Scope)}
		for _, team := range s.Teams {
			n.TeamIDs = append(n.TeamIDs, w.teams[team].ID)
		}
		made, link, err := w.Auth.Invite(ctx, auth.System, n)
		if err != nil {
			return fmt.Errorf("invite %s: %w", n.Email, err)
		}
		if err := w.signIn(ctx, link); err != nil {
			return fmt.Errorf("sign %s in: %w", n.Email, err)
		}
		if w.staff[s.Role], err = w.Auth.PrincipalOf(ctx, made.ID); err != nil {
			return err
		}
		w.staff[s.Mail] = w.staff[s.Role]
	}
	teams := []ids.ID{w.teams["presales"].ID, w.teams["service"].ID}
	if _, err := w.Auth.UpdateTeammate(ctx, auth.System, w.Owner.ID, auth.TeammatePatch{TeamIDs: &teams}); err != nil {
		return fmt.Errorf("put the owner into teams: %w", err)
	}
	var err error
	w.Owner, err = w.Auth.PrincipalOf(ctx, w.Owner.ID)
	return err
}

// signIn uses a link and leaves again.
func (w *world) signIn(ctx context.Context, link auth.Link) error {
	in, err := w.Auth.SignInByLink(ctx, link.Secret, auth.Client{IP: "127.0.0.1", UserAgent: "fanward demo"})
	if err != nil {
		return err
	}
	return w.Auth.SignOut(ctx, in.Token)
}

// agentFor is who answers: somebody of the team.
func (w *world) agentFor(team string) auth.Principal {
	var list []auth.Principal
	for _, s := range w.words.Staff {
		for _, t := range s.Teams {
			if t == team && s.Role == string(auth.Agent) {
				list = append(list, w.staff[s.Mail])
			}
		}
	}
	return pick(w, list)
}

// connect makes the write keys and the rules of sending.
func (w *world) connect(ctx context.Context) error {
	for _, k := range []struct {
		name, kind string
		to         *string
	}{{w.words.Keys["server"], customers.ServerKey, &w.server}, {w.words.Keys["browser"], customers.BrowserKey, &w.browser}} {
		made, err := w.Customers.CreateWriteKey(ctx, w.staff["admin"], k.name, k.kind)
		if err != nil {
			return fmt.Errorf("make a write key: %w", err)
		}
		*k.to = *made.Key
	}
	rules := outbox.DefaultSending
	rules.Quiet.Enabled, rules.Cap.Enabled = true, true
	_, err := w.Outbox.SetSending(ctx, w.staff["admin"], rules)
	return err
}
