package realtime

import (
	"context"
	"encoding/json"
	"hash/maphash"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store/feed"
)

// visitorIndex finds the sockets of a customer. The hub's mu guards it.
type visitorIndex struct {
	all        map[*visitorSocket]struct{}
	byKey      map[visitorKey]map[*visitorSocket]struct{}
	byCustomer map[ids.ID]map[*visitorSocket]struct{}
	// moved are the customers whose first socket came, or whose last one went,
	// since the others were told; version counts the tellings.
	moved   map[ids.ID]struct{}
	version uint64
}

// visitorKey is a browser before and after it has a customer.
type visitorKey struct {
	account ids.ID
	key     string
}

func newVisitorIndex() visitorIndex {
	return visitorIndex{
		all: map[*visitorSocket]struct{}{}, byKey: map[visitorKey]map[*visitorSocket]struct{}{}, byCustomer: map[ids.ID]map[*visitorSocket]struct{}{},
		moved: map[ids.ID]struct{}{},
	}
}

func put[K comparable](m map[K]map[*visitorSocket]struct{}, k K, s *visitorSocket) {
	if m[k] == nil {
		m[k] = map[*visitorSocket]struct{}{}
	}
	m[k][s] = struct{}{}
}

func drop[K comparable](m map[K]map[*visitorSocket]struct{}, k K, s *visitorSocket) {
	delete(m[k], s)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

func (x *visitorIndex) add(s *visitorSocket) {
	x.all[s] = struct{}{}
	put(x.byKey, visitorKey{s.account.ID, s.visitor.Key}, s)
	x.belong(s)
}

// belong and leave keep whose sockets there are.
func (x *visitorIndex) belong(s *visitorSocket) {
	if s.who.Customer == 0 {
		return
	}
	if len(x.byCustomer[s.who.Customer]) == 0 {
		x.moved[s.who.Customer] = struct{}{}
	}
	put(x.byCustomer, s.who.Customer, s)
}

func (x *visitorIndex) leave(s *visitorSocket) {
	if s.who.Customer == 0 {
		return
	}
	drop(x.byCustomer, s.who.Customer, s)
	if len(x.byCustomer[s.who.Customer]) == 0 {
		x.moved[s.who.Customer] = struct{}{}
	}
}

func (x *visitorIndex) remove(s *visitorSocket) {
	delete(x.all, s)
	drop(x.byKey, visitorKey{s.account.ID, s.visitor.Key}, s)
	x.leave(s)
}

func (x *visitorIndex) bind(s *visitorSocket, w webchat.Who) {
	if s.who == w {
		return
	}
	x.leave(s)
	if s.live && s.who.Known && !w.Known {
		s.shut(closeBehind) // it was taken from the person whose thread it holds
	}
	s.who = w
	x.belong(s)
}

// deliver passes a change on to the customer's own sockets: on the same
// account, through the same device, and, where that device is signed in (shared),
// to those of the others that are.
func (x *visitorIndex) deliver(c *feed.Change, shared bool) {
	var f *frame
	var at inbox.Place
	for s := range x.byCustomer[c.Customer] {
		if s.account.ID != c.Account || s.who.Identity != c.Identity && !(shared && s.who.Known) {
			continue
		}
		if f == nil {
			f, at = newFrame(c.VisitorPayload), messageIn(c.VisitorPayload)
		}
		s.deliver(f, at)
	}
}

// othersWait tells whether a change may be for a signed-in device other than
// the one that it came through.
func (x *visitorIndex) othersWait(c *feed.Change) bool {
	for s := range x.byCustomer[c.Customer] {
		if s.account.ID == c.Account && s.who.Known && s.who.Identity != c.Identity {
			return true
		}
	}
	return false
}

// shared tells whether a conversation is shown on the customer's other devices.
// A socket that comes later reads the thread itself.
func (h *Hub) shared(ctx context.Context, c *feed.Change) (bool, error) {
	if len(c.VisitorPayload) == 0 {
		return false, nil
	}
	h.mu.Lock()
	wait := h.visitors.othersWait(c)
	h.mu.Unlock()
	if !wait {
		return false, nil
	}
	return h.o.Visitors.SignedIn(ctx, c.Identity)
}

// startAnew cuts a customer's sockets on an account: what they hold of the
// thread is not theirs any more.
func (x *visitorIndex) startAnew(c *feed.Change) {
	for s := range x.byCustomer[c.Customer] {
		if s.account.ID == c.Account {
			s.shut(closeBehind)
		}
	}
}

// messageIn is the place of the message in a visitor's frame, zero for others.
func messageIn(payload []byte) inbox.Place {
	var note struct {
		Message struct {
			Conversation ids.ID `json:"conversation_id"`
			Seq          int64  `json:"seq"`
		} `json:"message"`
	}
	_ = json.Unmarshal(payload, &note) // the house's own JSON
	return inbox.Place{Conversation: note.Message.Conversation, Seq: note.Message.Seq}
}

func (s *visitorSocket) deliver(f *frame, at inbox.Place) {
	switch {
	case !s.live && len(s.pending) >= helloMessages*4:
		s.shut(closeBehind)
	case !s.live:
		s.pending = append(s.pending, waiting{f, at})
	case !s.knows(at):
		s.send(f)
	}
}

// follows joins the open sockets of the browser behind an identity to whom it
// belongs to by now: its first message has just made a customer, or it has come
// to a known one, on whichever node.
func (h *Hub) follows(ctx context.Context, identity ids.ID) error {
	h.mu.Lock()
	none := len(h.visitors.all) == 0
	h.mu.Unlock()
	if none {
		return nil
	}
	account, key, found, err := h.o.Visitors.KeyOf(ctx, identity)
	if err != nil || !found {
		return err
	}
	_, err = h.bind(ctx, webchat.Visitor{Account: &channels.Account{ID: account}, Key: key})
	return err
}

// Bound joins a visitor's open sockets, on every node, to what is known of the
// visitor by now: after a first message or after identify. The feed tells the
// same, a moment later.
func (h *Hub) Bound(ctx context.Context, v webchat.Visitor) {
	if _, err := h.bind(ctx, v); err != nil {
		h.log.Error("read a visitor", "error", err)
	}
	h.hints.publish(hint{Kind: hintBound, VisitorKey: v.Key, Place: conversationPlace{Account: v.Account.ID}})
}

// bind reads who a browser is and joins its sockets on this node. The newest
// reading wins: see Hub.binding.
func (h *Hub) bind(ctx context.Context, v webchat.Visitor) (webchat.Who, error) {
	at := visitorKey{v.Account.ID, v.Key}
	h.mu.Lock()
	none := len(h.visitors.byKey[at]) == 0
	h.mu.Unlock()
	if none {
		return webchat.Who{}, nil
	}
	lock := &h.binding[maphash.Comparable(bindingSeed, at)%uint64(len(h.binding))]
	lock.Lock()
	who, ok, err := h.o.Visitors.Who(ctx, v)
	var first *visitorSocket
	if err == nil && ok {
		h.mu.Lock()
		for s := range h.visitors.byKey[at] {
			if s.live && len(h.visitors.byCustomer[who.Customer]) == 0 {
				first = s
			}
			h.visitors.bind(s, who)
		}
		h.mu.Unlock()
	}
	lock.Unlock()
	h.tellRoster()
	if first != nil {
		h.customerPresence(ctx, first, true)
	}
	return who, err
}

var bindingSeed = maphash.MakeSeed()

func (h *Hub) visitorLeft(s *visitorSocket) {
	h.mu.Lock()
	h.visitors.remove(s)
	last := s.who.Customer != 0 && len(h.visitors.byCustomer[s.who.Customer]) == 0
	draining := h.draining
	h.mu.Unlock()
	h.tellRoster()
	if last && !draining {
		h.customerPresence(context.Background(), s, false)
	}
}

// customerPresence tells teammates that a customer came or went.
func (h *Hub) customerPresence(ctx context.Context, s *visitorSocket, online bool) {
	scope, ok := s.scope()
	if !ok {
		return
	}
	w, ok, err := h.o.Inbox.Whereabouts(ctx, scope)
	if err != nil || !ok {
		return
	}
	h.hints.publish(hint{Kind: hintCustomer, On: online, Place: placeOf(w, scope)})
}

// accountChanged closes the sockets of an account that no longer takes part.
func (h *Hub) accountChanged(c *feed.Change) {
	var note struct {
		Account struct {
			Key    string          `json:"key"`
			Status channels.Status `json:"status"`
		} `json:"account"`
	}
	if json.Unmarshal(c.Payload, &note) != nil {
		return
	}
	h.o.AccountChanged(note.Account.Key)
	if note.Account.Status == channels.Active {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.visitors.all {
		if s.account.ID == c.Account {
			s.shut(closeDisabled)
		}
	}
}

// visitorsTyping shows the customer that somebody answers.
func (h *Hub) visitorsTyping(x hint) {
	f := newFrame(encode(map[string]any{"t": "typing", "on": x.On, "name": x.Name}))
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.visitors.byCustomer[x.Place.Customer] {
		if s.live && s.account.ID == x.Place.Account && (s.who.Known || s.who.Identity == x.Place.Identity) {
			s.send(f)
		}
	}
}

func (h *Hub) toAllVisitors(f *frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.visitors.all {
		if s.live {
			s.send(f)
		}
	}
}
