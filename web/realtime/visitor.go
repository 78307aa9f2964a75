package realtime

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/locale"
)

const (
	helloMessages = 200
	// What one visitor's socket may ask for, beyond which it is cut.
	framesPerSecond = 20
	framesBurst     = 60
)

// visitorSocket is one tab of a visitor.
type visitorSocket struct {
	*conn
	hub     *Hub
	account *channels.Account
	config  webchat.Config
	visitor webchat.Visitor
	locale  string
	greeted bool
	limit   *rate.Limiter

	// Guarded by the hub's mu.
	who     webchat.Who
	live    bool
	pending []*frame
}

// ServeVisitor upgrades a request of a page that may carry the widget; the
// caller has checked the origin and found the account.
func (h *Hub) ServeVisitor(w http.ResponseWriter, r *http.Request, account *channels.Account, config webchat.Config) {
	if h.refuse(w) {
		return
	}
	c, err := upgrade(w, r)
	if err != nil {
		h.handlers.Done()
		return // gorilla has answered
	}
	s := &visitorSocket{conn: c, hub: h, account: account, config: config, locale: locale.Match(r.Header.Get("Accept-Language"))}
	closed := h.o.Opened("visitor")
	c.onGone = func(code int) {
		h.visitorLeft(s)
		closed(code)
		h.handlers.Done()
	}
	go c.read(s.handle)
}

func (s *visitorSocket) handle(text []byte) {
	f, err := parseFrame(text, visitorFields)
	if err != nil {
		s.shut(closeFrameInvalid)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if !s.greeted {
		if f.T != "hello" {
			s.shut(closeHelloMissing)
			return
		}
		s.greeted = true
		s.limit = rate.NewLimiter(framesPerSecond, framesBurst)
		s.hello(ctx, f)
		return
	}
	if !s.limit.Allow() {
		s.shut(closeRateLimited)
		return
	}
	switch f.T {
	case "ping":
		s.send(pongFrame(s.hub.o.Clock.Now()))
	case "send":
		s.message(ctx, f)
	case "typing":
		s.typing(ctx, f.On)
	case "read":
		s.markRead(ctx, f)
	case "page":
		if who, ok := s.known(); ok {
			s.hub.o.PageViewed(ctx, who.Customer, who.Identity, f.URL, f.Title)
		}
	default: // a second hello
		s.shut(closeFrameInvalid)
	}
}

// hello registers the socket, then reads the thread: what commits in between
// comes both ways, and the client knows messages by their place.
func (s *visitorSocket) hello(ctx context.Context, f clientFrame) {
	h := s.hub
	v, err := h.o.Visitors.Open(s.account, s.config, f.Visitor)
	if err != nil {
		s.shut(closeVisitorRefused)
		return
	}
	s.visitor = v
	who, ok, err := h.o.Visitors.Who(ctx, v)
	if err != nil {
		s.failed("read a visitor", err)
		return
	}
	h.mu.Lock()
	if ok {
		s.who = who
	}
	h.visitors.add(s)
	h.mu.Unlock()
	thread, reset, err := s.missed(ctx, f.After)
	if err != nil {
		s.failed("read a visitor's thread", err)
		return
	}
	hello := map[string]any{
		"t": "hello", "server_time": h.o.Clock.Now(), "node": h.o.Node, "conversation": thread.Current, "messages": thread.Messages,
		"has_more": thread.More, "reset": reset,
	}
	s.send(newFrame(encode(hello)))
	s.send(newFrame(encode(map[string]any{"t": "online", "teammates": len(h.hints.online())})))
	h.mu.Lock()
	for _, p := range s.pending {
		s.send(p)
	}
	s.live, s.pending = true, nil
	first := ok && len(h.visitors.byCustomer[who.Customer]) == 1
	h.mu.Unlock()
	if first {
		h.customerPresence(ctx, s, true)
	}
}

// missed reads what came after the client's place, or the newest page when it
// has none or too much has come.
func (s *visitorSocket) missed(ctx context.Context, after *string) (inbox.Thread, bool, error) {
	scope, ok := s.scope()
	if !ok {
		return inbox.Thread{Messages: []inbox.VisitorMessage{}}, after != nil, nil
	}
	if place, ok := parsePlace(after); ok {
		t, err := s.hub.o.Inbox.ThreadAfter(ctx, scope, place, helloMessages)
		if err != nil || !t.More {
			return t, false, err
		}
	}
	t, err := s.hub.o.Inbox.ThreadBefore(ctx, scope, inbox.Place{}, helloMessages)
	return t, true, err
}

// scope is whose thread this socket sees; false while the visitor is unknown.
func (s *visitorSocket) scope() (inbox.Visitor, bool) {
	who, ok := s.known()
	return inbox.Visitor{Account: s.account.ID, Customer: who.Customer, Identity: who.Identity, Known: who.Known}, ok
}

func (s *visitorSocket) known() (webchat.Who, bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.who, s.who.Customer != 0
}

// message stores what the visitor wrote and acknowledges it once it is durable.
func (s *visitorSocket) message(ctx context.Context, f clientFrame) {
	h := s.hub
	got, err := h.o.Visitors.Send(ctx, s.visitor, webchat.Message{ClientKey: f.ClientKey, Body: f.Body, Attachments: f.AttachmentIDs, Locale: s.locale})
	if err != nil {
		s.refuse(f.ClientKey, err)
		return
	}
	if who, ok := s.known(); !ok || who.Customer != got.Customer {
		h.Bound(ctx, s.visitor)
	}
	m, err := h.o.Inbox.Acknowledged(ctx, got, f.ClientKey, len(f.AttachmentIDs))
	if err != nil {
		s.refuse(f.ClientKey, err)
		return
	}
	s.send(newFrame(encode(map[string]any{"t": "ack", "client_key": f.ClientKey, "message": m})))
}

func (s *visitorSocket) markRead(ctx context.Context, f clientFrame) {
	scope, ok := s.scope()
	if !ok || f.ConversationID == nil {
		return
	}
	err := s.hub.o.Inbox.CustomerRead(ctx, scope, *f.ConversationID, f.Seq)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		s.refuse("", err)
	}
}

