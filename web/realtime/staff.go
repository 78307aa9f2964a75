package realtime

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

// staffSocket is a teammate's (or a token's) socket.
type staffSocket struct {
	*conn
	hub       *Hub
	principal auth.Principal
	session   string
	greeted   bool
	viewing   ids.ID

	// Guarded by the hub's mu: until the replay is done, live frames wait here.
	live    bool
	pending []*frame
	skip    feed.Position
}

// ServeTeammate upgrades an authenticated request. session names the sign-in,
// so that signing out can close its sockets; it is empty for tokens. The
// caller has checked the origin.
func (h *Hub) ServeTeammate(w http.ResponseWriter, r *http.Request, p auth.Principal, session string) {
	if h.refuse(w) {
		return
	}
	c, err := upgrade(w, r)
	if err != nil {
		h.handlers.Done()
		return // gorilla has answered
	}
	s := &staffSocket{conn: c, hub: h, principal: p, session: session}
	closed := h.o.Opened("teammate")
	c.onGone = func(code int) {
		h.leave(s)
		closed(code)
		h.handlers.Done()
	}
	go c.read(s.handle)
}

// refuse answers when the node drains; otherwise it counts the handler, which
// the socket's end uncounts.
func (h *Hub) refuse(w http.ResponseWriter) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "shutting_down", http.StatusServiceUnavailable)
		return true
	}
	h.handlers.Add(1)
	return false
}

func (s *staffSocket) handle(text []byte) {
	f, err := parseFrame(text, staffFields)
	if err != nil {
		s.shut(closeFrameInvalid)
		return
	}
	if !s.greeted {
		if f.T != "hello" {
			s.shut(closeHelloMissing)
			return
		}
		s.greeted = true
		s.hello(f.After)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	switch f.T {
	case "ping":
		s.send(pongFrame(s.hub.o.Clock.Now()))
	case "view":
		s.view(ctx, f)
	case "typing":
		s.typing(ctx, f)
	default: // a second hello
		s.shut(closeFrameInvalid)
	}
}

// hello registers the socket and brings it up to date.
func (s *staffSocket) hello(after *string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	start := s.hub.join(s)
	resumed, replay := s.hub.replay(ctx, s, after, start)
	s.send(newFrame(encode(map[string]any{
		"t": "hello", "position": start.String(), "resumed": resumed, "server_time": s.hub.o.Clock.Now(), "node": s.hub.o.Node, "online": s.hub.hints.online(),
	})))
	for _, f := range replay {
		s.send(f)
	}
	h := s.hub
	h.mu.Lock()
	for _, f := range s.pending {
		s.send(f)
	}
	s.live, s.pending = true, nil
	h.mu.Unlock()
	h.hints.teammateChanged()
}

func keyOf(p auth.Principal) groupKey {
	if p.SeesEverything() {
		return groupKey{everything: true, role: p.Role}
	}
	return groupKey{role: p.Role, principal: p.ID, token: p.Token}
}

func (h *Hub) join(s *staffSocket) feed.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := keyOf(s.principal)
	g := h.groups[key]
	if g == nil {
		g = &group{principal: s.principal, sockets: map[*staffSocket]struct{}{}}
		h.groups[key] = g
	}
	g.principal = s.principal // the newest load of the rights
	g.sockets[s] = struct{}{}
	return h.position
}

func (h *Hub) leave(s *staffSocket) {
	h.mu.Lock()
	key := keyOf(s.principal)
	if g := h.groups[key]; g != nil {
		delete(g.sockets, s)
		if len(g.sockets) == 0 {
			delete(h.groups, key)
		}
	}
	h.mu.Unlock()
	h.hints.left(s)
}

// deliver queues a frame for a registered socket; the hub holds mu.
func (s *staffSocket) deliver(at feed.Position, f *frame) {
	if !s.skip.Before(at) {
		return // the client has had it from another node
	}
	if s.live {
		s.send(f)
		return
	}
	if len(s.pending) >= replayLimit {
		s.shut(closeBehind)
		return
	}
	s.pending = append(s.pending, f)
}

// toStaff passes a change on; the hub holds mu.
func (h *Hub) toStaff(c *feed.Change) {
	var whole, gained, lost *frame
	for _, g := range h.groups {
		what := judge(g.principal, c)
		if what == nothing {
			continue
		}
		var f *frame
		switch what {
		case everything:
			if whole == nil {
				whole = changeFrame(c.Position, c.Kind, c.Payload)
			}
			f = whole
		case appeared:
			if gained == nil {
				gained = changeFrame(c.Position, "conversation", conversationOnly(c.Payload))
			}
			f = gained
		case vanished:
			if lost == nil {
				lost = removedFrame(c.Position, c.Conversation)
			}
			f = lost
		}
		for s := range g.sockets {
			if c.Audience != feed.Own || s.principal.ID == c.Teammate && !s.principal.Token {
				s.deliver(c.Position, f)
			}
		}
	}
	if c.Kind == "teammate" || c.Kind == "signed_out" {
		h.rightsChanged(c)
	}
}

