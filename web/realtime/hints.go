package realtime

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

// hintTopic carries who is here, looking and typing between nodes. Hints may
// be lost; each one expires and is repeated while it holds.
const hintTopic = "hints"

const (
	typingLasts = 6 * time.Second
	viewLasts   = 30 * time.Second
	// presenceLasts is how long a node that says nothing is believed to be there.
	presenceLasts = 15 * time.Second
	presenceEvery = 5 * time.Second
	// farewell is how long people of a node that ends have to come back elsewhere
	// before they count as gone.
	farewell      = 5 * time.Second
	expireEvery   = time.Second
	modeViewing   = "viewing"
	modeReplying  = "replying"
	hintView      = "view"
	hintTyping    = "typing"
	hintAnswering = "answering"
	hintPresence  = "presence"
	hintCustomer  = "customer"
	hintBound     = "bound"
	hintSignedOut = "signed_out"
	hintRoster    = "roster"
	hintEverybody = "everybody"
	hintAsk       = "ask"
	hintBye       = "bye"
)

// conversationPlace says who may hear a hint about a conversation.
type conversationPlace struct {
	Conversation ids.ID `json:"c"`
	Account      ids.ID `json:"a"`
	Team         ids.ID `json:"t"`
	Assignee     ids.ID `json:"s"`
	Customer     ids.ID `json:"k"`
	Identity     ids.ID `json:"i"`
}

// hint is the message between nodes.
type hint struct {
	Kind     string            `json:"kind"`
	Node     string            `json:"node"`
	Place    conversationPlace `json:"place"`
	Teammate ids.ID            `json:"teammate"`
	Name     string            `json:"name,omitempty"`
	Mode     string            `json:"mode,omitempty"` // "" = looks away
	On       bool              `json:"on,omitempty"`
	// Online lists a node's connected teammates (presence).
	Online []ids.ID `json:"online,omitempty"`
	// VisitorKey, with Place.Account: a browser belongs to somebody now (bound).
	VisitorKey string `json:"visitor_key,omitempty"`
	Session    string `json:"session,omitempty"`
	// Version counts the changes of a node's roster: who of the customers has a
	// socket there (presence, roster, everybody). Came and Gone are the change;
	// everybody is told in Parts.
	Version uint64   `json:"v,omitempty"`
	Came    []ids.ID `json:"came,omitempty"`
	Gone    []ids.ID `json:"gone,omitempty"`
	Part    int      `json:"part,omitempty"`
	Parts   int      `json:"parts,omitempty"`
	// Of is the node that is asked, "" all of them (ask).
	Of string `json:"of,omitempty"`
}

// hints keeps what this node has heard. Its own mutex is never held together
// with a call into the hub that takes the hub's.
type hints struct {
	hub *Hub

	// telling orders what is told of viewers; it comes before every other lock.
	telling *sync.Mutex
	mu      *sync.Mutex
	viewers map[ids.ID]map[viewerKey]look // by conversation
	nodes   map[string]*nodePresence
	changed chan struct{}
	// beside are tellings that take long.
	beside *sync.WaitGroup
}

// viewerKey tells a teammate's pages on two nodes apart: one may look away.
type viewerKey struct {
	teammate ids.ID
	node     string
}

type look struct {
	mode  string
	until time.Time
	place conversationPlace
}

func newHints(h *Hub) hints {
	return hints{hub: h, telling: new(sync.Mutex), mu: new(sync.Mutex), viewers: map[ids.ID]map[viewerKey]look{}, nodes: map[string]*nodePresence{}, changed: make(chan struct{}, 1), beside: new(sync.WaitGroup)}
}

func (s *hints) now() time.Time { return s.hub.o.Machine.Now() }

func (s *hints) publish(h hint) {
	h.Node = s.hub.o.Node
	s.hub.o.Bus.Publish(hintTopic, encode(h))
}

