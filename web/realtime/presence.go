package realtime

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

const (
	// rosterPart is how many customers one message names.
	rosterPart = 2000
	// askEvery is how often one node is asked for its roster at most.
	askEvery = time.Second
	// lostTogether is how many customers are looked up at once whose node is gone.
	lostTogether = 200
)

// nodePresence is who is connected to one node.
type nodePresence struct {
	online []ids.ID // teammates, ascending
	until  time.Time
	// customers is the roster as of version; whole says that nothing was missed on
	// the way there. This node's own is the index of its sockets.
	customers map[ids.ID]struct{}
	version   uint64
	whole     bool
	asked     time.Time
	// gathering is a roster that comes in parts: next is the part that is missing.
	gathering map[ids.ID]struct{}
	next      int
}

// node finds or makes what is known of a node; mu is held.
func (s *hints) node(name string) *nodePresence {
	p := s.nodes[name]
	if p == nil {
		p = &nodePresence{customers: map[ids.ID]struct{}{}}
		s.nodes[name] = p
	}
	p.until = s.now().Add(presenceLasts)
	return p
}

// join makes this node known and asks who is on the others: it has just come, or
// may have missed something.
func (s *hints) join() {
	s.mu.Lock()
	for _, p := range s.nodes {
		p.whole = false
	}
	s.mu.Unlock()
	s.announcePresence()
	s.publish(hint{Kind: hintAsk})
}

// announcePresence says who is here, and how far the roster has come. A node that
// ends says nothing: its people are on their way to another.
func (s *hints) announcePresence() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.draining {
		s.publish(hint{Kind: hintPresence, Online: h.connectedLocked(), Version: h.visitors.version})
	}
}

// answer tells a node that asks everything that is known here.
func (s *hints) answer(ask hint) {
	if own := s.hub.o.Node; ask.Node == own || ask.Of != "" && ask.Of != own {
		return
	}
	s.announcePresence()
	s.tellEverybody()
	s.mu.Lock()
	var looks []hint
	for _, at := range s.viewers {
		for who, l := range at {
			if who.node == s.hub.o.Node {
				looks = append(looks, hint{Kind: hintView, Teammate: who.teammate, Mode: l.mode, Place: l.place})
			}
		}
	}
	s.mu.Unlock()
	for _, l := range looks {
		s.publish(l)
	}
}

// tellEverybody tells the whole roster.
func (s *hints) tellEverybody() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return
	}
	all := slices.Collect(maps.Keys(h.visitors.byCustomer))
	parts := max(1, (len(all)+rosterPart-1)/rosterPart)
	for part := range parts {
		some := all[part*rosterPart : min(len(all), (part+1)*rosterPart)]
		s.publish(hint{Kind: hintEverybody, Version: h.visitors.version, Came: some, Part: part, Parts: parts})
	}
}

// tellRoster tells the others who of the customers has come or gone. It is called
// after every change of the index, so nothing is ever untold for long.
func (h *Hub) tellRoster() {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &h.visitors
	if len(x.moved) == 0 {
		return
	}
	told := hint{Kind: hintRoster}
	for id := range x.moved {
		if len(x.byCustomer[id]) > 0 {
			told.Came = append(told.Came, id)
		} else {
			told.Gone = append(told.Gone, id)
		}
	}
	clear(x.moved)
	x.version++
	told.Version = x.version
	if !h.draining {
		h.hints.publish(told)
	}
}

// setPresence hears who of the teammates is on a node.
func (s *hints) setPresence(h hint) {
	before := s.online()
	s.mu.Lock()
	p := s.node(h.Node)
	p.online = h.Online
	ask := s.behind(p, h)
	s.mu.Unlock()
	if ask {
		s.publish(hint{Kind: hintAsk, Of: h.Node})
	}
	s.tellPresence(before)
}

// behind tells whether a node's roster has to be asked for; mu is held.
func (s *hints) behind(p *nodePresence, h hint) bool {
	if h.Node == s.hub.o.Node || p.whole && p.version == h.Version || s.now().Sub(p.asked) < askEvery && !p.asked.IsZero() {
		return false
	}
	p.asked = s.now()
	return true
}

