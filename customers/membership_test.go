package customers_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// moved is a move between stages in the model: it was made of one sheet.
type moved struct {
	id    ids.ID
	sheet int
	stage string
	at    int64
}

var (
	modelTags   = []string{"vip", "Ångström", "老客户"}
	modelStages = []string{"", "target", "lead", "customer", "member", "fan", "lapsed"}
)

// some picks one of the identities that have been met.
func (w *world) some() (name string, customer ids.ID, ok bool) {
	if len(w.m.sheet) == 0 {
		return "", 0, false
	}
	var all []string
	for name := range w.m.sheet {
		all = append(all, name)
	}
	slices.Sort(all)
	name = all[w.rng.IntN(len(all))]
	k := keyOf(w.t, name)
	return name, ids.ID(w.h.Number("SELECT customer_id FROM identities WHERE kind = ? AND namespace = ? AND value = ?", k.Kind, k.Namespace, k.Value)), true
}

func (w *world) tag() {
	name, customer, ok := w.some()
	if !ok {
		return
	}
	tag := modelTags[w.rng.IntN(len(modelTags))]
	heap := w.m.heap(w.m.sheet[name])
	var add, remove []string
	if w.rng.IntN(3) == 0 {
		remove = []string{strings.ToUpper(tag)}
		for s := range heap {
			delete(w.m.tags, fmt.Sprint(s, tag))
		}
	} else {
		add = []string{" " + tag}
		has := false
		for s := range heap {
			has = has || w.m.tags[fmt.Sprint(s, tag)]
		}
		if !has {
			w.m.tags[fmt.Sprint(w.sheetOf(customer, name), tag)] = true
		}
	}
	w.say("tag %s: add %v, remove %v", name, add, remove)
	if _, err := w.h.Customers.SetTags(w.h.Ctx(), w.h.Boss, customer, add, remove); err != nil {
		w.fail("%v", err)
	}
}

func (w *world) move() {
	name, customer, ok := w.some()
	if !ok {
		return
	}
	w.h.Clock.Advance(1e9)
	to := modelStages[w.rng.IntN(len(modelStages))]
	w.say("move %s to %q", name, to)
	before, _ := w.m.stands(w.m.sheet[name])
	if _, err := w.h.Customers.MoveStage(w.h.Ctx(), w.h.Boss, customer, to, "because"); err != nil {
		w.fail("%v", err)
	}
	if before != to {
		id := ids.ID(w.h.Number("SELECT max(id) FROM stage_changes WHERE reason_kind = 'manual'"))
		w.m.moves = append(w.m.moves, moved{id, w.sheetOf(customer, name), to, clock.Millis(w.h.Clock.Now())})
	}
}

// stands tells where the heap of a sheet stands: of all that was said of it, in
// its order, each move counts for everybody clipped together by then.
func (m *model) stands(sheet int) (stage string, since int64) {
	type at struct {
		stage string
		since int64
	}
	rank := func(a at) int {
		return slices.Index([]string{"", "lapsed", "target", "lead", "customer", "member", "fan"}, a.stage)
	}
	says := map[int]at{}
	var done []clip
	together := func(s int) map[int]bool {
		was := m.clips
		m.clips = done
		defer func() { m.clips = was }()
		return m.heap(s)
	}
	moves := slices.Clone(m.moves)
	catchUp := func(before ids.ID) {
		for len(moves) > 0 && (before == 0 || moves[0].id < before) {
			for s := range together(moves[0].sheet) {
				says[s] = at{moves[0].stage, moves[0].at}
			}
			moves = moves[1:]
		}
	}
	for _, c := range slices.SortedFunc(slices.Values(m.clips), func(a, b clip) int { return int(a.id - b.id) }) {
		catchUp(c.id)
		best := says[c.a]
		if o := says[c.b]; rank(o) > rank(best) || o.stage == best.stage && o.since < best.since {
			best = o
		}
		done = append(done, c)
		for s := range together(c.a) {
			says[s] = best
		}
	}
	catchUp(0)
	return says[sheet].stage, says[sheet].since
}

// checkStanding compares tags and stage of everybody.
func (w *world) checkStanding() {
	for name, sheet := range w.m.sheet {
		k := keyOf(w.t, name)
		c := get(w.t, w.h, ids.ID(w.h.Number("SELECT customer_id FROM identities WHERE kind = ? AND namespace = ? AND value = ?", k.Kind, k.Namespace, k.Value)))
		var tags []string
		for _, tag := range modelTags {
			for s := range w.m.heap(sheet) {
				if w.m.tags[fmt.Sprint(s, tag)] {
					tags = append(tags, tag)
					break
				}
			}
		}
		got := slices.Clone(c.Tags)
		slices.Sort(tags)
		slices.Sort(got)
		if fmt.Sprint(got) != fmt.Sprint(tags) {
			w.fail("%s has the tags %v, want %v", name, got, tags)
		}
		stage, since := w.m.stands(sheet)
		key, at := "", int64(0)
		if c.Stage != nil {
			key, at = c.Stage.Key, clock.Millis(c.Stage.Since)
		}
		if key != stage || stage != "" && at != since {
			w.fail("%s stands in %q since %d, want %q since %d", name, key, at, stage, since)
		}
	}
}

// evident is everything of each customer that a rule could ask for.
func (w *world) evident() map[ids.ID]string {
	w.t.Helper()
	out := map[ids.ID]string{}
	for _, sql := range []string{
		"SELECT id, 'row', CASE WHEN merged_into > 0 THEN 'merged' ELSE facts || stage || stage_since || '/' || last_seen_at END FROM customers ORDER BY id",
		"SELECT customer_id, 'tag', CAST(min(tag_id) AS TEXT) FROM customer_tags GROUP BY customer_id, tag_id ORDER BY customer_id, tag_id",
		"SELECT customer_id, 'event', CAST(id AS TEXT) FROM events ORDER BY customer_id, id",
		"SELECT customer_id, kind, value || grants || suppressed FROM identities ORDER BY customer_id, id",
	} {
		var b store.Builder
		b.Add(sql)
		q, args := b.Query()
		rows, err := w.h.DB.Reader(w.h.Ctx()).Query(q, args...)
		_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
			var id ids.ID
			var what, value string
			err := r.Scan(&id, &what, &value)
			out[id] += what + "=" + value + "\n"
			return struct{}{}, err
		})
		if err != nil {
			w.fail("%v", err)
		}
	}
	return out
}

// checkTouched holds that everybody whose membership may have changed is noted.
func (w *world) checkTouched(before map[ids.ID]string) {
	after := w.evident()
	for id, now := range after {
		if before[id] != now && w.h.Number("SELECT count(*) FROM touched WHERE customer_id = ?", id) == 0 {
			w.fail("%s is not touched; it was\n%s\nand is\n%s", id, before[id], now)
		}
	}
	w.h.Run("DELETE FROM touched")
}