func (s *visitorSocket) typing(ctx context.Context, on bool) {
	scope, ok := s.scope()
	if !ok {
		return
	}
	place, ok, err := s.hub.o.Inbox.Whereabouts(ctx, scope)
	if err != nil || !ok {
		return
	}
	s.hub.hints.publish(hint{Kind: hintTyping, On: on, Place: placeOf(place, scope)})
}

func placeOf(w inbox.Whereabouts, v inbox.Visitor) conversationPlace {
	return conversationPlace{Conversation: w.Conversation, Account: v.Account, Team: w.Team, Assignee: w.Assignee, Customer: v.Customer, Identity: v.Identity}
}

// refuse tells the client what is wrong with one of its frames.
func (s *visitorSocket) refuse(clientKey string, err error) {
	code, params := fault.CodeOf(err), fault.Params(nil)
	if e, ok := fault.As(err); ok {
		params = e.Params
	} else {
		s.hub.log.Error("visitor frame", "error", err)
	}
	if params == nil {
		params = fault.Params{}
	}
	out := map[string]any{"t": "error", "code": code, "params": params}
	if clientKey != "" {
		out["client_key"] = clientKey
	}
	s.send(newFrame(encode(out)))
}

func (s *visitorSocket) failed(doing string, err error) {
	s.hub.log.Error(doing, "error", err)
	s.shut(closeRestart)
}

// parsePlace reads "<conversation id>:<seq>".
func parsePlace(s *string) (inbox.Place, bool) {
	if s == nil {
		return inbox.Place{}, false
	}
	conversation, seq, ok := strings.Cut(*s, ":")
	id, err1 := ids.Parse(conversation)
	n, err2 := strconv.ParseInt(seq, 10, 64)
	return inbox.Place{Conversation: id, Seq: n}, ok && err1 == nil && err2 == nil && n >= 0
}
