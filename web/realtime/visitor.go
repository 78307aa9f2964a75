package realtime

import (
	"context"
	"net/http"
	"slices"
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
	"github.com/fanward/fanward/internal/store"
)

const (
	helloMessages = 200
	helloBytes    = visitorQueue / 4
	// What one socket may ask for, beyond which it is cut.
	framesPerSecond = 20
	framesBurst     = 60
	// visitorPatience is how long a message waits at most before it is durable;
	// whoever would wait longer is sent away and comes back with it.
	visitorPatience = 2 * time.Second
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
	told    []inbox.Place // the newest message of each conversation that hello has told of
	pending []waiting
}

// waiting is a frame that came before the hello was sent; place is that of the
// message in it, zero for other frames.
type waiting struct {
	frame *frame
	place inbox.Place
}

// ServeVisitor upgrades a request of a page that may carry the widget; the
// caller has checked the origin and found the account.
func (h *Hub) ServeVisitor(w http.ResponseWriter, r *http.Request, account *channels.Account, config webchat.Config) {
	if h.refuse(w) {
		return
	}
	c, err := upgrade(w, r, &h.o, visitorQueue)
	if err != nil {
		h.handlers.Done()
		return // gorilla has answered
	}
	s := &visitorSocket{conn: c, hub: h, account: account, config: config, locale: locale.Match(r.Header.Get("Accept-Language"))}
	h.serve(c, "visitor", s.handle, func() { h.visitorLeft(s) })
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

// hello registers the socket, then finds out who the visitor is and reads the
// thread: what commits in between comes live.
func (s *visitorSocket) hello(ctx context.Context, f clientFrame) {
	h := s.hub
	v, err := h.o.Visitors.Open(s.account, s.config, f.Visitor)
	if err != nil {
		s.shut(closeVisitorRefused)
		return
	}
	s.visitor = v
	h.mu.Lock()
	h.visitors.add(s)
	h.mu.Unlock()
	if _, _, err := h.o.Visitors.Account(ctx, s.account.Key); fault.CodeOf(err) == "account_disabled" {
		s.shut(closeDisabled)
		return
	} else if err != nil {
		s.failed("read a visitor's account", err)
		return
	}
	if _, err := h.bind(ctx, v); err != nil {
		s.failed("read a visitor", err)
		return
	}
	thread, reset, err := s.missed(ctx, f.After)
	s.note(f.After, thread.Messages)
	if err != nil {
		s.failed("read a visitor's thread", err)
		return
	}
	hello := map[string]any{
		"t": "hello", "server_time": h.o.Clock.Now(), "node": h.o.Node, "conversation": thread.Current, "messages": thread.Messages,
		"has_more": thread.More, "reset": reset,
	}
	online := map[string]any{"t": "online", "teammates": len(h.hints.online())}
	if s.begin(newFrame(encode(hello)), newFrame(encode(online))) {
		h.customerPresence(ctx, s, true)
	}
}

// note keeps how far the client has been told in each conversation: a message
// that the hello carries may also be on its way through the feed.
func (s *visitorSocket) note(after *string, messages []inbox.VisitorMessage) {
	var told []inbox.Place
	if place, ok := parsePlace(after); ok {
		told = append(told, place)
	}
	for _, m := range messages {
		at := inbox.Place{Conversation: m.ConversationID, Seq: m.Seq}
		if n := len(told); n > 0 && told[n-1].Conversation == at.Conversation {
			told[n-1].Seq = max(told[n-1].Seq, at.Seq)
		} else {
			told = append(told, at)
		}
	}
	s.hub.mu.Lock()
	s.told = slices.Clip(told)
	s.hub.mu.Unlock()
}

// knows tells whether the client has had the message at a place; hub's mu is held.
func (s *visitorSocket) knows(at inbox.Place) bool {
	return slices.ContainsFunc(s.told, func(t inbox.Place) bool { return t.Conversation == at.Conversation && at.Seq <= t.Seq })
}

// begin sends the greeting and what has waited for it, and lets changes through
// from here on, all at once: whoever has read the greeting hears every hint.
// first is true for the customer's first socket.
func (s *visitorSocket) begin(greeting ...*frame) (first bool) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range greeting {
		s.send(f)
	}
	for _, w := range s.pending {
		if !s.knows(w.place) {
			s.send(w.frame)
		}
	}
	s.live, s.pending = true, nil
	return s.who.Customer != 0 && len(h.visitors.byCustomer[s.who.Customer]) == 1
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
		if err != nil || !t.More && !t.Earlier && fits(t.Messages) == len(t.Messages) {
			return t, false, err
		}
	}
	t, err := s.hub.o.Inbox.ThreadBefore(ctx, scope, inbox.Place{}, helloMessages)
	if n := fits(t.Messages); n < len(t.Messages) {
		t.Messages, t.More = t.Messages[len(t.Messages)-n:], true
	}
	return t, true, err
}

// fits is how many of the newest messages a hello has room for: a socket must
// never be cut for what it is greeted with.
func fits(messages []inbox.VisitorMessage) (n int) {
	room := helloBytes
	for i := len(messages) - 1; i >= 0; i-- {
		if room -= len(encode(messages[i])); room < 0 && n > 0 {
			break
		}
		n++
	}
	return n
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
	if s.backlog > visitorPatience {
		h.o.Refused("socket")
		s.shut(closeOverloaded)
		return
	}
	got, err := h.o.Visitors.Send(store.Patience(ctx, visitorPatience), s.visitor, webchat.Message{ClientKey: f.ClientKey, Body: f.Body, Attachments: f.AttachmentIDs, Locale: s.locale})
	if fault.CodeOf(err) == "overloaded" {
		s.shut(closeOverloaded)
		return
	}
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
