// Package demo plays a year of a shop through the product's own services, with
// a clock that it moves itself: what it leaves could have happened. It is given
// everything by whoever starts it, decides nothing by the machine's clock, and
// the same seed and instant make the same year.
package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/segments"
)

// House is what the year is played on. The clock stands where the player puts
// it; every service reads it.
type House struct {
	Clock     *clock.System
	Auth      *auth.Service
	Customers *customers.Service
	Segments  *segments.Service
	Journeys  *journeys.Service
	Inbox     *inbox.Inbox
	Outbox    *outbox.Outbox
	Visitors  *webchat.Visitors
	// Shop, Wechat and Mail are the sandbox's accounts, ShopSecret proves who is
	// signed in at the shop.
	Shop, Wechat, Mail *channels.Account
	ShopSecret         []byte
	// Tracking takes calls as the Segment SDKs make them.
	Tracking http.Handler
	// Find looks up who is behind an identity, Follower is a follower's.
	Find     func(ctx context.Context, k customers.Key) (customers.Resolved, bool, error)
	Follower func(openID string) channels.Identity
	// Letter takes a mail as it came, ReplyTo is the address that answers to a
	// conversation go to.
	Letter  func(ctx context.Context, raw []byte) (channels.Received, error)
	ReplyTo func(c *inbox.Conversation) string
	// Platform and Post stand for WeChat and the mail server.
	Platform, Post *Pretender
	// Phone makes one of the sandbox's phones and tells its openid; Remember puts
	// what was said on it before the year ended.
	Phone    func(name string) (openID string, err error)
	Remember func(openID string, since time.Time, chat []Line) error
	// Upkeep is the housekeeping that a server does by the hour.
	Upkeep func(ctx context.Context) error
	// Owner is who will open the console.
	Owner auth.Principal
}

// Line is one line of a chat on a phone; Ours says who wrote it.
type Line struct {
	At   time.Time
	Ours bool
	Text string
}

// Options say which year.
type Options struct {
	// Language is that of the shop, its people and its teammates: en or zh-CN.
	Language string
	Seed     uint64
	// Now is when the year ends.
	Now time.Time
	// People is how many customers there are in the end, about.
	People int
	// Progress is told which part of the year has passed, in percent; may be nil.
	Progress func(percent int)
}

// DefaultPeople is how many customers a year brings.
const DefaultPeople = 2000

const (
	day = 24 * time.Hour
	// Year is how long a year is.
	Year = 365 * day
)

// world is a year on its way.
type world struct {
	House
	o       Options
	words   *words
	random  *rand.Rand
	zone    *time.Location
	agenda  agenda
	calls   []call
	sent    int // of the calls
	counter int

	server, browser string                    // write keys
	staff           map[string]auth.Principal // by role, and each by the name in their address
	teams           map[string]auth.Team
	people          []*person
	segments        map[string]*segments.Segment
	phones          map[string]*person // by name
	taken           map[*person]bool   // have a part in the last days
}

// Run plays the year. The clock stands at its end when it returns.
func Run(ctx context.Context, h House, o Options) error {
	w, err := newWorld(h, o)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{w.hire, w.connect, w.populate, w.plan, w.talk, w.lastDays} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := w.play(ctx); err != nil {
		return err
	}
	return w.finish(ctx)
}

func newWorld(h House, o Options) (*world, error) {
	if o.People == 0 {
		o.People = DefaultPeople
	}
	o.Now = o.Now.UTC().Truncate(time.Minute)
	w := &world{House: h, o: o, random: rand.New(rand.NewPCG(o.Seed, 0xfa11)), staff: map[string]auth.Principal{}, teams: map[string]auth.Team{},
		segments: map[string]*segments.Segment{}, phones: map[string]*person{}, taken: map[*person]bool{}}
	var err error
	if w.words, err = load(o.Language); err != nil {
		return nil, err
	}
	w.zone, err = time.LoadLocation(w.words.Zone)
	h.Clock.Stand(w.begin())
	return w, err
}

// begin is when the year begins.
func (w *world) begin() time.Time { return w.o.Now.Add(-Year) }

// key names one more wish, so that repeating it would be harmless.
func (w *world) key(what string) string {
	w.counter++
	return fmt.Sprintf("demo-%s-%d", what, w.counter)
}

// chance is true in so many cases of a hundred.
func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// between is a length of time, evenly from a to b.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.random.Int64N(int64(b-a)+1))
}

func pick[T any](w *world, list []T) T { return list[w.random.IntN(len(list))] }
