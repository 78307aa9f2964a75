package auth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Team is a group of teammates that conversations are given to.
type Team struct {
	ID        ids.ID   `json:"id"`
	Name      string   `json:"name"`
	MemberIDs []ids.ID `json:"member_ids"`
}

func scanTeam(r store.Row) (*Team, error) {
	t := Team{MemberIDs: []ids.ID{}}
	return &t, r.Scan(&t.ID, &t.Name)
}

func lockTeam(tx *store.Tx, id ids.ID) (*Team, error) {
	t, err := scanTeam(tx.QueryRow(queries.Get("team-lock"), int64(id)))
	if errors.Is(err, store.ErrNoRows) {
		return nil, fault.Missing("team")
	}
	if err != nil {
		return nil, err
	}
	t.MemberIDs, err = idList(tx, "members-of", int64(id))
	return t, err
}

// Teams lists the teams by name.
func (s *Service) Teams(ctx context.Context) ([]Team, error) {
	out := []Team{}
	err := s.o.DB.Snapshot(ctx, func(q store.Querier) error {
		rows, err := q.Query(queries.Get("teams"))
		all, err := store.Collect(rows, err, scanTeam)
		if err != nil {
			return err
		}
		byID := make(map[ids.ID]*Team, len(all))
		for _, t := range all {
			byID[t.ID] = t
		}
		err = eachMembership(q, func(team, teammate ids.ID) { byID[team].MemberIDs = append(byID[team].MemberIDs, teammate) })
		out = out[:0]
		for _, t := range all {
			out = append(out, *t)
		}
		return err
	})
	return out, err
}

// CreateTeam makes a team with its first members.
func (s *Service) CreateTeam(ctx context.Context, by Principal, name string, members []ids.ID) (Team, error) {
	if err := by.Require(TeammatesManage); err != nil {
		return Team{}, err
	}
	c := checks{}
	t := Team{ID: s.o.IDs.Next(), Name: check(&c, name, cleanName)}
	members = check(&c, members, func(v []ids.ID) ([]ids.ID, error) { return uniqueIDs("member_ids", v) })
	if err := c.err(); err != nil {
		return Team{}, err
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t.MemberIDs = []ids.ID{}
		n, err := tx.Exec(queries.Get("insert-team"), int64(t.ID), t.Name, clock.Millis(s.o.Clock.Now()))
		if err != nil {
			return err
		}
		if n == 0 {
			return nameTaken()
		}
		if err := s.setMembers(tx, &t, members); err != nil {
			return err
		}
		if err := s.tell(tx, "team", 0, map[string]any{"team": t}); err != nil {
			return err
		}
		return s.audit(tx, by, "team.created", object("team", t.ID), map[string]any{"name": t.Name, "member_ids": t.MemberIDs})
	})
	return t, err
}

func nameTaken() error { return taken("name", fault.New(fault.Conflict, "name_taken", nil)) }

// TeamPatch changes what is not nil.
type TeamPatch struct {
	Name      *string
	MemberIDs *[]ids.ID
}

// UpdateTeam renames a team or changes who is in it. Teammates who join or
// leave see other conversations at once.
func (s *Service) UpdateTeam(ctx context.Context, by Principal, id ids.ID, p TeamPatch) (Team, error) {
	if err := by.Require(TeammatesManage); err != nil {
		return Team{}, err
	}
	c := checks{}
	var name string
	var members []ids.ID
	if p.Name != nil {
		name = check(&c, *p.Name, cleanName)
	}
	if p.MemberIDs != nil {
		members = check(&c, *p.MemberIDs, func(v []ids.ID) ([]ids.ID, error) { return uniqueIDs("member_ids", v) })
	}
	if err := c.err(); err != nil {
		return Team{}, err
	}
	var out Team
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := lockTeam(tx, id)
		if err != nil {
			return err
		}
		before := *t
		if p.Name != nil && name != t.Name {
			if err := s.rename(tx, t, name); err != nil {
				return err
			}
		}
		if p.MemberIDs != nil {
			if err := s.setMembers(tx, t, members); err != nil {
				return err
			}
		}
		out = *t
		if before.Name == t.Name && slices.Equal(before.MemberIDs, t.MemberIDs) {
			return nil
		}
		if err := s.tell(tx, "team", 0, map[string]any{"team": t}); err != nil {
			return err
		}
		return s.audit(tx, by, "team.changed", object("team", id), map[string]any{
			"name": map[string]any{"from": before.Name, "to": t.Name}, "member_ids": map[string]any{"from": before.MemberIDs, "to": t.MemberIDs},
		})
	})
	return out, err
}

func (s *Service) rename(tx *store.Tx, t *Team, name string) error {
	var n int
	if err := tx.QueryRow(queries.Get("team-name-taken"), name, int64(t.ID)).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return nameTaken()
	}
	t.Name = name
	_, err := tx.Exec(queries.Get("rename-team"), name, int64(t.ID))
	return err
}

// setMembers makes members those of t and tells of every teammate whose teams
// change; their rights change with them.
func (s *Service) setMembers(tx *store.Tx, t *Team, members []ids.ID) error {
	before := t.MemberIDs
	t.MemberIDs = append([]ids.ID{}, members...)
	touched := append(slices.Clone(before), members...)
	slices.Sort(touched)
	for _, id := range slices.Compact(touched) {
		was, is := slices.Contains(before, id), slices.Contains(members, id)
		if was == is {
			continue
		}
		mate, err := oneTeammate(tx, "teammate-lock", int64(id))
		if fault.KindOf(err) == fault.NotFound {
			return fault.AtField("member_ids", "teammate_unknown", nil)
		}
		if err != nil {
			return err
		}
		query := "leave-team"
		if is {
			query = "join-team"
		}
		if _, err := tx.Exec(queries.Get(query), int64(t.ID), int64(id)); err != nil {
			return err
		}
		if mate.TeamIDs, err = idList(tx, "teams-of", int64(id)); err != nil {
			return err
		}
		if err := s.save(tx, mate, true); err != nil {
			return err
		}
	}
	return nil
}

// tellTeam tells of a team whose members have changed.
func (s *Service) tellTeam(tx *store.Tx, id ids.ID) error {
	t, err := lockTeam(tx, id)
	if err != nil {
		return err
	}
	return s.tell(tx, "team", 0, map[string]any{"team": t})
}

// DeleteTeam removes a team; Options.TeamDeleted lets its conversations go in
// the same transaction.
func (s *Service) DeleteTeam(ctx context.Context, by Principal, id ids.ID) error {
	if err := by.Require(TeammatesManage); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := lockTeam(tx, id)
		if err != nil {
			return err
		}
		name := t.Name
		if err := s.setMembers(tx, t, nil); err != nil {
			return err
		}
		if err := s.o.TeamDeleted(tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(queries.Get("delete-team"), int64(id)); err != nil {
			return err
		}
		if err := s.tell(tx, "team", 0, map[string]any{"team_id": id, "deleted": true}); err != nil {
			return err
		}
		return s.audit(tx, by, "team.deleted", object("team", id), map[string]any{"name": name})
	})
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("auth: " + err.Error()) // only plain values are given
	}
	return string(b)
}

// storable drops what a text column cannot hold.
func storable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}
