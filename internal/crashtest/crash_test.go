// Package crashtest kills the real program while messages are in flight and
// takes the truth from the clients' records: what was acknowledged to either
// side is there once, in order (laws 1, 3, 4 and 6).
package crashtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/outside"
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
	token := outside.Command(t, p, "token", "create", "--role", "owner", "--name", "crash test")
	var account struct {
		Key string `json:"key"`
	}
	header := http.Header{"Authorization": {"Bearer " + token}}
	err := outside.Call("POST", p.URL+"/api/v1/accounts", header, map[string]any{"channel": "webchat", "name": "Shop", "config": map[string]any{"origins": []string{shopOrigin}}}, &account)
	if err != nil {
		t.Fatal(err)
	}

	quiet, stop := make(chan struct{}), make(chan struct{})
	lin := &outside.Teammate{T: t, URL: outside.One(p.URL), Token: token, Stop: stop, Backlog: 64}
	lin.Listen()
	testkit.Eventually(t, time.Minute, "the teammate is connected", lin.Connected)
	lin.Answer()
	visitors := make([]*outside.Visitor, visitorCount)
	for i := range visitors {
		v := &outside.Visitor{T: t, Name: fmt.Sprintf("v%d", i), Base: outside.One(p.URL + "/channels/webchat/" + account.Key), Origin: shopOrigin, Quiet: quiet, Stop: stop}
		visitors[i] = v
		v.Start()
	}
	progress := func() int {
		n := 0
		for _, v := range visitors {
			n += len(v.Acked())
		}
		return n
	}
	for range kills() {
		before := progress()
		testkit.Eventually(t, 2*time.Minute, "messages flow", func() bool { return progress() >= before+visitorCount })
		// Anywhere in the work, not just after an acknowledgement.
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		p.Restart(syscall.SIGKILL)
	}
	before := progress()
	testkit.Eventually(t, 2*time.Minute, "messages flow after the last kill", func() bool { return progress() >= before+visitorCount })
	close(quiet)
	held := settle(t, p, header, lin, visitors)
	close(stop)
	for _, v := range visitors {
		v.Wait()
	}
	lin.Wait()
	judge(t, held, lin, visitors)
}

// settle waits until both sides' clients have been told of everything that is
// stored, and returns that: what never comes is what was lost on the way.
func settle(t *testing.T, p *testkit.Process, header http.Header, lin *outside.Teammate, visitors []*outside.Visitor) map[string][]outside.Message {
	t.Helper()
	var held map[string][]outside.Message
	missing := "nothing was read yet"
	testkit.Eventually(t, 2*time.Minute, "everybody is told of everything", func() bool {
		waiting, replied := lin.Answering()
		held, missing = map[string][]outside.Message{}, ""
		total := 0
		for _, v := range visitors {
			id, seen := v.Acked()[0].ConversationID, len(v.Seen())
			thread := outside.ReadThread(t, p, header, id)
			held[id] = thread
			total += len(thread)
			texts := 0
			for _, m := range thread {
				if m.Kind == "text" {
					texts++
				}
			}
			if seen != texts {
				missing = fmt.Sprintf("%s was shown %d of %d messages", v.Name, seen, texts)
			}
		}
		if told := lin.Told(); told != total {
			missing = fmt.Sprintf("the teammate was told of %d of %d messages", told, total)
		}
		stillWaiting, nowReplied := lin.Answering()
		// Nothing was answered while we read, nor will be.
		return missing == "" && waiting == 0 && stillWaiting == 0 && nowReplied == replied
	})
	return held
}

// judge compares the clients' records with what the program holds.
func judge(t *testing.T, held map[string][]outside.Message, lin *outside.Teammate, visitors []*outside.Visitor) {
	t.Helper()
	total := 0
	for _, v := range visitors {
		thread := held[v.Acked()[0].ConversationID]
		total += len(thread)
		outside.JudgeVisitor(t, v, thread)
	}
	for _, r := range lin.Replied() {
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
	lin.Judge()
	t.Logf("%d messages, %d replies, %d told to the teammate", total, len(lin.Replied()), lin.Told())
}
