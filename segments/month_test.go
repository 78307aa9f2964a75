package segments_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// month is a shop in which anything happens at random, with what is stored
// compared again and again with what a look at everybody's rows says.
type month struct {
	*shop
	rand     *rand.Rand
	people   []ids.ID
	merges   []ids.ID
	segments []ids.ID
	rules    map[ids.ID]rule.Node
	// fails is how many of the next changes are refused by who hears of them.
	fails atomic.Int64
	// key is what tracking calls are made with, signed who has been told of by them.
	key    customers.WriteKey
	signed map[string]bool
	// checks counts comparisons, members and others those that were one or not.
	checks, members, others int
}

var (
	errRefused = errors.New("refused")
	happenings = []string{"Order Completed", "Order Refunded", "Signed In"}
	plans      = []string{"Free", "Pro", "企业版"}
	lengths    = []string{"6h", "1d", "3d", "1w"}
)

func TestAMonth(t *testing.T) {
	steps := 80
	seeds := []uint64{1, 2}
	if os.Getenv("FANWARD_SOAK") == "1" {
		steps, seeds = 1200, []uint64{1, 2, 3, 4, 5, 6}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			each(t, func(s *shop) {
				m := &month{shop: s, rand: rand.New(rand.NewPCG(seed, 7)), rules: map[ids.ID]rule.Node{}}
				m.restart()
				for n := range 10 {
					m.people = append(m.people, m.person(fmt.Sprintf("p%d", n)))
				}
				for n := range 8 {
					m.define(fmt.Sprintf("S%d", n))
				}
				for range steps {
					m.step()
				}
				if m.members < m.checks/20 || m.others < m.checks/20 {
					s.t.Errorf("of %d answers %d were yes: the rules prove little", m.checks, m.members)
				}
			})
		})
	}
}

// restart is a new process: it knows nothing but the rows.
func (m *month) restart() {
	m.Segments = m.NewSegments()
	m.Segments.SetSizes(1+m.rand.IntN(5), 1+m.rand.IntN(5))
	m.Segments.OnChange(func(_ *store.Tx, c segments.Change) error {
		if left := m.fails.Add(-1); left >= 0 {
			if left%2 == 0 {
				panic("the listener breaks")
			}
			return errRefused
		}
		return nil
	})
}

func (m *month) step() {
	m.t.Helper()
	for range 1 + m.rand.IntN(4) {
		m.happen()
	}
	if m.rand.IntN(6) == 0 {
		// A process that ends in the middle, wherever that is.
		ctx, cancel := context.WithCancel(m.Ctx())
		m.fails.Store(m.rand.Int64N(3))
		if m.rand.IntN(2) == 0 {
			cancel()
		}
		_, _ = m.Segments.Round(ctx)
		cancel()
		m.fails.Store(0)
		m.restart()
	}
	switch m.rand.IntN(5) {
	case 0: // to the next edge, and around it
		if next := m.Number(`SELECT COALESCE(min(at), 0) FROM (SELECT min(valid_until) AS at FROM memberships WHERE valid_until > 0 UNION ALL SELECT min(at) FROM segment_wakeups) e`); next > 0 {
			m.moveTo(clock.FromMillis(next).Add(-time.Millisecond))
			m.compare()
			m.moveTo(clock.FromMillis(next))
			m.compare()
			m.moveTo(clock.FromMillis(next).Add(time.Millisecond))
		}
	case 1: // downtime
		m.Clock.Advance(time.Duration(m.rand.Int64N(int64(40 * time.Hour))))
	default:
		m.Clock.Advance(time.Duration(m.rand.Int64N(int64(5 * time.Hour))))
	}
	m.compare()
}

func (m *month) moveTo(at time.Time) {
	if by := at.Sub(m.Clock.Now()); by > 0 {
		m.Clock.Advance(by)
	}
}

// anybody is a person, by one of their records.
func (m *month) anybody() ids.ID {
	c, err := m.Customers.Get(m.Ctx(), pick(m, m.people))
	m.must(err)
	return c.ID
}

func pick[T any](m *month, list []T) T { return list[m.rand.IntN(len(list))] }

