package auth

import (
	"context"
	"slices"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Teammates lists everyone, disabled ones too, the longest-serving first.
func (s *Service) Teammates(ctx context.Context) ([]Teammate, error) {
	var out []Teammate
	err := s.o.DB.Snapshot(ctx, func(q store.Querier) error {
		rows, err := q.Query(queries.Get("teammates"))
		all, err := store.Collect(rows, err, scanTeammate)
		if err != nil {
			return err
		}
		byID := make(map[ids.ID]*Teammate, len(all))
		for _, t := range all {
			byID[t.ID] = t
		}
		err = eachMembership(q, func(team, teammate ids.ID) {
			byID[teammate].TeamIDs = append(byID[teammate].TeamIDs, team)
		})
		out = make([]Teammate, len(all))
		for i, t := range all {
			out[i] = *t
		}
		return err
	})
	return out, err
}

func eachMembership(q store.Querier, visit func(team, teammate ids.ID)) error {
	type pair struct{ team, teammate ids.ID }
	rows, err := q.Query(queries.Get("memberships"))
	all, err := store.Collect(rows, err, func(r store.Row) (p pair, err error) { return p, r.Scan(&p.team, &p.teammate) })
	for _, p := range all {
		visit(p.team, p.teammate)
	}
	return err
}

// Teammate reads one; not_found when there is none.
func (s *Service) Teammate(ctx context.Context, id ids.ID) (Teammate, error) {
	t, err := oneTeammate(s.o.DB.Reader(ctx), "teammate", int64(id))
	if err != nil {
		return Teammate{}, err
	}
	return *t, nil
}

// PrincipalOf is what a teammate may do and see now; not_signed_in when the
// teammate is gone or disabled.
func (s *Service) PrincipalOf(ctx context.Context, id ids.ID) (Principal, error) {
	t, err := oneTeammate(s.o.DB.Reader(ctx), "teammate", int64(id))
	if fault.KindOf(err) == fault.NotFound || err == nil && t.Disabled {
		return Principal{}, errNotSignedIn
	}
	if err != nil {
		return Principal{}, err
	}
	return t.principal(), nil
}

// NewTeammate describes somebody to invite.
type NewTeammate struct {
	Email, Name string
	Role        Role
	Locale      string // "" means the installation's
	Scope       Scope  // "" means all
	AccountIDs  []ids.ID
	TeamIDs     []ids.ID
}

func (n NewTeammate) build(s *Service) (*Teammate, error) {
	if n.Locale == "" {
		n.Locale = s.o.Locale
	}
	if n.Scope == "" {
		n.Scope = ScopeAll
	}
	t := &Teammate{Role: n.Role, Locale: n.Locale, Theme: "system", Availability: "available", Scope: n.Scope, RightsVersion: 1, CreatedAt: s.o.Clock.Now()}
	c := checks{}
	t.Email = check(&c, n.Email, cleanEmail)
	t.Name = check(&c, n.Name, cleanName)
	c.add(checkRole(n.Role))
	c.add(checkLocale(n.Locale))
	c.add(checkScope(n.Scope))
	t.AccountIDs = check(&c, n.AccountIDs, func(v []ids.ID) ([]ids.ID, error) { return uniqueIDs("account_ids", v) })
	t.TeamIDs = check(&c, n.TeamIDs, func(v []ids.ID) ([]ids.ID, error) { return uniqueIDs("team_ids", v) })
	return t, c.err()
}

// checks gathers every field at fault.
type checks struct{ fields []fault.Field }

func (c *checks) add(err error) {
	if e, ok := fault.As(err); ok {
		c.fields = append(c.fields, e.Fields...)
	}
}

func (c *checks) err() error { return fault.AtFields(c.fields...) }

func check[T any](c *checks, value T, clean func(T) (T, error)) T {
	v, err := clean(value)
	c.add(err)
	return v
}

// Invite adds a teammate and returns the one-time link of the first sign-in.
func (s *Service) Invite(ctx context.Context, by Principal, n NewTeammate) (Teammate, Link, error) {
	if err := mayManage(by, n.Role); err != nil {
		return Teammate{}, Link{}, err
	}
	t, err := n.build(s)
	if err != nil {
		return Teammate{}, Link{}, err
	}
	link := s.newLink(Invitation)
	t.ID = s.o.IDs.Next()
	teams := t.TeamIDs
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := s.insertTeammate(tx, t, teams); err != nil {
			return err
		}
		if err := s.audit(tx, by, "teammate.invited", object("teammate", t.ID), map[string]any{"email": t.Email, "role": t.Role}); err != nil {
			return err
		}
		return s.storeLink(tx, t.ID, link)
	})
	return *t, link, err
}

func (s *Service) insertTeammate(tx *store.Tx, t *Teammate, teams []ids.ID) error {
	now := clock.Millis(t.CreatedAt)
	n, err := tx.Exec(queries.Get("insert-teammate"), int64(t.ID), t.Email, t.Name, string(t.Role), t.Locale, string(t.Scope), mustJSON(t.AccountIDs), now, now)
	if err != nil {
		return err
	}
	if n == 0 {
		return emailTaken()
	}
	t.TeamIDs = []ids.ID{}
	if _, err := s.moveTeams(tx, t, teams); err != nil {
		return err
	}
	return s.tellTeammate(tx, t)
}