// setRoster hears who of the customers is on another node.
func (s *hints) setRoster(h hint) {
	if h.Node == s.hub.o.Node {
		return
	}
	s.mu.Lock()
	p := s.node(h.Node)
	ask := false
	switch {
	case h.Kind == hintEverybody:
		p.gather(h)
	case p.whole && h.Version == p.version+1:
		p.version = h.Version
		for _, id := range h.Came {
			p.customers[id] = struct{}{}
		}
		for _, id := range h.Gone {
			delete(p.customers, id)
		}
	case p.whole && h.Version <= p.version: // told before the whole was
	default:
		p.whole = false
		ask = s.behind(p, h)
	}
	s.mu.Unlock()
	if ask {
		s.publish(hint{Kind: hintAsk, Of: h.Node})
	}
}

// gather takes one part of a roster; a part that is lost is asked for with the
// rest.
func (p *nodePresence) gather(h hint) {
	if h.Part == 0 {
		p.gathering, p.next = map[ids.ID]struct{}{}, 0
	}
	if p.gathering == nil || h.Part != p.next {
		p.gathering = nil
		return
	}
	for _, id := range h.Came {
		p.gathering[id] = struct{}{}
	}
	if p.next++; p.next == h.Parts {
		p.customers, p.version, p.whole, p.gathering = p.gathering, h.Version, true, nil
	}
}

// leaving gives the people of a node that ends a moment to come back elsewhere.
func (s *hints) leaving(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	soon := s.now().Add(farewell)
	if p := s.nodes[node]; p != nil && soon.Before(p.until) {
		p.until = soon
	}
	for _, at := range s.viewers {
		for who, l := range at {
			if who.node == node && soon.Before(l.until) {
				l.until = soon
				at[who] = l
			}
		}
	}
}

// online lists the connected teammates of every node, ascending.
func (s *hints) online() []ids.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []ids.ID{}
	for _, n := range s.nodes {
		out = append(out, n.online...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// elsewhere tells whether another node holds a socket of a customer.
func (s *hints) elsewhere(customer ids.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.nodes {
		if _, there := n.customers[customer]; there {
			return true
		}
	}
	return false
}

// CustomerOnline tells whether any node holds a socket of the customer: a hint.
func (h *Hub) CustomerOnline(id ids.ID) bool {
	h.mu.Lock()
	here := len(h.visitors.byCustomer[id]) > 0
	h.mu.Unlock()
	return here || h.hints.elsewhere(id)
}

// tellLost tells teammates of customers whose node has gone silent. They may be
// many, so hints go on being heard meanwhile.
func (s *hints) tellLost(ctx context.Context, lost map[ids.ID]struct{}) {
	if len(lost) > 0 {
		s.beside.Go(func() { s.hub.tellLost(ctx, lost) })
	}
}

func (h *Hub) tellLost(ctx context.Context, lost map[ids.ID]struct{}) {
	maps.DeleteFunc(lost, func(id ids.ID, _ struct{}) bool { return h.CustomerOnline(id) })
	for some := range slices.Chunk(slices.Sorted(maps.Keys(lost)), lostTogether) {
		standing, err := h.o.Inbox.StandingOf(ctx, some)
		if err != nil {
			if ctx.Err() == nil {
				h.log.Error("find who has lost sight of a customer", "error", err)
			}
			return // whoever looks at the customer anew is told
		}
		places := map[ids.ID][]conversationPlace{}
		for _, s := range standing {
			places[s.Customer] = append(places[s.Customer], conversationPlace{Account: s.Account, Team: s.Team, Assignee: s.Assignee})
		}
		for customer, where := range places {
			h.toStaffWhoSeeAny(where, customerFrame(customer, false))
		}
	}
}

func customerFrame(customer ids.ID, online bool) *frame {
	return newFrame(encode(map[string]any{"t": "customer_presence", "customer_id": customer, "online": online}))
}

// toStaffWhoSeeAny sends a hint to those who see any of some conversations.
func (h *Hub) toStaffWhoSeeAny(places []conversationPlace, f *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		if !g.principal.Can(auth.InboxRead) || !slices.ContainsFunc(places, func(p conversationPlace) bool {
			return g.principal.Sees(p.Account, p.Team, p.Assignee)
		}) {
			continue
		}
		for s := range g.sockets {
			s.hint(f)
		}
	}
}
