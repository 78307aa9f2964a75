package segments

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

// Create makes a segment; who is in it is found out in the background.
func (s *Service) Create(ctx context.Context, p auth.Principal, d Definition) (*Segment, error) {
	if err := p.Require(auth.SegmentsManage); err != nil {
		return nil, err
	}
	id := s.ids.Next()
	err := s.redefine(ctx, func(tx *store.Tx, all map[ids.ID]*definition) error {
		if n := countVisible(all); n >= MaxSegments {
			return fault.New(fault.Conflict, "too_many_segments", fault.Params{"max": MaxSegments})
		}
		raw, err := s.accept(tx, all, id, &d)
		if err != nil {
			return err
		}
		now := clock.Millis(s.clk.Now())
		if _, err := tx.Exec(queries.Get("insert"), id, d.Name, text.Fold(d.Name), d.Description, raw, "", now, now, now); err != nil {
			return err
		}
		if err := announceTx(tx, id, true, s.clk.Now()); err != nil {
			return err
		}
		return s.auditTx(tx, p, "segment.created", id, d.Name)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// Update changes a segment that still has the version; when the rule is another
// one, it and the segments that name it are built anew.
func (s *Service) Update(ctx context.Context, p auth.Principal, id ids.ID, version int64, d Definition) (*Segment, error) {
	if err := p.Require(auth.SegmentsManage); err != nil {
		return nil, err
	}
	err := s.redefine(ctx, func(tx *store.Tx, all map[ids.ID]*definition) error {
		now, err := scanSegment(tx.QueryRow(queries.Get("segment"), id))
		if err != nil {
			return err
		}
		if now.Version != version {
			return fault.New(fault.Conflict, "segment_changed", fault.Params{"version": now.Version})
		}
		raw, err := s.accept(tx, all, id, &d)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(queries.Get("update"), d.Name, text.Fold(d.Name), d.Description, raw, clock.Millis(s.clk.Now()), id); err != nil {
			return err
		}
		if !sameRule(now.Rule, d.Rule) || now.State == Failed {
			if err := restart(tx, append(dependents(all, id), id), clock.Millis(s.clk.Now())); err != nil {
				return err
			}
		}
		if err := announceTx(tx, id, true, s.clk.Now()); err != nil {
			return err
		}
		return s.auditTx(tx, p, "segment.updated", id, d.Name)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// Rebuild goes through everybody again. Memberships are exact without it; it is
// for who wants to see that they are.
func (s *Service) Rebuild(ctx context.Context, p auth.Principal, id ids.ID) (*Segment, error) {
	if err := p.Require(auth.SegmentsManage); err != nil {
		return nil, err
	}
	err := s.redefine(ctx, func(tx *store.Tx, _ map[ids.ID]*definition) error {
		now, err := scanSegment(tx.QueryRow(queries.Get("segment"), id))
		if err != nil {
			return err
		}
		if err := restart(tx, []ids.ID{id}, 0); err != nil {
			return err
		}
		return s.auditTx(tx, p, "segment.rebuilt", id, now.Name)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// Delete takes a segment away that nothing needs: segment_in_use names what does.
// Nobody is told to have left it.
func (s *Service) Delete(ctx context.Context, p auth.Principal, id ids.ID) error {
	if err := p.Require(auth.SegmentsManage); err != nil {
		return err
	}
	return s.redefine(ctx, func(tx *store.Tx, all map[ids.ID]*definition) error {
		now, err := scanSegment(tx.QueryRow(queries.Get("segment"), id))
		if err != nil {
			return err
		}
		uses, err := s.usesOf(tx, all, id)
		if err != nil {
			return err
		}
		if len(uses) > 0 {
			return fault.New(fault.Conflict, "segment_in_use", fault.Params{"by": namesOf(uses), "used_by": uses})
		}
		if _, err := tx.Exec(queries.Get("delete"), clock.Millis(s.clk.Now()), id); err != nil {
			return err
		}
		if err := announceTx(tx, id, true, s.clk.Now()); err != nil {
			return err
		}
		return s.auditTx(tx, p, "segment.deleted", id, now.Name)
	})
}

// redefine changes what programs mean, one change after the other.
func (s *Service) redefine(ctx context.Context, change func(tx *store.Tx, all map[ids.ID]*definition) error) error {
	return s.db.Write(ctx, func(tx *store.Tx) error { return redefineTx(tx, change) })
}

func redefineTx(tx *store.Tx, change func(tx *store.Tx, all map[ids.ID]*definition) error) error {
	var one int64
	if err := tx.QueryRow(queries.Get("own-programs")).Scan(&one); err != nil {
		return err
	}
	all, err := definitions(tx)
	if err != nil {
		return err
	}
	if err := change(tx, all); err != nil {
		return err
	}
	tx.Hint(customers.TopicTouched)
	_, err = tx.Exec(queries.Get("bump"))
	return err
}

// accept checks a definition of the segment id and gives its rule's stored form.
func (s *Service) accept(tx *store.Tx, all map[ids.ID]*definition, id ids.ID, d *Definition) (string, error) {
	bad := d.clean()
	wrong, err := s.check(tx, all, id, d.Rule, "rule")
	if err != nil {
		return "", err
	}
	if bad = append(bad, wrong...); len(bad) > 0 {
		return "", fault.AtFields(bad...)
	}
	var same int64
	if err := tx.QueryRow(queries.Get("by-name"), text.Fold(d.Name), id).Scan(&same); err != nil {
		return "", err
	}
	if same > 0 {
		return "", fault.AtField("name", "name_taken", nil)
	}
	return rawRule(d.Rule)
}

// restart lets segments be built anew, which mean something else since an
// instant; 0: they mean what they meant.
func restart(tx *store.Tx, list []ids.ID, since int64) error {
	for _, id := range list {
		if _, err := tx.Exec(queries.Get("restart"), since, id); err != nil {
			return err
		}
	}
	return nil
}

func countVisible(all map[ids.ID]*definition) (n int) {
	for _, d := range all {
		if d.owner == "" {
			n++
		}
	}
	return n
}

func sameRule(a, b rule.Node) bool {
	x, err1 := canonical(a)
	y, err2 := canonical(b)
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}

// canonical is a rule as it comes back from the store.
func canonical(n rule.Node) (out any, err error) {
	raw, err := json.Marshal(n)
	if err == nil {
		err = rule.Decode(raw, &out)
	}
	return out, err
}

func (s *Service) auditTx(tx *store.Tx, p auth.Principal, action string, id ids.ID, name string) error {
	if s.auditor == nil {
		return nil
	}
	return s.auditor.AuditTx(tx, p, action, "segment/"+id.String(), map[string]any{"name": name})
}

// Get reads one segment.
func (s *Service) Get(ctx context.Context, id ids.ID) (*Segment, error) {
	var out *Segment
	err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if out, err = scanSegment(q.QueryRow(queries.Get("segment"), id)); err != nil {
			return err
		}
		all, err := definitions(q)
		if err != nil {
			return err
		}
		if out.UsedBy, err = s.usesOf(q, all, id); err != nil {
			return err
		}
		return s.freshen(q, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// List lists the segments that teammates have made, by name.
func (s *Service) List(ctx context.Context) ([]*Segment, error) {
	var out []*Segment
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		rows, err := q.Query(queries.Get("visible"))
		if out, err = store.Collect(rows, err, scanSegment); err != nil {
			return err
		}
		all, err := definitions(q)
		if err != nil {
			return err
		}
		for _, one := range out {
			if one.UsedBy, err = s.usesOf(q, all, one.ID); err != nil {
				return err
			}
		}
		return s.freshen(q, out...)
	})
	return out, err
}

func scanSegment(r store.Row) (*Segment, error) {
	var out Segment
	var raw []byte
	var done, total, built, created, updated int64
	err := r.Scan(&out.ID, &out.Name, &out.Description, &raw, &out.State, &out.Version, &out.Size, &done, &total, &built, &created, &updated)
	if errors.Is(err, store.ErrNoRows) {
		return nil, fault.Missing("segment")
	}
	if err != nil {
		return nil, err
	}
	out.CreatedAt, out.UpdatedAt, out.FreshAt = clock.FromMillis(created), clock.FromMillis(updated), clock.FromMillis(built)
	out.Progress = progress(out.State, done, total)
	out.Rule, err = rule.Parse(raw)
	return &out, err
}

func progress(state string, done, total int64) int {
	switch {
	case state == Ready:
		return 100
	case total == 0:
		return 0
	}
	return int(min(99, done*100/total))
}

// freshen says by when everything is in segments: now, unless somebody waits.
func (s *Service) freshen(q store.Querier, list ...*Segment) error {
	var waiting, due int64
	if err := q.QueryRow(queries.Get("anybody-waiting")).Scan(&waiting); err != nil {
		return err
	}
	if err := q.QueryRow(qNextEdge).Scan(&due); err != nil {
		return err
	}
	now := s.clk.Now()
	fresh := now
	if waiting > 0 || due > 0 && due <= clock.Millis(now) {
		fresh = time.Time{}
		if at := s.fresh.Load(); at > 0 {
			fresh = clock.FromMillis(at)
		}
	}
	for _, one := range list {
		switch {
		case one.State != Ready: // as of the build before
			if one.FreshAt.UnixMilli() == 0 {
				one.FreshAt = one.CreatedAt
			}
		case fresh.After(one.FreshAt):
			one.FreshAt = fresh
		}
	}
	return nil
}
