// Package simulator is a local WeChat platform for one or more service
// accounts and the people who follow them. It speaks only HTTP, as WeChat does:
// it answers the calls of a hub, pushes what people do to the hub, and lets a
// person play the followers on a phone page. It knows nothing of the hub.
//
// Rules that WeChat documents are built in; what only the community or memory
// says is in rules.json, with its source.
package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Clock is the time that tokens, media, codes, allowances and re-deliveries
// obey.
type Clock interface {
	Now() time.Time
	// After delivers once when d has passed; stop releases it early.
	After(d time.Duration) (c <-chan time.Time, stop func())
}

// Options say how a platform begins. The zero value is a platform without
// accounts on the machine's clock.
type Options struct {
	Clock Clock // nil: the machine's
	// Move moves Clock; nil: the control API cannot. An error is the answer of
	// whoever asked, and nothing has moved.
	Move func(time.Duration) error
	// Seed decides every name and nonce that the platform makes up.
	Seed uint64
	// Profile names the allowance rules: "2021", "2023" or "guide-2025"; "" is "2023".
	Profile string
	// BaseURL is where the handlers can be reached; picture addresses begin so.
	BaseURL string
	// ControlSecret, when set, must be the bearer token of control calls.
	ControlSecret string
	// Client makes the pushes; nil: one that follows no redirects.
	Client *http.Client
	Log    *slog.Logger // nil: nothing is logged
}

// Account is a service account as its owner has set it up.
type Account struct {
	AppID          string   `json:"app_id"`
	Secret         string   `json:"secret"`
	OriginalID     string   `json:"original_id"`
	Name           string   `json:"name"`
	Token          string   `json:"token"`
	AESKey         string   `json:"aes_key"`
	PreviousAESKey string   `json:"previous_aes_key,omitempty"`
	Mode           string   `json:"mode"` // plain, compat or safe
	PushURL        string   `json:"push_url"`
	AllowIPs       []string `json:"allow_ips,omitempty"` // empty: every address
	// OpenPlatform, when set, gives people a unionid.
	OpenPlatform string `json:"open_platform,omitempty"`
}

// The modes of pushing.
const (
	Plain  = "plain"
	Compat = "compat"
	Safe   = "safe"
)

// Simulator is the platform. It is safe for concurrent use.
type Simulator struct {
	opts  Options
	rules profile
	log   *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu       sync.Mutex
	random   *rand.Rand
	last     uint64 // the last number given out
	accounts []*account
	faults   []*Fault
	unknown  []string // paths that were called and do not exist
	version  uint64   // counts changes
	watchers map[chan struct{}]bool
	flying   int // pushes that are not at their end
	idle     *sync.Cond
}

type account struct {
	Account
	people  []*person
	tokens  []*token
	refresh []time.Time // forced refreshes of the day
	media   map[string]*media
	codes   []*code
	menu    *menu
	sent    []Sent
	pushes  []*Push
}

type person struct {
	Name       string
	OpenID     string
	UnionID    string
	Subscribed bool
	Since      time.Time
	Scene      string // ADD_SCENE_…
	QRScene    string
	Blocked    bool // takes no messages of the account
	Grants     []*Grant
	Chat       []*Line
	Typing     time.Time // until when the account is shown to be typing

	queue []*Push
	busy  bool
}

// Line is one line of a chat as the phone shows it.
type Line struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	From    string    `json:"from"` // person, account or platform
	Kind    string    `json:"kind"` // text, image, location, follow, unfollow, menu, scan or fault
	Text    string    `json:"text,omitempty"`
	MediaID string    `json:"media_id,omitempty"`
	Push    string    `json:"push,omitempty"`
}

// Sent is one message that an account has sent to a person.
type Sent struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	OpenID  string    `json:"openid"`
	Kind    string    `json:"kind"`
	Text    string    `json:"text,omitempty"`
	MediaID string    `json:"media_id,omitempty"`
	// Passive messages answered a push.
	Passive bool `json:"passive,omitempty"`
}

