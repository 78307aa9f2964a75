package allowance_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

// purse is one person's allowance under test.
type purse struct {
	*house.House
	who channels.Received
}

func each(t *testing.T, fn func(t *testing.T, p *purse)) {
	t.Helper()
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) { fn(t, &purse{h, h.Receive("v", "1", "hello")}) })
}

func (p *purse) grant(trigger string, n int, d time.Duration) {
	p.T.Helper()
	p.do(func(tx *store.Tx) error {
		now := p.Clock.Now()
		_, err := allowance.GrantTx(tx, p.who.Identity, []channels.Grant{{Trigger: trigger, Count: n, Until: now.Add(d)}}, now, now)
		return err
	})
}

func (p *purse) do(fn func(tx *store.Tx) error) {
	p.T.Helper()
	if err := p.DB.Write(p.Ctx(), fn); err != nil {
		p.T.Fatal(err)
	}
}

// spend takes one; it answers the note or the refusal's code.
func (p *purse) spend(automated bool) (note, code string) {
	p.T.Helper()
	err := p.DB.Write(p.Ctx(), func(tx *store.Tx) (err error) {
		note, err = allowance.SpendTx(tx, p.who.Identity, 1, automated, p.Clock.Now())
		return err
	})
	if err != nil && fault.KindOf(err) != fault.Conflict {
		p.T.Fatal(err)
	}
	return note, fault.CodeOf(err)
}

func (p *purse) left() int {
	p.T.Helper()
	s, err := allowance.Read(p.Words("SELECT grants FROM identities WHERE id = ?", p.who.Identity))
	if err != nil {
		p.T.Fatal(err)
	}
	return s.Left(p.Clock.Now())
}

func (p *purse) wants(n int) {
	p.T.Helper()
	if got := p.left(); got != n {
		p.T.Errorf("%d left, want %d", got, n)
	}
}

func (p *purse) refused(automated bool, code string) {
	p.T.Helper()
	if note, got := p.spend(automated); got != code {
		p.T.Errorf("%q %q, want %q", note, got, code)
	}
}

// What WeChat allows: five after a message for two days, three after a tap for
// a minute; the one that ends first is spent first.
func TestGrantsOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, p *purse) {
		p.refused(false, allowance.Closed)
		p.grant(channels.TriggerMessage, 5, 48*time.Hour)
		p.grant("menu", 3, time.Minute)
		p.wants(8)
		for range 2 {
			p.refused(false, "")
		}
		p.Clock.Advance(time.Minute) // to the very end of the tap's grant
		p.wants(5)
		for range 5 {
			p.refused(false, "")
		}
		p.refused(false, allowance.Spent)
		p.grant(channels.TriggerMessage, 5, 48*time.Hour) // the next message brings five, not ten
		p.wants(5)
		p.Clock.Advance(48*time.Hour - time.Millisecond)
		p.refused(false, "")
		p.Clock.Advance(time.Millisecond)
		p.refused(false, allowance.Closed)
		p.wants(0)
	})
}

func TestAutomationsLeaveSomeForPeople(t *testing.T) {
	each(t, func(t *testing.T, p *purse) {
		p.grant(channels.TriggerMessage, 5, 48*time.Hour)
		var notes []string
		for range allowance.MaxAutomated {
			note, code := p.spend(true)
			if code != "" {
				t.Fatal(code)
			}
			notes = append(notes, note)
		}
		p.refused(true, allowance.Reserved)
		p.grant("follow", 3, time.Minute)
		for range 3 {
			p.refused(true, "") // an act that only automations can answer in time
		}
		p.refused(true, allowance.Reserved)
		p.wants(3)
		// What reached nobody is given back, to automations as well.
		p.do(func(tx *store.Tx) error { return allowance.RefundTx(tx, p.who.Identity, notes[0], p.Clock.Now()) })
		p.refused(true, "")
		p.refused(true, allowance.Reserved)
	})
}