// happen changes something about somebody.
func (m *month) happen() {
	m.t.Helper()
	who := m.anybody()
	switch n := m.rand.IntN(22); {
	case n == 21:
		_, err := m.Customers.SetConsent(m.Ctx(), m.Boss, customers.ConsentChange{Customer: who, Channel: pick(m, rule.Channels), Purpose: pick(m, []string{"marketing", "transactional"}),
			State: pick(m, []customers.ConsentState{customers.Granted, customers.Withdrawn}), Source: "asked", ClientKey: m.IDs.Next().String()})
		m.must(err)
	case n == 20:
		m.follow(who)
	case n < 8:
		ago := time.Duration(0)
		switch m.rand.IntN(4) {
		case 0: // late
			ago = time.Duration(m.rand.Int64N(int64(8 * day)))
		case 1: // dated ahead
			ago = -time.Duration(m.rand.Int64N(int64(2 * day)))
		}
		if m.rand.IntN(2) == 0 {
			m.calls(pick(m, happenings), ago)
			return
		}
		m.did(who, pick(m, happenings), ago, map[string]any{"amount": float64(m.rand.IntN(40)-10) / 4, "city": pick(m, plans)})
	case n < 11:
		var value any
		switch m.rand.IntN(4) {
		case 0:
			value = pick(m, plans)
		case 1:
			value = float64(m.rand.IntN(4))
		case 2:
			value = m.Clock.Now().Add(time.Duration(m.rand.IntN(100)-50) * time.Hour).Format(time.RFC3339)
		}
		_, err := m.Customers.Update(m.Ctx(), who, customers.Patch{Attributes: map[string]any{pick(m, []string{"plan", "score", "renews"}): value}})
		m.must(err)
	case n < 13:
		add, remove := []string{pick(m, []string{"vip", "new"})}, []string(nil)
		if m.rand.IntN(2) == 0 {
			add, remove = nil, add
		}
		_, err := m.Customers.SetTags(m.Ctx(), m.Boss, who, add, remove)
		m.must(err)
	case n < 14:
		_, err := m.Customers.MoveStage(m.Ctx(), m.Boss, who, pick(m, []string{"", "lead", "customer", "member"}), "")
		m.must(err)
	case n < 15:
		m.merge(who, m.anybody())
	case n < 16 && len(m.merges) > 0:
		_, err := m.Customers.Undo(m.Ctx(), m.Boss, pick(m, m.merges))
		m.must(err)
	case n < 17:
		m.seen(who)
	case n < 18:
		m.erase(who)
	case n < 19 && len(m.people) < 30:
		m.people = append(m.people, m.person(fmt.Sprintf("late%d", len(m.people))))
	default:
		m.redefine()
	}
}

// calls makes tracking calls, whose marks say what happened.
func (m *month) calls(event string, ago time.Duration) {
	m.t.Helper()
	if m.signed == nil {
		m.signed = map[string]bool{}
		var err error
		m.key, err = m.Customers.CreateWriteKey(m.Ctx(), m.Boss, "Shop", customers.ServerKey)
		m.must(err)
	}
	var list []customers.Call
	for range 1 + m.rand.IntN(3) {
		name := fmt.Sprintf("p%d", m.rand.IntN(10))
		if !m.signed[name] {
			m.signed[name] = true
			list = append(list, customers.Call{Type: customers.CallIdentify, UserID: name, MessageID: m.IDs.Next().String(), At: m.Clock.Now(), Traits: map[string]any{"email": name + "@example.com"}})
		}
		list = append(list, customers.Call{Type: customers.CallTrack, UserID: name, Event: event, MessageID: m.IDs.Next().String(), At: m.Clock.Now().Add(-ago),
			Properties: map[string]any{"amount": float64(m.rand.IntN(40)-10) / 4, "city": pick(m, plans)}})
	}
	_, err := m.Customers.Ingest(m.Ctx(), m.key, list)
	m.must(err)
}

func (m *month) merge(a, b ids.ID) {
	done, err := m.Customers.Merge(m.Ctx(), m.Boss, customers.MergeRequest{Survivor: a, Absorb: b, ClientKey: m.IDs.Next().String(),
		Despite: []string{"two_known_people", "same_channel_account", "undone_before"}})
	if err == nil {
		m.merges = append(m.merges, done.ID)
	}
}

// seen lets somebody be seen now, through an address of theirs.
func (m *month) seen(who ids.ID) {
	list, err := m.Customers.Identities(m.Ctx(), who)
	m.must(err)
	if len(list) == 0 {
		return // merged
	}
	m.must(m.DB.Write(m.Ctx(), func(tx *store.Tx) error {
		_, err := m.Customers.ResolveTx(tx, customers.Key{Kind: list[0].Kind, Namespace: list[0].Namespace, Value: list[0].Value}, true, "", m.Clock.Now())
		return err
	}))
}