// moveTeams makes teams the teams of t and tells of each that changed.
func (s *Service) moveTeams(tx *store.Tx, t *Teammate, teams []ids.ID) (changed bool, err error) {
	before := t.TeamIDs
	t.TeamIDs = append([]ids.ID{}, teams...)
	touched := append(slices.Clone(before), teams...)
	slices.Sort(touched)
	for _, team := range slices.Compact(touched) {
		was, is := slices.Contains(before, team), slices.Contains(teams, team)
		if was == is {
			continue
		}
		changed = true
		if _, err := lockTeam(tx, team); err != nil {
			if fault.KindOf(err) == fault.NotFound {
				return false, fault.AtField("team_ids", "team_unknown", nil)
			}
			return false, err
		}
		query := "leave-team"
		if is {
			query = "join-team"
		}
		if _, err := tx.Exec(queries.Get(query), int64(team), int64(t.ID)); err != nil {
			return false, err
		}
		if err := s.tellTeam(tx, team); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// mayManage tells whether by may give or change this role: owners are made,
// changed and disabled by owners only.
func mayManage(by Principal, role Role) error {
	if err := by.Require(TeammatesManage); err != nil {
		return err
	}
	if role == Owner && by.Role != Owner {
		return fault.New(fault.Forbidden, "owner_only", nil)
	}
	return nil
}

// TeammatePatch changes what is not nil.
type TeammatePatch struct {
	Name       *string
	Role       *Role
	Scope      *Scope
	AccountIDs *[]ids.ID
	TeamIDs    *[]ids.ID
	Disabled   *bool
}

// UpdateTeammate changes somebody's place in the team. Disabling ends every
// session and link of the teammate. The last enabled owner stays one: last_owner.
func (s *Service) UpdateTeammate(ctx context.Context, by Principal, id ids.ID, p TeammatePatch) (Teammate, error) {
	if err := by.Require(TeammatesManage); err != nil {
		return Teammate{}, err
	}
	var out Teammate
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		// Owners first, in order, so that two who demote each other meet here.
		owners, err := idList(tx, "lock-owners")
		if err != nil {
			return err
		}
		t, err := oneTeammate(tx, "teammate-lock", int64(id))
		if err != nil {
			return err
		}
		before := *t
		if err := s.applyPatch(tx, by, t, p); err != nil {
			return err
		}
		owned, owns := before.Role == Owner && !before.Disabled, t.Role == Owner && !t.Disabled
		if owned && !owns && len(owners) <= 1 {
			return fault.New(fault.Conflict, "last_owner", nil)
		}
		if !before.Disabled && t.Disabled {
			if err := s.expel(tx, t.ID); err != nil {
				return err
			}
		}
		rights := before.Role != t.Role || before.Scope != t.Scope || before.Disabled != t.Disabled ||
			!slices.Equal(before.AccountIDs, t.AccountIDs) || !slices.Equal(before.TeamIDs, t.TeamIDs)
		if !rights && before.Name == t.Name {
			out = *t
			return nil
		}
		if err := s.save(tx, t, rights); err != nil {
			return err
		}
		out = *t
		return s.audit(tx, by, "teammate.changed", object("teammate", t.ID), differences(before, *t))
	})
	return out, err
}

func (s *Service) applyPatch(tx *store.Tx, by Principal, t *Teammate, p TeammatePatch) error {
	if err := mayManage(by, t.Role); err != nil {
		return err
	}
	c := checks{}
	if p.Name != nil {
		t.Name = check(&c, *p.Name, cleanName)
	}
	if p.Role != nil {
		if err := mayManage(by, *p.Role); err != nil {
			return err
		}
		c.add(checkRole(*p.Role))
		t.Role = *p.Role
	}
	if p.Scope != nil {
		c.add(checkScope(*p.Scope))
		t.Scope = *p.Scope
	}
	if p.AccountIDs != nil {
		t.AccountIDs = check(&c, *p.AccountIDs, func(v []ids.ID) ([]ids.ID, error) { return uniqueIDs("account_ids", v) })
	}
	if p.Disabled != nil && *p.Disabled != t.Disabled {
		t.Disabled, t.disabledAt = *p.Disabled, 0
		if t.Disabled {
			t.disabledAt = clock.Millis(s.o.Clock.Now())
		}
	}
	var teams []ids.ID
	if p.TeamIDs != nil {
		teams = check(&c, *p.TeamIDs, func(v []ids.ID) ([]ids.ID, error) { return uniqueIDs("team_ids", v) })
	}
	if err := c.err(); err != nil || p.TeamIDs == nil {
		return err
	}
	_, err := s.moveTeams(tx, t, teams)
	return err
}

// expel ends what lets a teammate in.
func (s *Service) expel(tx *store.Tx, id ids.ID) error {
	if err := s.endSessions(tx, id, ""); err != nil {
		return err
	}
	_, err := tx.Exec(queries.Get("drop-links"), int64(id))
	return err
}

// differences are the audit's account of a change.
func differences(a, b Teammate) map[string]any {
	out := map[string]any{}
	note := func(name string, from, to any, changed bool) {
		if changed {
			out[name] = map[string]any{"from": from, "to": to}
		}
	}
	note("name", a.Name, b.Name, a.Name != b.Name)
	note("email", a.Email, b.Email, a.Email != b.Email)
	note("role", a.Role, b.Role, a.Role != b.Role)
	note("scope", a.Scope, b.Scope, a.Scope != b.Scope)
	note("account_ids", a.AccountIDs, b.AccountIDs, !slices.Equal(a.AccountIDs, b.AccountIDs))
	note("team_ids", a.TeamIDs, b.TeamIDs, !slices.Equal(a.TeamIDs, b.TeamIDs))
	note("disabled", a.Disabled, b.Disabled, a.Disabled != b.Disabled)
	return out
}