// run hears hints, announces who is here and lets old hints expire. joined tells
// that others may have been missed.
func (s *hints) run(ctx context.Context, heard, joined <-chan []byte) {
	clk := s.hub.o.Machine
	defer s.beside.Wait()
	s.join()
	tick, stopTick := clk.After(presenceEvery)
	expire, stopExpire := clk.After(expireEvery)
	for {
		select {
		case <-ctx.Done():
			stopTick()
			stopExpire()
			return
		case b := <-heard:
			var h hint
			if json.Unmarshal(b, &h) == nil {
				s.hear(ctx, h)
			}
		case <-joined:
			s.join()
		case <-s.changed:
			s.announcePresence()
		case <-tick:
			tick, stopTick = clk.After(presenceEvery)
			s.announcePresence()
		case now := <-expire:
			expire, stopExpire = clk.After(expireEvery)
			s.expire(ctx, now)
		}
	}
}

func (s *hints) hear(ctx context.Context, h hint) {
	switch h.Kind {
	case hintView:
		s.setView(h)
	case hintTyping:
		s.hub.toStaffWhoSee(h.Place, typingFrame(h.Place.Conversation, h.On))
	case hintAnswering:
		s.hub.visitorsTyping(h)
	case hintPresence:
		s.setPresence(h)
	case hintRoster, hintEverybody:
		s.setRoster(h)
	case hintAsk:
		s.answer(h)
	case hintBye:
		s.leaving(h.Node)
	case hintCustomer:
		// Another tab may be open, on whichever node.
		s.hub.toStaffWhoSee(h.Place, customerFrame(h.Place.Customer, h.On || s.hub.CustomerOnline(h.Place.Customer)))
	case hintBound:
		if _, err := s.hub.bind(ctx, webchat.Visitor{Account: &channels.Account{ID: h.Place.Account}, Key: h.VisitorKey}); err != nil {
			s.hub.log.Error("read a visitor", "error", err)
		}
	case hintSignedOut:
		s.hub.closeSession(h.Teammate, h.Session)
	}
}

// teammateChanged: a socket came or went.
func (s *hints) teammateChanged() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *hints) tellPresence(before []ids.ID) {
	now := s.online()
	if slices.Equal(before, now) {
		return
	}
	s.hub.toAllStaff(newFrame(encode(map[string]any{"t": "presence", "online": now})))
	if (len(before) == 0) != (len(now) == 0) {
		s.hub.toAllVisitors(newFrame(encode(map[string]any{"t": "online", "teammates": len(now)})))
	}
}

func (s *hints) setView(h hint) {
	s.mu.Lock()
	at, who := s.viewers[h.Place.Conversation], viewerKey{h.Teammate, h.Node}
	had, was := at[who]
	if h.Mode == "" {
		delete(at, who)
		if len(at) == 0 {
			delete(s.viewers, h.Place.Conversation)
		}
	} else {
		if at == nil {
			at = map[viewerKey]look{}
			s.viewers[h.Place.Conversation] = at
		}
		at[who] = look{h.Mode, s.now().Add(viewLasts), h.Place}
	}
	s.mu.Unlock()
	if was != (h.Mode != "") || had.mode != h.Mode {
		s.tellViewers(h.Place)
	}
}

func (s *hints) tellViewers(place conversationPlace) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.hub.toStaffWhoSee(place, s.viewersFrame(place.Conversation))
}

type viewer struct {
	Teammate ids.ID `json:"teammate_id"`
	Mode     string `json:"mode"`
}

// viewersFrame is who looks at a conversation now; telling is held until it is
// sent, so that nobody hears an older state after a newer one.
func (s *hints) viewersFrame(conversation ids.ID) *frame {
	return newFrame(encode(map[string]any{"t": "viewers", "conversation_id": conversation, "viewers": s.viewersOf(conversation)}))
}

func (s *hints) viewersOf(conversation ids.ID) []viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []viewer{}
	for who, l := range s.viewers[conversation] {
		out = append(out, viewer{who.teammate, l.mode})
	}
	// Of one who looks from two nodes the one counts that answers: "replying"
	// comes before "viewing".
	slices.SortFunc(out, func(a, b viewer) int {
		return cmp.Or(cmp.Compare(a.Teammate, b.Teammate), cmp.Compare(a.Mode, b.Mode))
	})
	return slices.CompactFunc(out, func(a, b viewer) bool { return a.Teammate == b.Teammate })
}

