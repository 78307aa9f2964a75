package clustertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// TestRedisGoes: Redis is paused (its lines stay open, nobody answers), goes on, is
// stopped and comes back. Messages arrive on the other node all the while, requests
// do not wait for it, and each node says once that it is away and once that it is
// back.
func TestRedisGoes(t *testing.T) {
	redis := testkit.Redis(t)
	c := open(t, redis.URL(), 2)
	lin := c.hire(0, "lin", "manager")
	s, _ := c.socket(c.nodes[0], lin)
	token := c.token(c.nodes[1])
	n := 0
	crosses := func(when string) {
		t.Helper()
		n++
		body := fmt.Sprint(when, n)
		begun := time.Now()
		c.send(t, c.nodes[1], token, fmt.Sprint(n), body)
		answered := time.Since(begun)
		s.next("change", func(f frame) bool { return f.Kind == "message" && f.Data.Message != nil && f.Data.Message.Body == body })
		t.Logf("%s: answered after %v, on the other node after %v", when, answered.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
	}
	joined := func(want int) {
		t.Helper()
		for _, p := range c.nodes {
			testkit.Eventually(t, soon, "a node has noticed", func() bool {
				return strings.Contains(get(p.URL+"/metrics"), fmt.Sprint("fanward_redis_up ", want, "\n"))
			})
		}
	}
	for round := 1; round <= 2; round++ {
		crosses("with Redis")
		if round == 1 {
			redis.Pause()
		} else {
			redis.Stop(t)
		}
		crosses("as it goes")
		joined(0)
		crosses("without Redis")
		if round == 1 {
			redis.Resume()
		} else {
			redis.Start(t)
		}
		crosses("as it comes back")
		joined(1)
		crosses("with Redis again")
		for i, p := range c.nodes {
			if away, back := strings.Count(p.Log(), "Redis is away"), strings.Count(p.Log(), "Redis is back"); away != round || back != round {
				t.Errorf("node %d has said %d times that Redis is away, %d times that it is back, in round %d", i, away, back, round)
			}
		}
	}
}
