package index_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/index"
	"github.com/fanward/fanward/segments/rule"
)

// row is a person of the oracle as their rows are.
func row(t testing.TB, p *oracle.Person) index.Person {
	k := stored.Know(t, p)
	r := index.Person{ID: p.ID, Facts: k.Attributes().JSON(), CreatedAt: p.CreatedAt, LastSeenAt: p.LastSeenAt, Stage: p.Stage, StageSince: p.StageSince}
	for _, tag := range p.Tags {
		r.Tags = append(r.Tags, text.Fold(tag))
	}
	for _, channel := range rule.Channels {
		for _, purpose := range []string{rule.Marketing, rule.Transactional} {
			if until, ok := k.Reach(channel, purpose); ok {
				r.Reach = append(r.Reach, index.Reach{Channel: channel, Purpose: purpose, Until: until})
			}
		}
	}
	return r
}

func event(t testing.TB, p *oracle.Person, e oracle.Event) index.Event {
	return index.Event{Customer: p.ID, Name: e.Name, At: e.At, Facts: stored.EventFacts(t, e).JSON()}
}

func events(t testing.TB, people ...*oracle.Person) (list []index.Event) {
	for _, p := range people {
		for _, e := range p.Events {
			list = append(list, event(t, p, e))
		}
	}
	slices.SortStableFunc(list, func(a, b index.Event) int {
		return cmp.Or(cmp.Compare(a.Customer, b.Customer), cmp.Compare(a.Name, b.Name), cmp.Compare(a.At, b.At))
	})
	return list
}