// follow gives somebody a WeChat identity, or opens theirs for a while.
func (m *month) follow(who ids.ID) {
	until := clock.Millis(m.Clock.Now().Add(time.Duration(m.rand.IntN(72)-12) * time.Hour))
	if m.Run("UPDATE identities SET open_until = ? WHERE customer_id = ? AND kind = 'openid'", until, who) == 0 {
		m.Run("INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, open_until, created_at) VALUES (?, ?, ?, 'openid', 'x', ?, ?, 0)",
			m.IDs.Next(), who, who, m.IDs.Next().String(), until)
	}
	m.must(m.DB.Write(m.Ctx(), func(tx *store.Tx) error { customers.TouchTx(tx, who); return nil }))
}

// erase removes what came through one address.
func (m *month) erase(who ids.ID) {
	list, err := m.Customers.Identities(m.Ctx(), who)
	m.must(err)
	if len(list) < 1 || strings.HasPrefix(list[0].Value, "erased") {
		return
	}
	i := list[m.rand.IntN(len(list))]
	m.must(m.Inbox.EraseIdentity(m.Ctx(), m.Account, channels.Identity{Kind: i.Kind, Namespace: i.Namespace, Value: i.Value, Tombstone: "erased-" + m.IDs.Next().String()}, ""))
}

func (m *month) define(name string) {
	n := m.tree(2)
	id := m.segment(name, n)
	m.segments, m.rules[id] = append(m.segments, id), n
}

func (m *month) redefine() {
	id := pick(m, m.segments)
	now, err := m.Segments.Get(m.Ctx(), id)
	m.must(err)
	n := m.tree(2)
	_, err = m.Segments.Update(m.Ctx(), m.Boss, id, now.Version, segments.Definition{Name: now.Name, Rule: n})
	if err == nil { // it may go round in a circle
		m.rules[id] = n
	}
}

func (m *month) tree(depth int) rule.Node {
	if depth == 0 || m.rand.IntN(3) == 0 {
		return m.leaf()
	}
	n := rule.Node{Kind: pick(m, []rule.Kind{rule.All, rule.Any, rule.None})}
	for range 1 + m.rand.IntN(3) {
		n.Of = append(n.Of, m.tree(depth-1))
	}
	return n
}

func (m *month) leaf() rule.Node {
	number := float64(m.rand.IntN(4))
	switch m.rand.IntN(12) {
	case 11:
		return rule.Node{Kind: rule.Reachable, Channel: pick(m, []string{"wechat", "email", "webchat", "any"}), Purpose: pick(m, []string{"marketing", "transactional"})}
	case 0:
		return rule.Node{Kind: rule.Attribute, Name: "plan", Op: pick(m, []rule.Op{rule.Equals, rule.NotEquals}), Value: pick(m, plans)}
	case 1:
		return rule.Node{Kind: rule.Attribute, Name: "score", Op: pick(m, []rule.Op{rule.AtLeast, rule.LessThan}), Value: number}
	case 2:
		return rule.Node{Kind: rule.Attribute, Name: "renews", Op: pick(m, []rule.Op{rule.WithinLast, rule.WithinNext, rule.MoreThanAgo}), Duration: pick(m, lengths)}
	case 3:
		return rule.Node{Kind: rule.Tag, Name: pick(m, []string{"vip", "new"})}
	case 4:
		n := rule.Node{Kind: rule.Stage, Values: []any{pick(m, []string{"lead", "customer", "member"})}}
		if m.rand.IntN(2) == 0 {
			n.Duration = pick(m, lengths)
		}
		return n
	case 5:
		return rule.Node{Kind: rule.Dormant, Duration: pick(m, lengths)}
	case 6:
		return rule.Node{Kind: rule.Time, Name: pick(m, happenings), Which: pick(m, []string{"first", "last"}), Op: pick(m, []rule.Op{rule.WithinLast, rule.MoreThanAgo}), Duration: pick(m, lengths)}
	case 7:
		if len(m.segments) > 0 {
			return rule.Node{Kind: rule.Segment, ID: pick(m, m.segments).String()}
		}
	case 8:
		return rule.Node{Kind: rule.Events, Name: pick(m, happenings), Measure: rule.Sum, Property: "amount", Op: pick(m, []rule.Op{rule.AtLeast, rule.LessThan}), Value: number, Window: &rule.Window{Last: pick(m, lengths)}}
	case 9:
		return rule.Node{Kind: rule.Events, Name: pick(m, happenings), Op: rule.AtLeast, Value: 1.0, Where: []rule.Filter{{Property: "city", Op: rule.Equals, Value: pick(m, plans)}}}
	}
	return rule.Node{Kind: rule.Events, Name: pick(m, happenings), Op: pick(m, []rule.Op{rule.AtLeast, rule.LessThan, rule.Equals}), Value: number, Window: &rule.Window{Last: pick(m, lengths)}}
}