// New returns a platform. It panics on a profile that does not exist, as that
// is a mistake of the program.
func New(opts Options) *Simulator {
	if opts.Clock == nil {
		opts.Clock = machine{}
	}
	if opts.Profile == "" {
		opts.Profile = DefaultProfile
	}
	p, ok := profiles[opts.Profile]
	if !ok {
		panic("simulator: no profile " + opts.Profile)
	}
	if opts.Client == nil {
		opts.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &Simulator{opts: opts, rules: p, log: opts.Log, watchers: map[chan struct{}]bool{}, random: rand.New(rand.NewPCG(opts.Seed, 0x5eed))}
	s.last = uint64(opts.Clock.Now().UnixMilli()) << 20 // names do not repeat in the next run
	s.idle = sync.NewCond(&s.mu)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends the pushes that are under way and waits for them.
func (s *Simulator) Close() {
	s.cancel()
	s.work.Wait()
}

// Settle waits until every push is at its end.
func (s *Simulator) Settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.flying > 0 {
		s.idle.Wait()
	}
}

// Errors of the Go and the control API.
var (
	ErrNoAccount = errors.New("no_such_account")
	ErrNoPerson  = errors.New("no_such_person")
	ErrNameTaken = errors.New("name_taken")
)

// SetAccount adds an account or changes the one of the same app id. An empty
// mode is plain.
func (s *Simulator) SetAccount(a Account) error {
	if a.Mode == "" {
		a.Mode = Plain
	}
	if a.AppID == "" || !slices.Contains([]string{Plain, Compat, Safe}, a.Mode) || a.Mode != Plain && len(a.AESKey) != 43 {
		return errors.New("account_invalid")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed()
	if have := s.account(a.AppID); have != nil {
		have.Account = a
		return nil
	}
	s.accounts = append(s.accounts, &account{Account: a, media: map[string]*media{}})
	return nil
}

// AccountOf returns an account's settings.
func (s *Simulator) AccountOf(appID string) (Account, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.account(appID); a != nil {
		return a.Account, true
	}
	return Account{}, false
}

// AddPerson gives an account one more person, who does not follow it yet. The
// openid follows from the seed, the account and the name, so the same person
// is met again in the next run; ErrNameTaken comes with that of whoever has it.
func (s *Simulator) AddPerson(appID, name string) (openID string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(appID)
	name = strings.TrimSpace(name)
	if a == nil {
		return "", ErrNoAccount
	}
	if name == "" || len(name) > 60 {
		return "", errors.New("name_invalid")
	}
	p := &person{Name: name, OpenID: s.name("o", a.AppID, name)}
	if s.person(a, p.OpenID) != nil {
		return p.OpenID, ErrNameTaken
	}
	if a.OpenPlatform != "" {
		p.UnionID = s.name("u", a.OpenPlatform, name)
	}
	a.people = append(a.people, p)
	s.changed()
	return p.OpenID, nil
}

// name makes up an id of 28 characters, the same for the same parts.
func (s *Simulator) name(prefix string, parts ...string) string {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], s.opts.Seed)
	sum := sha256.Sum256(append(seed[:], strings.Join(parts, "\x00")...))
	return prefix + base64.RawURLEncoding.EncodeToString(sum[:])[:27]
}

// Block says whether a person refuses the account's messages.
func (s *Simulator) Block(appID, openID string, blocked bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, err := s.find(appID, openID)
	if err == nil {
		p.Blocked = blocked
		s.changed()
	}
	return err
}

// Outbox lists what an account has sent, oldest first; openID "" is everybody.
func (s *Simulator) Outbox(appID, openID string) []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Sent{}
	if a := s.account(appID); a != nil {
		for _, m := range a.sent {
			if openID == "" || m.OpenID == openID {
				out = append(out, m)
			}
		}
	}
	return out
}

// Unknown lists the paths that were called and do not exist.
func (s *Simulator) Unknown() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unknown)
}

func (s *Simulator) account(appID string) *account {
	for _, a := range s.accounts {
		if a.AppID == appID {
			return a
		}
	}
	return nil
}

func (s *Simulator) person(a *account, openID string) *person {
	for _, p := range a.people {
		if p.OpenID == openID {
			return p
		}
	}
	return nil
}

func (s *Simulator) find(appID, openID string) (*account, *person, error) {
	a := s.account(appID)
	if a == nil {
		return nil, nil, ErrNoAccount
	}
	p := s.person(a, openID)
	if p == nil {
		return nil, nil, ErrNoPerson
	}
	return a, p, nil
}

// next is a number that was not given out before.
func (s *Simulator) next() uint64 {
	s.last++
	return s.last
}

// text makes up n characters.
func (s *Simulator) text(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[s.random.IntN(len(letters))]
	}
	return string(b)
}

func (s *Simulator) now() time.Time { return s.opts.Clock.Now().UTC() }

// changed tells the phone pages; the caller holds the lock.
func (s *Simulator) changed() {
	s.version++
	for c := range s.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// say appends a line to a chat; the caller holds the lock.
func (s *Simulator) say(p *person, l Line) *Line {
	l.ID, l.At = fmt.Sprint(s.next()), s.now()
	p.Chat = append(p.Chat, &l)
	if len(p.Chat) > maxLines {
		p.Chat = slices.Clone(p.Chat[len(p.Chat)-maxLines:])
	}
	s.changed()
	return &l
}

const (
	maxLines  = 1000
	maxPushes = 2000
)

// machine is the computer's own clock.
type machine struct{}

func (machine) Now() time.Time { return time.Now() }

func (machine) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