type verdict int

const (
	nothing verdict = iota
	everything
	appeared // sight of the conversation was gained by this change
	vanished // and here lost
)

// judge says what a principal receives of a change.
func judge(p auth.Principal, c *feed.Change) verdict {
	switch c.Audience {
	case feed.Staff:
		return everything
	case feed.Own:
		// Sockets of a shared group are told apart where they are served.
		if c.Kind == "signed_out" {
			return nothing
		}
		return everything
	case feed.Customers:
		if p.Can(auth.CustomersRead) {
			return everything
		}
	case feed.Inbox:
		if !p.Can(auth.InboxRead) {
			return nothing
		}
		before := c.Existed && p.Sees(c.Account, c.Before.Team, c.Before.Assignee)
		after := p.Sees(c.Account, c.After.Team, c.After.Assignee)
		switch {
		case after && (before || !c.Existed):
			return everything
		case after:
			return appeared
		case before:
			return vanished
		}
	}
	return nothing
}

// rightsChanged closes the sockets of a teammate whose rights are no longer
// those the socket was opened with, or whose session has ended. Mu is held.
func (h *Hub) rightsChanged(c *feed.Change) {
	var note struct {
		Session  string `json:"session"`
		Rights   int64  `json:"rights_version"`
		Teammate struct {
			Disabled bool `json:"disabled"`
		} `json:"teammate"`
	}
	if json.Unmarshal(c.Payload, &note) != nil {
		return
	}
	for _, g := range h.groups {
		for s := range g.sockets {
			if s.principal.Token || s.principal.ID != c.Teammate {
				continue
			}
			switch {
			case c.Kind == "signed_out":
				if note.Session == "" || s.session == note.Session {
					s.shut(closeSignedOut)
				}
			case note.Teammate.Disabled:
				s.shut(closeSignedOut)
			case note.Rights != s.principal.RightsVersion:
				s.shut(closeRightsChanged)
			}
		}
	}
}

// replay collects what the client missed between its position and start. It
// judges by today's rights: what has moved out of sight meanwhile is told as
// removed, without content.
func (h *Hub) replay(ctx context.Context, s *staffSocket, after *string, start feed.Position) (resumed bool, frames []*frame) {
	if after == nil {
		return false, nil
	}
	from, err := feed.ParsePosition(*after)
	if err != nil {
		return false, nil
	}
	err = h.o.DB.Snapshot(ctx, func(q store.Querier) error {
		held, err := feed.Held(q, from)
		if err != nil || !held {
			return err
		}
		if start.Before(from) {
			h.mu.Lock()
			s.skip = from
			h.mu.Unlock()
			resumed = true
			return nil
		}
		changes, err := feed.After(q, from, replayLimit+1)
		if err != nil || len(changes) > replayLimit {
			return err
		}
		frames, err = h.replayFrames(q, s.principal, changes, start)
		resumed = err == nil
		return err
	})
	if err != nil {
		h.log.Error("replay for a socket", "error", err)
		return false, nil
	}
	return resumed, frames
}

func (h *Hub) replayFrames(q store.Querier, p auth.Principal, changes []feed.Change, start feed.Position) ([]*frame, error) {
	var out []*frame
	now := map[ids.ID]bool{}
	gone := map[ids.ID]bool{}
	for i := range changes {
		c := &changes[i]
		if start.Before(c.Position) {
			break // comes live
		}
		what := judge(p, c)
		if c.Audience == feed.Own && (p.Token || c.Teammate != p.ID) {
			what = nothing
		}
		if c.Audience == feed.Inbox && (what == everything || what == appeared) {
			visible, asked := now[c.Conversation]
			if !asked {
				var err error
				if visible, err = h.o.Inbox.VisibleNow(q, p, c.Conversation); err != nil {
					return nil, err
				}
				now[c.Conversation] = visible
			}
			if !visible {
				what = vanished
			}
		}
		switch {
		case what == everything:
			out = append(out, changeFrame(c.Position, c.Kind, c.Payload))
		case what == appeared:
			out = append(out, changeFrame(c.Position, "conversation", conversationOnly(c.Payload)))
		case what == vanished && !gone[c.Conversation]:
			gone[c.Conversation] = true
			out = append(out, removedFrame(c.Position, c.Conversation))
		}
	}
	return out, nil
}

// authorised finds where a conversation stands when the socket's principal
// sees it.
func (s *staffSocket) authorised(ctx context.Context, id ids.ID) (conversationPlace, bool) {
	c, err := s.hub.o.Inbox.Get(ctx, s.principal, id)
	if err != nil {
		if fault.KindOf(err) == fault.Internal {
			s.hub.log.Error("look up a conversation for a hint", "error", err)
		}
		return conversationPlace{}, false
	}
	return conversationPlace{Conversation: c.ID, Account: c.AccountID, Team: c.TeamID, Assignee: c.AssigneeID, Customer: c.Customer.ID, Identity: c.IdentityID}, true
}