func each[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func load(t testing.TB, o index.Options, people []*oracle.Person) *index.Index {
	t.Helper()
	var rows []index.Person
	for _, p := range people {
		rows = append(rows, row(t, p))
	}
	x, err := index.Load(o, each(rows), each(events(t, people...)))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestOracle holds the index to the oracle, as loaded and after late events,
// changed profiles, merges and erasures.
func TestOracle(t *testing.T) {
	for seed := range uint64(3) {
		w := oracle.NewWorld(50 + seed)
		// More people than one worker takes at a time would take long to judge; an
		// odd number leaves a word of bits half used.
		people, _ := w.People(201)
		x := load(t, index.Options{}, people)
		for step := range 4 {
			for range 25 {
				hold(t, w, x, people)
			}
			people = change(t, w, x, people, 5+20*step)
		}
		if s := x.Stats(); s.Changed < 20 || s.Events < 500 || len(s.Dropped) > 0 {
			t.Errorf("%+v", s)
		}
	}
}

func hold(t *testing.T, w *oracle.World, x *index.Index, people []*oracle.Person) {
	t.Helper()
	at := w.Instant(people)
	leaves := make([]rule.Node, 1+w.IntN(4))
	for i := range leaves {
		leaves[i] = w.Leaf(people, at)
	}
	if len(leaves) == 1 {
		at = w.EdgeOf(leaves[0], people, at)
	}
	n := w.Tree(leaves)
	program, err := rule.Compile(n)
	if err != nil {
		t.Fatal(err)
	}
	var want []int64
	for _, p := range people {
		if oracle.Match(n, p, at) {
			want = append(want, p.ID)
		}
	}
	slices.Sort(want)
	got, err := x.Members(program, at)
	count, errCount := x.Count(program, at)
	if err != nil || errCount != nil || !slices.Equal(got, want) || count != len(want) {
		raw, _ := json.Marshal(n)
		t.Fatalf("%d: found %v, %v, %v, not %v, at %d\n%s", count, got, err, errCount, want, at, raw)
	}
	holdPeople(t, x, people, program, want, at)
	slices.SortFunc(people, func(a, b *oracle.Person) int {
		return cmp.Or(cmp.Compare(b.LastSeenAt, a.LastSeenAt), cmp.Compare(b.ID, a.ID))
	})
	var latest []int64
	for _, p := range people {
		if len(latest) < 5 && slices.Contains(want, p.ID) {
			latest = append(latest, p.ID)
		}
	}
	if got, err := x.Latest(program, at, 5); err != nil || !slices.Equal(got, latest) {
		t.Fatalf("the latest are %v, %v, not %v", got, err, latest)
	}
}

// holdPeople takes everybody out of the index and asks them one by one.
func holdPeople(t *testing.T, x *index.Index, people []*oracle.Person, program *rule.Program, want []int64, at int64) {
	t.Helper()
	ids := []int64{-1}
	for _, p := range people {
		ids = append(ids, p.ID)
	}
	each, err := x.People(ids, index.WantOf(program.Tree()))
	if err != nil || len(each) != len(people) {
		t.Fatalf("%d of %d people, %v", len(each), len(people), err)
	}
	for id, who := range each {
		is, until := program.Eval(who, at)
		if is != slices.Contains(want, id) {
			t.Fatalf("taken out of the index, %d is %v at %d", id, is, at)
		}
		if id%16 != 0 {
			continue
		}
		i := slices.IndexFunc(people, func(p *oracle.Person) bool { return p.ID == id })
		if _, same := program.Eval(stored.Know(t, people[i]), at); until != same {
			t.Fatalf("taken out of the index, %d is so until %d, not %d", id, until, same)
		}
	}
}

// change does to some people what the house may do, and tells the index.
func change(t *testing.T, w *oracle.World, x *index.Index, people []*oracle.Person, times int) []*oracle.Person {
	t.Helper()
	others, _ := w.People(times)
	for i, other := range others {
		p := people[w.IntN(len(people))]
		other.ID = p.ID
		var err error
		switch w.IntN(5) {
		case 0: // events, most of them late
			p.Events = append(p.Events, other.Events...)
			list := events(t, other)
			w.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			err = x.Apply(list...)
		case 1: // another profile
			other.Events = p.Events
			*p = *other
			err = x.Put(row(t, p))
		case 2: // somebody new
			other.ID = 10_000_000 + int64(times*1000+i)
			people = append(people, other)
			err = errors.Join(x.Put(row(t, other)), x.Apply(events(t, other)...))
		case 3: // joined by another, who is nobody any more
			j := slices.IndexFunc(people, func(o *oracle.Person) bool { return o != p })
			gone := people[j]
			p.Events = append(p.Events, gone.Events...)
			people = slices.Delete(people, j, j+1)
			err = x.Replace([]int64{p.ID, gone.ID}, []index.Person{row(t, p)}, events(t, p))
			err = errors.Join(err, x.Apply(index.Event{Customer: gone.ID, Name: oracle.EventNames[0], At: w.Now}))
		case 4: // erased
			*p = oracle.Person{ID: p.ID, CreatedAt: p.CreatedAt, Attributes: json.RawMessage("{}")}
			err = x.Replace([]int64{p.ID}, []index.Person{row(t, p)}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return people
}

func compile(t testing.TB, tree string) *rule.Program {
	t.Helper()
	n, err := rule.Parse(json.RawMessage(strings.ReplaceAll(tree, "'", `"`)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := rule.Compile(n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBounds: what has too many different values, or does not fit, is given up,
// and the index says so instead of answering wrongly.
func TestBounds(t *testing.T) {
	var people []index.Person
	var list []index.Event
	for i := range int64(3000) {
		people = append(people, index.Person{ID: i + 1, CreatedAt: 1, Facts: fmt.Sprintf(`{"code":{"s":"c%d"},"city":{"s":"wien"}}`, i)})
		list = append(list, index.Event{Customer: i + 1, Name: "Order", At: i, Facts: fmt.Sprintf(`{"order":{"s":"o%d"},"paid":{"b":1}}`, i)})
	}
	ask := map[string]*rule.Program{
		"attribute code": compile(t, `{'kind':'attribute','name':'code','op':'equals','value':'c7'}`),
		"Order: order":   compile(t, `{'kind':'event','name':'Order','op':'at_least','value':1,'where':[{'property':'order','op':'equals','value':'o7'}]}`),
	}
	whole, err := index.Load(index.Options{}, each(people), each(list))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []index.Options{{MaxDistinct: 1000}, {MaxBytes: whole.Stats().Bytes / 3}} {
		x, err := index.Load(o, each(people), each(list))
		if err != nil {
			t.Fatal(err)
		}
		if s := x.Stats(); !slices.Equal(s.Dropped, []string{"Order: order", "attribute code"}) || o.MaxBytes > 0 && s.Bytes > o.MaxBytes {
			t.Errorf("%+v", s)
		}
		for name, p := range ask {
			if n, err := whole.Count(p, 5000); n != 1 || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
			if n, err := x.Count(p, 5000); !errors.Is(err, index.ErrNotIndexed) {
				t.Errorf("%s: %d, %v", name, n, err)
			}
			if ids, err := x.Members(p, 5000); !errors.Is(err, index.ErrNotIndexed) {
				t.Errorf("%s: %v, %v", name, ids, err)
			}
		}
		if n, err := x.Count(compile(t, `{'kind':'event','name':'Order','op':'at_least','value':1,'where':[{'property':'paid','op':'equals','value':true}]}`), 1500); n != 1501 || err != nil {
			t.Errorf("what is held is %d, %v", n, err)
		}
	}
	if _, err := index.Load(index.Options{MaxBytes: 1000}, each(people), each(list)); !errors.Is(err, index.ErrTooLarge) {
		t.Error(err)
	}
}

func TestLoadRefuses(t *testing.T) {
	two := []index.Person{{ID: 1}, {ID: 2}}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		people []index.Person
		events []index.Event
	}{
		"people out of order": {people: []index.Person{{ID: 2}, {ID: 1}}},
		"twice the same":      {people: []index.Person{{ID: 1}, {ID: 1}}},
		"events out of order": {people: two, events: []index.Event{{Customer: 2, Name: "A"}, {Customer: 1, Name: "A"}}},
		"instants in reverse": {people: two, events: []index.Event{{Customer: 1, Name: "A", At: 2}, {Customer: 1, Name: "A", At: 1}}},
		"facts that are none": {people: []index.Person{{ID: 1, Facts: `{"a":{"n":"x"}}`}}},
		"facts cut off":       {people: []index.Person{{ID: 1, Facts: `{"a":{"n":1}`}}},
		"facts with a space":  {people: two, events: []index.Event{{Customer: 1, Name: "A", Facts: `{"a": {"n":1}}`}}},
	} {
		if _, err := index.Load(index.Options{}, each(c.people), each(c.events)); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	failing := func(yield func(index.Person, error) bool) { yield(index.Person{}, broken) }
	if _, err := index.Load(index.Options{}, failing, each[index.Event](nil)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if x, err := index.Load(index.Options{}, each(two), each([]index.Event{{Customer: 7, Name: "A"}})); err != nil || x.Stats().Events != 0 {
		t.Errorf("events of nobody: %v", err)
	}
	empty, err := index.Load(index.Options{}, each[index.Person](nil), each[index.Event](nil))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := empty.Count(compile(t, `{'kind':'all'}`), 0); n != 0 || err != nil {
		t.Errorf("of nobody %d match, %v", n, err)
	}
}
