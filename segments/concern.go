package segments

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// maxGroups is how many groups of people who did different things are read on
// their own; the rest is read together.
const maxGroups = 24

// asked are people and the programs whose answers may have changed for them.
type asked struct {
	list []touched
	live []*program
	// all: these are all the programs there are.
	all      bool
	segments []ids.ID
	// events are the segments whose events have happened.
	events map[ids.ID]bool
	needs  needs
}

// concerned sorts people by what has happened to them. Where a mark says which
// events did, or that somebody has been seen, no other program can answer
// differently.
func (s *Service) concerned(q store.Querier, used *programs, list []touched) ([]*asked, error) {
	groups := map[string][]touched{}
	for _, one := range list {
		key := marks(one.names)
		if _, there := groups[key]; !there && key != "" && len(groups) >= maxGroups {
			key = rest
		}
		groups[key] = append(groups[key], one)
	}
	numbers := map[string]string{} // by name
	for name := range used.needs.events {
		if len(groups) == 1 && groups[""] != nil {
			break
		}
		number, known, err := s.names.number(q, name)
		if err != nil {
			return nil, err
		}
		if known {
			numbers[name] = strconv.FormatInt(number, 10)
		}
	}
	out := make([]*asked, 0, len(groups))
	for key, people := range groups {
		if key == "" {
			out = append(out, &asked{list: people, live: used.live, all: true, needs: used.needs})
			continue
		}
		if key == rest {
			var b strings.Builder
			for _, one := range people {
				b.WriteString(one.names + ",")
			}
			key = marks(b.String())
		}
		out = append(out, used.asked(people, strings.Split(key, ","), numbers))
	}
	return out, nil
}

// rest stands for the marks of more people than are sorted.
const rest = "rest"

// marks is what a mark says, each once and in order.
func marks(names string) string {
	if names == "" {
		return ""
	}
	list := strings.Split(strings.Trim(names, ","), ",")
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ",")
}

// asked are the programs that what happened may concern.
func (p *programs) asked(people []touched, happened []string, numbers map[string]string) *asked {
	a := &asked{list: people, events: map[ids.ID]bool{}}
	seen := slices.Contains(happened, strconv.Itoa(customers.TouchedSeen))
	for _, one := range p.live {
		acted := one.needs.any(func(name string) bool { return slices.Contains(happened, numbers[name]) })
		if !acted && !(seen && one.needs.seen) {
			continue
		}
		a.events[one.id] = acted
		a.live, a.segments = append(a.live, one), append(a.segments, one.id)
		a.needs.join(one.needs)
	}
	return a
}

// any tells whether an event that is asked for is one of these.
func (n *needs) any(of func(name string) bool) bool {
	for name := range n.events {
		if of(name) {
			return true
		}
	}
	return false
}