// expire forgets what has not been repeated, and the people of nodes that have
// gone silent.
func (s *hints) expire(ctx context.Context, now time.Time) {
	before := s.online()
	var stale []conversationPlace
	lost := map[ids.ID]struct{}{}
	s.mu.Lock()
	for conversation, at := range s.viewers {
		for who, l := range at {
			if !l.until.After(now) {
				delete(at, who)
				stale = append(stale, l.place)
			}
		}
		if len(at) == 0 {
			delete(s.viewers, conversation)
		}
	}
	for node, p := range s.nodes {
		if !p.until.After(now) {
			delete(s.nodes, node)
			maps.Copy(lost, p.customers)
		}
	}
	s.mu.Unlock()
	for _, place := range stale {
		s.tellViewers(place)
	}
	s.tellPresence(before)
	s.tellLost(ctx, lost)
}

// left: a teammate's socket has ended.
func (s *hints) left(socket *staffSocket) {
	if socket.viewing != 0 {
		s.publish(hint{Kind: hintView, Teammate: socket.principal.ID, Place: conversationPlace{Conversation: socket.viewing}.with(s)})
	}
	s.teammateChanged()
}

// with fills in where the conversation stands from what was heard last.
func (p conversationPlace) with(s *hints) conversationPlace {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.viewers[p.Conversation] {
		return l.place
	}
	return p
}

// view tells the others where this teammate looks.
func (s *staffSocket) view(ctx context.Context, f clientFrame) {
	if s.principal.Token {
		return
	}
	var id ids.ID
	if f.ConversationID != nil {
		id = *f.ConversationID
	}
	if f.Mode != "" && f.Mode != modeViewing && f.Mode != modeReplying {
		s.shut(closeFrameInvalid)
		return
	}
	hs := &s.hub.hints
	if s.viewing != 0 && s.viewing != id {
		hs.publish(hint{Kind: hintView, Teammate: s.principal.ID, Place: conversationPlace{Conversation: s.viewing}.with(hs)})
		s.viewing = 0
	}
	if id == 0 {
		return
	}
	place, ok := s.authorised(ctx, id)
	if !ok {
		return
	}
	first := s.viewing != id
	s.viewing = id
	mode := f.Mode
	if mode == "" {
		mode = modeViewing
	}
	if first {
		// The others are not told again, but this socket has to hear who is here;
		// what its own coming makes of that follows.
		hs.telling.Lock()
		s.send(hs.viewersFrame(id))
		hs.telling.Unlock()
	}
	hs.publish(hint{Kind: hintView, Teammate: s.principal.ID, Mode: mode, Place: place})
}

// typing shows the customer that somebody answers.
func (s *staffSocket) typing(ctx context.Context, f clientFrame) {
	if f.ConversationID == nil || !s.principal.Can(auth.InboxReply) {
		return
	}
	if place, ok := s.authorised(ctx, *f.ConversationID); ok {
		s.hub.hints.publish(hint{Kind: hintAnswering, Teammate: s.principal.ID, Name: s.principal.Name, On: f.On, Place: place})
	}
}

// connectedLocked lists the teammates of this node; mu is held.
func (h *Hub) connectedLocked() []ids.ID {
	out := []ids.ID{}
	for _, g := range h.groups {
		for s := range g.sockets {
			if !s.principal.Token {
				out = append(out, s.principal.ID)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (h *Hub) toAllStaff(f *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		for s := range g.sockets {
			s.hint(f)
		}
	}
}

// toStaffWhoSee sends a hint about a conversation to those who see it.
func (h *Hub) toStaffWhoSee(p conversationPlace, f *frame) {
	h.toStaffWhoSeeAny([]conversationPlace{p}, f)
}

// hint sends what may be lost: not before the socket is up to date.
func (s *staffSocket) hint(f *frame) {
	if s.live {
		s.send(f)
	}
}

// SignedOut closes the sockets of a session on every node.
func (h *Hub) SignedOut(teammate ids.ID, session string) {
	h.closeSession(teammate, session)
	h.hints.publish(hint{Kind: hintSignedOut, Teammate: teammate, Session: session})
}

func (h *Hub) closeSession(teammate ids.ID, session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		for s := range g.sockets {
			if !s.principal.Token && s.principal.ID == teammate && (session == "" || s.session == session) {
				s.shut(closeSignedOut)
			}
		}
	}
}
