package realtime

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store/feed"
)

// staffSocket is a teammate's (or a token's) socket.
type staffSocket struct {
	*conn
	hub       *Hub
	principal auth.Principal
	session   string
	greeted   bool
	limit     *rate.Limiter
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
	c, err := upgrade(w, r, &h.o, teammateQueue)
	if err != nil {
		h.handlers.Done()
		return // gorilla has answered
	}
	s := &staffSocket{conn: c, hub: h, principal: p, session: session}
	h.serve(c, "teammate", s.handle, func() { h.leave(s) })
}

// serve reads a socket until it ends.
func (h *Hub) serve(c *conn, kind string, handle func([]byte), leave func()) {
	closed := h.o.Opened(kind)
	c.onGone = func(code int) {
		h.mu.Lock()
		delete(h.open, c)
		h.mu.Unlock()
		leave()
		closed(code)
		h.handlers.Done()
	}
	h.mu.Lock()
	h.open[c] = struct{}{}
	if h.draining {
		c.shut(closeRestart)
	}
	h.mu.Unlock()
	go c.read(h.o.HelloTimeout, func(text []byte) {
		defer func() {
			if p := recover(); p != nil {
				h.log.Error("a frame of a "+kind+" caused a panic", "panic", p, "stack", string(debug.Stack()))
				c.shut(closeRestart)
			}
		}()
		handle(text)
	})
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
		s.limit = rate.NewLimiter(framesPerSecond, framesBurst)
		s.hello(f.After)
		return
	}
	if !s.limit.Allow() {
		s.shut(closeRateLimited)
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
	case "watch":
		s.watch(f)
	default: // a second hello
		s.shut(closeFrameInvalid)
	}
}

// hello registers the socket and brings it up to date. It registers first and
// asks for everything else afterwards, so nothing falls in between.
func (s *staffSocket) hello(after *string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	h := s.hub
	var from feed.Position
	asked := false
	if after != nil {
		var err error
		from, err = feed.ParsePosition(*after)
		asked = err == nil
	}
	start := h.join(s, from)
	if !s.stands(ctx) {
		return
	}
	resumed, replay := false, []*frame(nil)
	if asked {
		resumed, replay = h.replay(ctx, s.principal, from, start)
	}
	position := start
	if resumed {
		position = from // what is replayed comes behind it: the client may be cut in the middle
	}
	hello := newFrame(encode(map[string]any{
		"t": "hello", "position": position.String(), "resumed": resumed, "server_time": h.o.Clock.Now(), "node": h.o.Node, "online": h.hints.online(),
	}))
	// All at once: whoever has read the greeting hears every hint.
	h.mu.Lock()
	s.send(hello)
	for _, f := range replay {
		s.send(f)
	}
	if position.Before(start) {
		s.send(positionFrame(start))
	}
	for _, f := range s.pending {
		s.send(f)
	}
	if !resumed {
		s.skip = feed.Position{} // what it was is fetched anew
	}
	s.live, s.pending = true, nil
	h.mu.Unlock()
	h.hints.teammateChanged()
}

// stands tells whether what the socket was opened with still holds, and closes
// it otherwise. Rights that change while the socket is registered come by the
// feed.
func (s *staffSocket) stands(ctx context.Context) bool {
	standing, err := s.hub.o.Standing(ctx, s.principal, s.session)
	switch {
	case err != nil:
		s.hub.log.Error("look up a teammate's standing", "error", err)
		s.shut(closeRestart)
	case standing == auth.RightsMoved:
		s.shut(closeRightsChanged)
	case standing == auth.SignedOut:
		s.shut(closeSignedOut)
	default:
		return true
	}
	return false
}

func keyOf(p auth.Principal) groupKey {
	if p.SeesEverything() {
		return groupKey{everything: true, role: p.Role}
	}
	return groupKey{role: p.Role, principal: p.ID, token: p.Token, rights: p.RightsVersion}
}

// join registers the socket. Where another node was ahead of this one, the
// client has had what comes up to from.
func (h *Hub) join(s *staffSocket, from feed.Position) feed.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.position.Before(from) {
		s.skip = from
	}
	key := keyOf(s.principal)
	g := h.groups[key]
	if g == nil {
		g = &group{principal: s.principal, sockets: map[*staffSocket]struct{}{}}
		h.groups[key] = g
	}
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
	h.watched.set(s, nil)
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
				lost = lostFrame(c)
			}
			f = lost
		}
		for s := range g.sockets {
			if c.Audience != feed.Own || s.principal.ID == c.Teammate && !s.principal.Token {
				s.deliver(c.Position, f)
			}
		}
	}
	switch c.Kind {
	case "teammate", kindSignedOut, kindTokenRevoked:
		h.rightsChanged(c)
	}
}

// Kinds of change that only end sockets.
const (
	kindSignedOut    = "signed_out"
	kindTokenRevoked = "token_revoked"
)

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
		if c.Account == 0 || p.SeesAccount(c.Account) {
			return everything
		}
	case feed.Own:
		// Sockets of a shared group are told apart where they are served.
		if c.Kind == kindSignedOut || c.Kind == kindTokenRevoked {
			return nothing
		}
		return everything
	case feed.Customers:
		if p.Can(auth.CustomersRead) {
			return everything
		}
	case feed.Tasks:
		switch {
		case !p.Can(auth.TasksRead):
		case p.SeesTask(c.Account, c.After.Team, c.After.Assignee):
			return everything
		case c.Existed && p.SeesTask(c.Account, c.Before.Team, c.Before.Assignee):
			return vanished
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
			if s.principal.ID != c.Teammate || s.principal.Token != (c.Kind == kindTokenRevoked) {
				continue
			}
			switch {
			case c.Kind == kindTokenRevoked:
				s.shut(closeSignedOut)
			case c.Kind == kindSignedOut:
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
