package wechat

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/wechat/simulator"
)

func TestTokenIsShared(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.client.FollowerOf(context.Background(), w.login, w.ming) })
	}
	wg.Wait()
	w.must(errors.Join(errs...))
	if n := w.calls.Load(); n != 1 {
		t.Errorf("%d tokens were fetched", n)
	}
	w.clk.Advance(2*time.Hour - 2*tokenMargin)
	_, err := w.client.FollowerOf(context.Background(), w.login, w.ming)
	w.must(err)
	if n := w.calls.Load(); n != 1 {
		t.Errorf("%d tokens were fetched before the first one ended", n)
	}
	w.clk.Advance(2 * tokenMargin)
	_, err = w.client.FollowerOf(context.Background(), w.login, w.ming)
	w.must(err)
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d tokens were fetched", n)
	}
}

func TestDeadTokens(t *testing.T) {
	w := newWorld(t)
	w.must(w.send("one"))
	w.must(w.sim.RotateToken(testApp))
	w.must(w.send("two"))
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d tokens were fetched", n)
	}
	if n := len(w.sim.Outbox(testApp, w.ming)); n != 2 {
		t.Errorf("%d were sent", n)
	}
	for _, code := range []int{40001, 40014, 42001} {
		before := w.calls.Load()
		w.sim.AddFault(simulator.Fault{Path: sendPath, Errcode: code})
		w.must(w.send("again"))
		if n := w.calls.Load() - before; n != 1 {
			t.Errorf("%d: %d tokens were fetched", code, n)
		}
		w.act(simulator.Action{Do: "text", Text: "more"})
	}
	before := w.calls.Load()
	w.sim.AddFault(simulator.Fault{Path: sendPath, Errcode: 40001, Count: -1})
	if err := w.send("never"); codeOf(err) != 40001 {
		t.Errorf("%v", err)
	}
	if n := w.calls.Load() - before; n != 1 {
		t.Errorf("a token that is never taken was fetched %d times", n)
	}
}

func TestDropComparesFirst(t *testing.T) {
	var all tokens
	e := all.entry("k")
	e.value, e.until = "new", time.Unix(100, 0)
	all.drop("k", "old")
	if v, ok := all.read(e, time.Unix(0, 0)); !ok || v != "new" {
		t.Error("another call's new token was dropped")
	}
	all.drop("k", "new")
	if _, ok := all.read(e, time.Unix(0, 0)); ok {
		t.Error("the dead token stayed")
	}
}