// compare holds what is stored against a look at everybody's rows, by SQL, by the
// matcher, and by brute force over what was written down.
func (m *month) compare() {
	m.t.Helper()
	m.arrive()
	m.Settle()
	now := m.Clock.Now()
	q := m.DB.Reader(m.Ctx())
	people := map[ids.ID]*oracle.Person{}
	for _, who := range m.people {
		people[who] = stored.Read(m.t, q, int64(who))
	}
	for _, segment := range m.segments {
		members := m.stored(segment)
		bySQL, err := m.Segments.People(m.Ctx(), m.rules[segment], 0, 1000)
		m.must(err)
		if !slices.Equal(members, bySQL) {
			m.t.Fatalf("%v: segment %v stores %v, SQL says %v: %+v", now, segment, members, bySQL, m.rules[segment])
		}
		for _, who := range m.people {
			if m.Number("SELECT merged_into FROM customers WHERE id = ?", who) != 0 {
				continue
			}
			r, err := m.Segments.MatchTx(q, m.rules[segment], who, now)
			m.must(err)
			_, in := slices.BinarySearch(members, who)
			if m.checks++; in != r.Match {
				m.t.Fatalf("%v: %v in segment %v: stored %v, matched %+v", now, who, segment, in, r)
			}
			if want := oracle.Match(m.spelled(m.rules[segment]), people[who], clock.Millis(now)); in != want {
				m.t.Fatalf("%v: %v in segment %v: stored %v, the oracle says %v: %+v of %+v", now, who, segment, in, want, m.rules[segment], people[who])
			}
			if in {
				m.members++
			} else {
				m.others++
			}
		}
		if size := m.Number("SELECT size FROM segments WHERE id = ?", segment); size != int64(len(members)) {
			m.t.Fatalf("segment %v has size %d and %d members", segment, size, len(members))
		}
	}
	if n := m.Number("SELECT count(*) FROM touched"); n != 0 {
		m.t.Fatalf("%d people are still waiting", n)
	}
	if n := m.Number("SELECT count(*) FROM memberships m JOIN customers c ON c.id = m.customer_id WHERE c.merged_into <> 0"); n != 0 {
		m.t.Fatalf("%d memberships of records that are part of others", n)
	}
	m.history()
}

// arrive lets events come to whoever has their identity: until they have, rows read
// by themselves, as SQL and the oracle do, do not say whose they are.
func (m *month) arrive() {
	m.t.Helper()
	waiting := func() bool { return m.Number("SELECT count(*) FROM event_moves") > 0 }
	if !waiting() {
		return
	}
	ctx, cancel := context.WithCancel(m.Ctx())
	var running sync.WaitGroup
	running.Go(func() { m.Customers.RunMoves(ctx, nil, func(err error) { m.t.Error(err) }) })
	testkit.Eventually(m.t, time.Minute, "all events have followed", func() bool { return !waiting() })
	cancel()
	running.Wait()
}

// spelled is a rule with the segments it names spelled out, as the oracle reads them.
func (m *month) spelled(n rule.Node) rule.Node {
	if n.Kind == rule.Segment {
		id, err := ids.Parse(n.ID)
		m.must(err)
		n.Of = []rule.Node{m.spelled(m.rules[id])}
		return n
	}
	of := make([]rule.Node, len(n.Of))
	for i, below := range n.Of {
		of[i] = m.spelled(below)
	}
	n.Of = of
	return n
}

func (m *month) stored(segment ids.ID) []ids.ID {
	m.t.Helper()
	var b store.Builder
	b.Add("SELECT customer_id FROM memberships WHERE segment_id = ? ORDER BY customer_id", segment)
	query, args := b.Query()
	rows, err := m.DB.Reader(m.Ctx()).Query(query, args...)
	out, err := store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) })
	m.must(err)
	return out
}

// history holds the changes that were written down against the memberships: of
// everybody the last one says where they stand, and entering and leaving
// alternate.
func (m *month) history() {
	m.t.Helper()
	wrong := m.Number(`SELECT count(*) FROM (
		SELECT segment_id, customer_id, sum(CASE WHEN entered THEN 1 ELSE -1 END) AS n FROM membership_changes GROUP BY segment_id, customer_id) h
		LEFT JOIN memberships m ON m.segment_id = h.segment_id AND m.customer_id = h.customer_id
		WHERE h.n <> CASE WHEN m.customer_id IS NULL THEN 0 ELSE 1 END`)
	if wrong != 0 {
		m.t.Fatalf("%d people whose history does not end where they are", wrong)
	}
}
