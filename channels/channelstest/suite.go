package channelstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

// Subject is an adapter as the suite meets it.
type Subject struct {
	Adapter channels.Adapter
	// Configs are configurations that are accepted, in every spelling.
	Configs []string
	// Refused are configurations that are not, by the field that the refusal
	// names.
	Refused map[string]string
	// Secrets are the credentials that go with every configuration.
	Secrets channels.Secrets
	// Inlet opens the way in: what is delivered there ends in the sink. nil for
	// a channel that takes nothing in.
	Inlet func(t *testing.T, h *house.House, account *channels.Account, sink channels.Sink) Inlet
	// KeepsAll is true for a channel that can refuse nothing it understands,
	// since nobody reads a refusal: what is too long is cut in the text and kept
	// whole in a file, and what is empty is kept, too.
	KeepsAll bool
	// Recipient is to whom the outlet's account sends.
	Recipient channels.Identity
	// Outlet makes the far side do something at the next Send and gives an
	// account for it. nil for a channel whose commit is the send.
	Outlet func(t *testing.T, will Far) *channels.Account
}

// Inlet is the customers' side of a channel.
type Inlet interface {
	// Deliver brings one message of a person, as the provider or the browser
	// does, under the provider's key. nil is the acknowledgement. An error of
	// the sink comes out with its code where the channel can tell it.
	Deliver(ctx context.Context, from, key, body string) error
}

// Far is what the other side does with a message.
type Far string

// What the other side can do.
const (
	Accepts   Far = "accepts"
	Refuses   Far = "refuses"
	IsBusy    Far = "is busy"     // certainly not taken, worth another try
	CutsOff   Far = "cuts off"    // after it may have taken the message
	NeverEnds Far = "never ends"  // does not answer
	Nonsense  Far = "is nonsense" // answers with what is no answer
)

// Run holds an adapter to the contract of package channels.
func Run(t *testing.T, s Subject) {
	t.Run("capabilities", s.capabilities)
	t.Run("configuration", s.configuration)
	if s.Inlet != nil {
		for _, engine := range testkit.Engines {
			t.Run("in/"+string(engine), func(t *testing.T) {
				h := house.New(t, engine, house.Options{Adapters: []channels.Adapter{s.Adapter}})
				s.in(t, h)
			})
		}
	}
	t.Run("out", s.out)
}

func (s Subject) capabilities(t *testing.T) {
	c := s.Adapter.Capabilities()
	if s.Adapter.Channel() == "" || c.MaxBody <= 0 {
		t.Errorf("%q %+v", s.Adapter.Channel(), c)
	}
	if again := s.Adapter.Capabilities(); again != c {
		t.Errorf("capabilities change: %+v, %+v", c, again)
	}
	if c.CommitSends != (s.Outlet == nil) {
		t.Error("an adapter that sends needs an outlet in its subject, and only such a one")
	}
}

func (s Subject) configuration(t *testing.T) {
	for _, given := range append(s.Configs, "", "{}") {
		canonical, err := s.Adapter.Configure(json.RawMessage(given), s.Secrets)
		if err != nil {
			if given == "" || given == "{}" {
				continue // something is required
			}
			t.Errorf("%s is refused: %v", given, err)
			continue
		}
		again, err := s.Adapter.Configure(canonical, s.Secrets)
		if err != nil || !bytes.Equal(again, canonical) {
			t.Errorf("%s became %s and then %s, %v", given, canonical, again, err)
		}
	}
	for field, given := range s.Refused {
		_, err := s.Adapter.Configure(json.RawMessage(given), s.Secrets)
		e, ok := fault.As(err)
		if !ok || e.Kind != fault.Invalid || len(e.Fields) == 0 || e.Fields[0].Field != field {
			t.Errorf("%s: want a refusal of %s, got %v", given, field, err)
		}
	}
	if _, err := s.Adapter.Configure(nil, channels.Secrets{"no_such_secret": "x"}); err == nil {
		t.Error("an unknown secret is accepted")
	}
	for _, given := range []string{`{"no_such_key":1}`, `[]`, `"x"`, `7`, `{`, `{}{}`, `{} x`, "\x00", `{"":null}`} {
		if _, err := s.Adapter.Configure(json.RawMessage(given), s.Secrets); err == nil {
			t.Errorf("%q is accepted", given)
		} else if _, ok := fault.As(err); !ok {
			t.Errorf("%q is refused without a code: %v", given, err)
		}
	}
}

// sink passes on to the inbox and notes when it has returned; it fails on demand.
type sink struct {
	to   channels.Sink
	mu   sync.Mutex
	fail error
	got  []channels.Received
}

func (s *sink) Receive(ctx context.Context, in channels.Inbound) (channels.Received, error) {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		return channels.Received{}, fail
	}
	r, err := s.to.Receive(ctx, in)
	if err == nil {
		s.mu.Lock()
		s.got = append(s.got, r)
		s.mu.Unlock()
	}
	return r, err
}

// Complete implements channels.Sink.
func (s *sink) Complete(ctx context.Context, c channels.Completion) error {
	return s.to.Complete(ctx, c)
}

// Note implements channels.Sink.
func (s *sink) Note(ctx context.Context, h channels.Happening) (channels.Received, error) {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		return channels.Received{}, fail
	}
	return s.to.Note(ctx, h)
}

