package realtime

import (
	"cmp"
	"context"
	"encoding/json"
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
	typingLasts   = 6 * time.Second
	viewLasts     = 30 * time.Second
	presenceLasts = 45 * time.Second
	presenceEvery = 15 * time.Second
	expireEvery   = 5 * time.Second
	modeViewing   = "viewing"
	modeReplying  = "replying"
	hintView      = "view"
	hintTyping    = "typing"
	hintAnswering = "answering"
	hintPresence  = "presence"
	hintCustomer  = "customer"
	hintBound     = "bound"
	hintSignedOut = "signed_out"
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
}

// hints keeps what this node has heard. Its own mutex is never held together
// with a call into the hub that takes the hub's.
type hints struct {
	hub *Hub

	// telling orders what is told of viewers; it comes before every other lock.
	telling *sync.Mutex
	mu      *sync.Mutex
	viewers map[ids.ID]map[ids.ID]look // conversation → teammate
	nodes   map[string]nodePresence
	changed chan struct{}
}

type look struct {
	mode  string
	until time.Time
	place conversationPlace
}

type nodePresence struct {
	online []ids.ID
	until  time.Time
}

func newHints(h *Hub) hints {
	return hints{hub: h, telling: new(sync.Mutex), mu: new(sync.Mutex), viewers: map[ids.ID]map[ids.ID]look{}, nodes: map[string]nodePresence{}, changed: make(chan struct{}, 1)}
}

func (s *hints) now() time.Time { return s.hub.o.Machine.Now() }

func (s *hints) publish(h hint) {
	h.Node = s.hub.o.Node
	s.hub.o.Bus.Publish(hintTopic, encode(h))
}

// run hears hints, announces this node's teammates and lets old hints expire.
func (s *hints) run(ctx context.Context, heard <-chan []byte) {
	clk := s.hub.o.Machine
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
		case <-s.changed:
			s.announcePresence()
		case <-tick:
			tick, stopTick = clk.After(presenceEvery)
			s.announcePresence()
		case now := <-expire:
			expire, stopExpire = clk.After(expireEvery)
			s.expire(now)
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
		s.setPresence(h.Node, nodePresence{h.Online, s.now().Add(presenceLasts)})
	case hintCustomer:
		s.hub.toStaffWhoSee(h.Place, newFrame(encode(map[string]any{"t": "customer_presence", "customer_id": h.Place.Customer, "online": h.On})))
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

func (s *hints) announcePresence() {
	s.publish(hint{Kind: hintPresence, Online: s.hub.connected()})
}

func (s *hints) setPresence(node string, p nodePresence) {
	before := s.online()
	s.mu.Lock()
	s.nodes[node] = p
	s.mu.Unlock()
	s.tellPresence(before)
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

// online lists the connected teammates of every node, ascending.
func (s *hints) online() []ids.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []ids.ID{}
	now := s.now()
	for _, n := range s.nodes {
		if n.until.After(now) {
			out = append(out, n.online...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *hints) setView(h hint) {
	s.mu.Lock()
	at := s.viewers[h.Place.Conversation]
	had, was := at[h.Teammate]
	if h.Mode == "" {
		delete(at, h.Teammate)
		if len(at) == 0 {
			delete(s.viewers, h.Place.Conversation)
		}
	} else {
		if at == nil {
			at = map[ids.ID]look{}
			s.viewers[h.Place.Conversation] = at
		}
		at[h.Teammate] = look{h.Mode, s.now().Add(viewLasts), h.Place}
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
	for t, l := range s.viewers[conversation] {
		out = append(out, viewer{t, l.mode})
	}
	slices.SortFunc(out, func(a, b viewer) int { return cmp.Compare(a.Teammate, b.Teammate) })
	return out
}

func (s *hints) expire(now time.Time) {
	before := s.online()
	var stale []conversationPlace
	s.mu.Lock()
	for conversation, at := range s.viewers {
		for t, l := range at {
			if !l.until.After(now) {
				delete(at, t)
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
		}
	}
	s.mu.Unlock()
	for _, place := range stale {
		s.tellViewers(place)
	}
	s.tellPresence(before)
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

func (h *Hub) connected() []ids.ID {
	h.mu.Lock()
	defer h.mu.Unlock()
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
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.groups {
		if !g.principal.Can(auth.InboxRead) || !g.principal.Sees(p.Account, p.Team, p.Assignee) {
			continue
		}
		for s := range g.sockets {
			s.hint(f)
		}
	}
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
