package main

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// pages are addresses for a sandbox, the same on every node of a machine.
func pages(t *testing.T) []testkit.ProgramOption {
	t.Helper()
	var out []testkit.ProgramOption
	for _, name := range []string{"SHOP", "PHONE", "MAIL"} {
		port, err := testkit.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, testkit.WithEnv("FANWARD_SANDBOX_"+name+"_ADDR", fmt.Sprintf("127.0.0.1:%d", port)))
	}
	return append(out, testkit.WithEnv("FANWARD_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
}

// known are the sandbox's pages as the hub names them; nil: it is off.
func known(s story) map[string]any {
	pages, _ := s.call("GET", s.hub+"/api/v1/setup", nil)["sandbox"].(map[string]any)
	return pages
}

// now is the hub's time.
func now(s story) time.Time {
	s.t.Helper()
	at, err := time.Parse(time.RFC3339, s.call("POST", s.hub+"/api/v1/write-keys", map[string]any{"name": "k", "kind": "server"})["created_at"].(string))
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

func moved(s story, by time.Duration) bool {
	off := time.Until(now(s))
	return off > by-time.Minute && off < by+time.Minute
}

// A moved clock must not date what real people do: the first real account ends the
// sandbox, not only the next start.
func TestSandboxEndsBesideARealAccount(t *testing.T) {
	for engine, more := range map[string]func() []testkit.ProgramOption{
		"sqlite": func() []testkit.ProgramOption { return nil },
		"postgres": func() []testkit.ProgramOption {
			return []testkit.ProgramOption{testkit.WithPostgres(testkit.PostgresURL(t))}
		},
	} {
		t.Run(engine, func(t *testing.T) {
			p := testkit.Program(t, append(pages(t), more()...)...)
			phones := page(t, p, "phones are at")
			s := tell(t, p)
			s.call("POST", phones+"/phone/clock", map[string]any{"seconds": 5 * 24 * 3600})
			if known(s) == nil || !moved(s, 5*24*time.Hour) {
				t.Fatalf("it is %s, and the pages are at %v", now(s), known(s))
			}
			s.call("POST", s.hub+"/api/v1/accounts", map[string]any{"channel": "webchat", "name": "Shop", "config": map[string]any{"origins": []string{"https://shop.example"}}})
			testkit.Eventually(t, 10*time.Second, "the sandbox ends", func() bool { return known(s) == nil && moved(s, 0) })
			if r, err := http.Get(phones + "/phone/state"); err == nil {
				_ = r.Body.Close()
				t.Error("the phones still answer")
			}
		})
	}
}

// Of two nodes one runs the sandbox's pages, its clock is that of both, and when
// it is killed the other one takes pages and clock over; a node that more than
// this machine can reach ends it for all.
func TestSandboxOfTwoNodes(t *testing.T) {
	url := testkit.PostgresURL(t)
	common := append(pages(t), testkit.WithPostgres(url))
	first := testkit.Program(t, common...)
	phones := page(t, first, "phones are at")
	second := testkit.Program(t, common...)
	if strings.Contains(second.Log(), "phones are at") {
		t.Fatal("both nodes run the pages")
	}
	a, b := tell(t, first), tell(t, second)
	if k := known(a); k["phones_url"] != phones || k["shop_url"] == "" || k["mailbox_url"] == "" || !maps.Equal(k, known(b)) {
		t.Errorf("the nodes know the pages at %v and %v", k, known(b))
	}

	a.call("POST", phones+"/phone/clock", map[string]any{"seconds": 5 * 24 * 3600})
	for i, s := range []story{a, b} {
		if !moved(s, 5*24*time.Hour) { // at once: the answer waits for all nodes
			t.Errorf("node %d has not moved: it is %s there", i, now(s))
		}
	}

	state := func() string { return fmt.Sprint(b.call("GET", phones+"/phone/state", nil)) }
	a.call("POST", phones+"/phone/people", map[string]any{"app_id": sandboxAppID, "name": "Hua"})
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	testkit.Eventually(t, 10*time.Second, "the phones are kept", func() bool {
		var kept string
		err := db.QueryRow("SELECT phones FROM sandbox").Scan(&kept)
		return err == nil && strings.Contains(kept, "Hua")
	})
	first.Kill()
	testkit.Eventually(t, 20*time.Second, "the second node runs the pages", func() bool {
		r, err := http.Get(phones + "/phone/state")
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	if !strings.Contains(state(), "Hua") || !moved(b, 5*24*time.Hour) {
		t.Errorf("after the take-over it is %s and the phones are %s", now(b), state())
	}

	public := testkit.Program(t, append(common, testkit.WithEnv("FANWARD_PUBLIC_URL", "https://fanward.example"))...)
	testkit.Eventually(t, 10*time.Second, "the sandbox ends", func() bool { return known(b) == nil })
	for i, s := range []story{b, tell(t, public)} {
		if !moved(s, 0) || known(s) != nil {
			t.Errorf("node %d without sandbox: %s, pages %v", i, now(s), known(s))
		}
	}
}