func (s *sink) failing(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

func (s *sink) returned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

func (s Subject) in(t *testing.T, h *house.House) {
	config := json.RawMessage(nil)
	if len(s.Configs) > 0 {
		config = json.RawMessage(s.Configs[0])
	}
	account, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: s.Adapter.Channel(), Name: "Suite", Config: config, Secrets: s.Secrets})
	if err != nil {
		t.Fatal(err)
	}
	to := &sink{to: h.Inbox}
	in := inbound{t: t, h: h, sink: to, keepsAll: s.KeepsAll, inlet: s.Inlet(t, h, account, to), max: min(s.Adapter.Capabilities().MaxBody, house.MaxBody)}
	t.Run("durable before acknowledged", in.durable)
	t.Run("repeats", in.repeats)
	t.Run("order", in.order)
	t.Run("size", in.size)
	t.Run("foreign text", in.foreign)
	t.Run("failures", in.failures)
}

// inbound is the way in under test.
type inbound struct {
	t     *testing.T
	h     *house.House
	sink  *sink
	inlet Inlet
	max   int

	keepsAll bool
}

func (in inbound) deliver(t *testing.T, from, key, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(in.h.Ctx(), time.Minute)
	defer cancel()
	if err := in.inlet.Deliver(ctx, from, key, body); err != nil {
		t.Fatal(err)
	}
}

// texts are the messages of a body's kind that are stored.
func (in inbound) stored(like string) int64 {
	return in.h.Number("SELECT count(*) FROM messages WHERE direction = 'in' AND body LIKE ?", like)
}

func (in inbound) durable(t *testing.T) {
	for i := range 5 {
		in.deliver(t, "durable", fmt.Sprint(i), fmt.Sprint("durable ", i))
		// Acknowledged: another connection finds it committed.
		if in.sink.returned() < i+1 || in.stored("durable "+fmt.Sprint(i)) != 1 {
			t.Fatalf("message %d was acknowledged and is not stored", i)
		}
	}
}

func (in inbound) repeats(t *testing.T) {
	in.deliver(t, "repeat", "k", "repeated")
	in.deliver(t, "repeat", "k", "repeated")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = in.inlet.Deliver(in.h.Ctx(), "repeat", "k", "repeated") })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := in.stored("repeated"); n != 1 {
		t.Errorf("stored %d times", n)
	}
	in.deliver(t, "somebody else", "k", "repeated")
	if n := in.stored("repeated"); n != 2 {
		t.Errorf("the same key of another person: %d are stored", n)
	}
}

func (in inbound) order(t *testing.T) {
	for i := range 20 {
		in.deliver(t, "order", fmt.Sprint(i), fmt.Sprintf("ordered %02d", i))
	}
	wrong := in.h.Number(`SELECT count(*) FROM messages a JOIN messages b ON a.conversation_id = b.conversation_id AND a.seq < b.seq
WHERE a.body LIKE 'ordered %' AND b.body LIKE 'ordered %' AND a.body > b.body`)
	if n := in.stored("ordered %"); wrong != 0 || n != 20 {
		t.Errorf("%d stored, %d pairs in the wrong order", n, wrong)
	}
}

func (in inbound) size(t *testing.T) {
	long := make([]rune, in.max)
	for i := range long {
		long[i] = '好'
	}
	in.deliver(t, "size", "fits", string(long))
	if in.keepsAll {
		in.cut(t, string(long)+"好")
		return
	}
	before := in.h.Dump()
	if err := in.inlet.Deliver(in.h.Ctx(), "size", "long", string(long)+"好"); fault.CodeOf(err) != "body_too_long" {
		t.Errorf("one character too many: %v", err)
	}
	if err := in.inlet.Deliver(in.h.Ctx(), "size", "empty", " \n"); err == nil {
		t.Error("an empty message is taken")
	}
	if in.h.Dump() != before {
		t.Error("what was refused is stored")
	}
}

func (in inbound) foreign(t *testing.T) {
	for i, body := range []string{"nul\x00 byte", "a\r\nb\rc", "\x1b[31mred\x07", "\u202ereversed", "<img src=x onerror=alert(1)>", "'; DROP TABLE messages; --", `{"t":"send"}`, "👩‍👩‍👧‍👦"} {
		in.deliver(t, "foreign", fmt.Sprint(i), body)
		got := in.h.Words("SELECT body FROM messages WHERE id = ?", in.last())
		for _, r := range got {
			if r < ' ' && r != '\n' && r != '\t' || r == '\uFFFD' {
				t.Errorf("%q is stored as %q", body, got)
			}
		}
		if got == "" {
			t.Errorf("%q is stored as nothing", body)
		}
	}
}

func (in inbound) last() ids.ID {
	in.sink.mu.Lock()
	defer in.sink.mu.Unlock()
	return in.sink.got[len(in.sink.got)-1].Message
}

// cut holds a channel that keeps all to it.
func (in inbound) cut(t *testing.T, long string) {
	for key, body := range map[string]string{"long": long, "empty": " \n"} {
		in.deliver(t, "size", key, body)
		if n := in.h.Number("SELECT count(*) FROM attachments WHERE message_id = ?", in.last()); n != 1 {
			t.Errorf("%s: kept in %d files", key, n)
		}
		if n := len([]rune(in.h.Words("SELECT body FROM messages WHERE id = ?", in.last()))); n > in.max {
			t.Errorf("%s: a text of %d characters", key, n)
		}
	}
}

// failures of the storage are never acknowledged, and the repeat succeeds.
func (in inbound) failures(t *testing.T) {
	in.sink.failing(fault.New(fault.Unavailable, "storage_full", nil))
	if err := in.inlet.Deliver(in.h.Ctx(), "failure", "k", "kept"); err == nil {
		t.Error("acknowledged although the storage is full")
	}
	in.sink.failing(errors.New("something unforeseen"))
	if err := in.inlet.Deliver(in.h.Ctx(), "failure", "k", "kept"); err == nil {
		t.Error("acknowledged although the sink failed")
	}
	in.sink.failing(nil)
	in.deliver(t, "failure", "k", "kept")
	if n := in.stored("kept"); n != 1 {
		t.Errorf("stored %d times", n)
	}
}
