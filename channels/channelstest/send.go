package channelstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
)

// outcomes are what an adapter makes of the far side's behaviour.
var outcomes = map[Far][]channels.Outcome{
	Refuses:   {channels.Refused},
	IsBusy:    {channels.Temporary},
	CutsOff:   {channels.Ambiguous},
	Nonsense:  {channels.Ambiguous, channels.Refused},
	NeverEnds: {channels.Ambiguous, channels.Temporary},
}

// sendLimit is how long an adapter may go on after its context has ended.
const sendLimit = 5 * time.Second

func (s Subject) out(t *testing.T) {
	if s.Outlet == nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.Adapter.Send(ctx, channels.Outbound{}); err != nil {
			t.Errorf("nothing is ever left to send, and yet: %v", err)
		}
		return
	}
	t.Run(string(Accepts), func(t *testing.T) {
		sent, err := s.send(t, context.Background(), Accepts)
		if err != nil || sent.ProviderRef == "" {
			t.Errorf("%+v %v", sent, err)
		}
	})
	for far, want := range outcomes {
		t.Run(string(far), func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if far == NeverEnds {
				time.AfterFunc(10*time.Millisecond, cancel)
			}
			_, err := s.send(t, ctx, far)
			told(t, err, want)
		})
	}
	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := s.send(t, ctx, Accepts); err != nil {
			told(t, err, []channels.Outcome{channels.Ambiguous, channels.Temporary})
		}
	})
}

// told holds an error of Send to its form.
func told(t *testing.T, err error, want []channels.Outcome) {
	t.Helper()
	var e *channels.SendError
	if !errors.As(err, &e) {
		t.Fatalf("no *SendError: %v", err)
	}
	for _, o := range want {
		if e.Outcome == o {
			if e.Code == "" {
				t.Error("the error has no code")
			}
			return
		}
	}
	t.Errorf("the outcome is %s, want %v (%v)", e.Outcome, want, err)
}

func (s Subject) send(t *testing.T, ctx context.Context, will Far) (channels.Sent, error) {
	t.Helper()
	type answer struct {
		sent channels.Sent
		err  error
	}
	account := s.Outlet(t, will)
	done := make(chan answer, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("Send panics: %v", p)
				done <- answer{}
			}
		}()
		sent, err := s.Adapter.Send(ctx, channels.Outbound{
			Account: account, Delivery: 42, Conversation: 7, Purpose: channels.Reply, Attempt: 1,
			Content: channels.Content{Identity: s.Recipient, Body: "hi"},
		})
		done <- answer{sent, err}
	}()
	limit := time.NewTimer(sendLimit)
	defer limit.Stop()
	select {
	case a := <-done:
		return a.sent, a.err
	case <-limit.C:
		t.Fatalf("Send does not return within %v", sendLimit)
		return channels.Sent{}, nil
	}
}
