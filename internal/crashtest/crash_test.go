package crashtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

const (
	shopOrigin   = "https://shop.example"
	visitorCount = 12
)

func kills() int {
	if os.Getenv("FANWARD_SOAK") != "" {
		return 100
	}
	return 20
}

func TestKilledUnderLoad(t *testing.T) {
	p := testkit.Program(t)
	token := command(t, p, "token", "create", "--role", "owner", "--name", "crash test")
	var account struct {
		Key string `json:"key"`
	}
	header := http.Header{"Authorization": {"Bearer " + token}}
	err := call("POST", p.URL+"/api/v1/accounts", header, map[string]any{"channel": "webchat", "name": "Shop", "config": map[string]any{"origins": []string{shopOrigin}}}, &account)
	if err != nil {
		t.Fatal(err)
	}

	quiet, stop := make(chan struct{}), make(chan struct{})
	lin := &teammate{t: t, url: p.URL, token: token, stop: stop, seen: map[string]int{}, order: map[string]int64{}, answers: make(chan message, 64)}
	lin.stopped.Add(2)
	go lin.run()
	testkit.Eventually(t, 10*time.Second, "the teammate is connected", func() bool {
		lin.mu.Lock()
		defer lin.mu.Unlock()
		return lin.position != nil
	})
	go lin.answer()
	visitors := make([]*visitor, visitorCount)
	for i := range visitors {
		v := &visitor{t: t, name: fmt.Sprintf("v%d", i), base: p.URL + "/channels/webchat/" + account.Key, origin: shopOrigin, quiet: quiet, stop: stop}
		v.stopped.Add(1)
		visitors[i] = v
		go v.run()
	}
	progress := func() int {
		n := 0
		for _, v := range visitors {
			v.mu.Lock()
			n += len(v.acked)
			v.mu.Unlock()
		}
		return n
	}
	for range kills() {
		before := progress()
		testkit.Eventually(t, 30*time.Second, "messages flow", func() bool { return progress() >= before+visitorCount })
		// Anywhere in the work, not just after an acknowledgement.
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		p.Restart(syscall.SIGKILL)
	}
	before := progress()
	testkit.Eventually(t, 30*time.Second, "messages flow after the last kill", func() bool { return progress() >= before+visitorCount })
	close(quiet)
	held := settle(t, p, header, lin, visitors)
	close(stop)
	for _, v := range visitors {
		v.stopped.Wait()
	}
	lin.stopped.Wait()
	judge(t, held, lin, visitors)
}

// settle waits until both sides' clients have been told of everything that is
// stored, and returns that: what never comes is what was lost on the way.
func settle(t *testing.T, p *testkit.Process, header http.Header, lin *teammate, visitors []*visitor) map[string][]message {
	t.Helper()
	var held map[string][]message
	missing := "nothing was read yet"
	testkit.Eventually(t, 30*time.Second, "everybody is told of everything", func() bool {
		waiting, replied := lin.answering()
		held, missing = map[string][]message{}, ""
		total := 0
		for _, v := range visitors {
			v.mu.Lock()
			id, seen := v.acked[0].ConversationID, len(v.seen)
			v.mu.Unlock()
			thread := readThread(t, p, header, id)
			held[id] = thread
			total += len(thread)
			texts := 0
			for _, m := range thread {
				if m.Kind == "text" {
					texts++
				}
			}
			if seen != texts {
				missing = fmt.Sprintf("%s was shown %d of %d messages", v.name, seen, texts)
			}
		}
		lin.mu.Lock()
		defer lin.mu.Unlock()
		if len(lin.seen) != total {
			missing = fmt.Sprintf("the teammate was told of %d of %d messages", len(lin.seen), total)
		}
		// Nothing was answered while we read, nor will be.
		return missing == "" && waiting == 0 && lin.waiting == 0 && len(lin.replied) == replied
	})
	return held
}

// judge compares the clients' records with what the program holds.
func judge(t *testing.T, held map[string][]message, lin *teammate, visitors []*visitor) {
	t.Helper()
	total := 0
	for _, v := range visitors {
		thread := held[v.acked[0].ConversationID]
		total += len(thread)
		judgeVisitor(t, v, thread)
	}
	for _, r := range lin.replied {
		n := 0
		for _, m := range held[r.ConversationID] {
			if m.Body == r.Body && m.Direction == "out" {
				n++
				if m.Seq != r.Seq {
					t.Errorf("a reply accepted as seq %d is stored as %d", r.Seq, m.Seq)
				}
			}
		}
		if n != 1 {
			t.Errorf("reply %q was accepted and is there %d times", r.Body, n)
		}
	}
	if lin.snapshots > 0 {
		t.Errorf("the teammate was told to take a snapshot %d times although every change is kept", lin.snapshots)
	}
	for at, n := range lin.seen {
		if n != 1 {
			t.Errorf("the teammate was told of %s %d times", at, n)
		}
	}
	t.Logf("%d messages, %d replies, %d told to the teammate", total, len(lin.replied), len(lin.seen))
}

func judgeVisitor(t *testing.T, v *visitor, thread []message) {
	t.Helper()
	byKey := map[string][]message{}
	for i, m := range thread {
		if m.Seq != int64(i+1) {
			t.Errorf("visitor %s: the thread has seq %d at place %d", v.name, m.Seq, i+1)
		}
		if m.ClientKey != "" && m.Direction == "in" {
			byKey[m.ClientKey] = append(byKey[m.ClientKey], m)
		}
	}
	var last int64
	for _, a := range v.acked {
		got := byKey[a.ClientKey]
		if len(got) != 1 || got[0].Seq != a.Seq {
			t.Errorf("visitor %s: %s was acknowledged as seq %d and is stored as %v", v.name, a.ClientKey, a.Seq, got)
		}
		if a.Seq <= last {
			t.Errorf("visitor %s: acknowledged seq %d after %d", v.name, a.Seq, last)
		}
		last = a.Seq
	}
	// What was stored without an acknowledgement is at most the message that
	// was in flight when everything stopped, once.
	for key, got := range byKey {
		if len(got) != 1 {
			t.Errorf("visitor %s: %s is stored %d times", v.name, key, len(got))
		}
	}
	if extra := len(byKey) - len(v.acked); extra > 1 {
		t.Errorf("visitor %s: %d messages are stored that were never acknowledged", v.name, extra)
	}
	for i := 1; i < len(v.seen); i++ {
		if !less(place(v.seen[i-1]), place(v.seen[i])) {
			t.Errorf("visitor %s was shown %s after %s", v.name, place(v.seen[i]), place(v.seen[i-1]))
		}
	}
}

func readThread(t *testing.T, p *testkit.Process, header http.Header, id string) []message {
	t.Helper()
	var all []message
	for {
		var page struct {
			Items []message `json:"items"`
		}
		after := int64(0)
		if len(all) > 0 {
			after = all[len(all)-1].Seq
		}
		if err := call("GET", fmt.Sprintf("%s/api/v1/conversations/%s/messages?after_seq=%d&limit=200", p.URL, id, after), header, nil, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return all
		}
		all = append(all, page.Items...)
	}
}

// command runs an admin command beside the running program.
func command(t *testing.T, p *testkit.Process, args ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Binary(t), args...)
	cmd.Env = append(os.Environ(), "FANWARD_DATA_DIR="+p.Dir)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}