// A grant is given back once at most, and only while it is the same one.
func TestRefunds(t *testing.T) {
	each(t, func(t *testing.T, p *purse) {
		p.grant(channels.TriggerMessage, 2, time.Hour)
		note, _ := p.spend(false)
		refund := func() {
			p.do(func(tx *store.Tx) error { return allowance.RefundTx(tx, p.who.Identity, note, p.Clock.Now()) })
		}
		refund()
		p.wants(2)
		refund() // never above what was granted
		p.wants(2)
		p.Clock.Advance(time.Minute)
		p.grant(channels.TriggerMessage, 2, time.Hour)
		p.refused(false, "")
		refund() // of the grant before
		p.wants(1)
		p.do(func(tx *store.Tx) error { return allowance.ExhaustTx(tx, p.who.Identity, p.Clock.Now()) })
		p.wants(0)
		p.refused(false, allowance.Spent)
	})
}

// What is sent at once is taken whole or not at all, and given back whole.
func TestSeveralAtOnce(t *testing.T) {
	each(t, func(t *testing.T, p *purse) {
		p.grant(channels.TriggerMessage, 5, 48*time.Hour)
		p.grant("menu", 3, time.Minute)
		spend := func(n int, automated bool, want string) (note string) {
			t.Helper()
			err := p.DB.Write(p.Ctx(), func(tx *store.Tx) (err error) {
				note, err = allowance.SpendTx(tx, p.who.Identity, n, automated, p.Clock.Now())
				return err
			})
			if fault.CodeOf(err) != want {
				t.Errorf("%d at once: %v, want %q", n, err, want)
			}
			return note
		}
		spend(9, false, allowance.Short)
		p.wants(8)
		note := spend(4, false, "")
		p.wants(4)
		p.do(func(tx *store.Tx) error { return allowance.RefundTx(tx, p.who.Identity, note, p.Clock.Now()) })
		p.wants(8)
		p.Clock.Advance(time.Minute)
		spend(allowance.MaxAutomated+1, true, allowance.Short)
		spend(allowance.MaxAutomated, true, "")
		spend(1, true, allowance.Reserved)
		p.wants(5 - allowance.MaxAutomated)
	})
}

// An older act that is told late takes nothing from a newer one.
func TestLateActs(t *testing.T) {
	each(t, func(t *testing.T, p *purse) {
		p.grant(channels.TriggerMessage, 5, 48*time.Hour)
		p.refused(false, "")
		p.do(func(tx *store.Tx) error {
			now := p.Clock.Now()
			early := now.Add(-time.Hour)
			_, err := allowance.GrantTx(tx, p.who.Identity, []channels.Grant{{Trigger: channels.TriggerMessage, Count: 5, Until: early.Add(48 * time.Hour)}}, early, now)
			return err
		})
		p.wants(4)
	})
}

// Random acts and sends against a plain count of what each second allows.
func TestAgainstAModel(t *testing.T) {
	type grant struct {
		trigger string
		left    int
		until   time.Time
	}
	each(t, func(t *testing.T, p *purse) {
		rng := rand.New(rand.NewPCG(7, 11))
		model := map[string]*grant{}
		for step := range 400 {
			now := p.Clock.Now()
			switch rng.IntN(4) {
			case 0:
				trigger := []string{channels.TriggerMessage, "menu", "follow"}[rng.IntN(3)]
				n, d := 1+rng.IntN(5), time.Duration(1+rng.IntN(90))*time.Second
				if had := model[trigger]; had == nil || !had.until.After(now.Add(d)) {
					model[trigger] = &grant{trigger, n, now.Add(d)}
				}
				p.grant(trigger, n, d)
			case 1:
				p.Clock.Advance(time.Duration(rng.IntN(40)) * time.Second)
			default:
				var first *grant
				for _, g := range model {
					if g.left > 0 && g.until.After(now) && (first == nil || g.until.Before(first.until)) {
						first = g
					}
				}
				_, code := p.spend(false)
				if (code == "") != (first != nil) {
					t.Fatalf("step %d: %q, the model has %v", step, code, first)
				}
				if first != nil {
					first.left--
				}
			}
			want := 0
			for _, g := range model {
				if g.until.After(p.Clock.Now()) {
					want += g.left
				}
			}
			if got := p.left(); got != want {
				t.Fatalf("step %d: %d left, want %d (%s)", step, got, want, fmt.Sprint(model))
			}
		}
	})
}
