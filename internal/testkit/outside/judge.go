package outside

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// JudgeVisitor holds a visitor's record against the thread that is stored.
func JudgeVisitor(t *testing.T, v *Visitor, thread []Message) {
	t.Helper()
	acked, seen := v.Acked(), v.Seen()
	byKey := map[string][]Message{}
	for i, m := range thread {
		if m.Seq != int64(i+1) {
			t.Errorf("visitor %s: the thread has seq %d at Place %d", v.Name, m.Seq, i+1)
		}
		if m.ClientKey != "" && m.Direction == "in" {
			byKey[m.ClientKey] = append(byKey[m.ClientKey], m)
		}
	}
	var last int64
	for _, a := range acked {
		got := byKey[a.ClientKey]
		if len(got) != 1 || got[0].Seq != a.Seq {
			t.Errorf("visitor %s: %s was acknowledged as seq %d and is stored as %v", v.Name, a.ClientKey, a.Seq, got)
		}
		if a.Seq <= last {
			t.Errorf("visitor %s: acknowledged seq %d after %d", v.Name, a.Seq, last)
		}
		last = a.Seq
	}
	// What was stored without an acknowledgement is at most the Message that
	// was in flight when everything stopped, once.
	for key, got := range byKey {
		if len(got) != 1 {
			t.Errorf("visitor %s: %s is stored %d times", v.Name, key, len(got))
		}
	}
	if extra := len(byKey) - len(acked); extra > 1 {
		t.Errorf("visitor %s: %d messages are stored that were never acknowledged", v.Name, extra)
	}
	for i := 1; i < len(seen); i++ {
		if !less(Place(seen[i-1]), Place(seen[i])) {
			t.Errorf("visitor %s was shown %s after %s", v.Name, Place(seen[i]), Place(seen[i-1]))
		}
	}
}

// ReadThread reads a whole thread.
func ReadThread(t *testing.T, p *testkit.Process, header http.Header, id string) []Message {
	t.Helper()
	var all []Message
	for {
		var page struct {
			Items []Message `json:"items"`
		}
		after := int64(0)
		if len(all) > 0 {
			after = all[len(all)-1].Seq
		}
		if err := Call("GET", fmt.Sprintf("%s/api/v1/conversations/%s/messages?after_seq=%d&limit=200", p.URL, id, after), header, nil, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return all
		}
		all = append(all, page.Items...)
	}
}

// Conversation is one as the API lists it.
type Conversation struct {
	ID      string `json:"id"`
	Channel string `json:"channel"`
}

// answered is an outbound Message with its fate.
type answered struct {
	Seq      int64  `json:"seq"`
	Body     string `json:"body"`
	Delivery struct {
		State     string  `json:"state"`
		ErrorCode *string `json:"error_code"`
	} `json:"delivery"`
	Direction string `json:"direction"`
}

// JudgeChannels holds what was acknowledged to followers and writers, and what
// they received, against the threads: everything is there once, and every answer
// reached its recipient once or is shown as unknown.
func JudgeChannels(t *testing.T, p *testkit.Process, header http.Header, lin *Teammate, w *Platform, box *Postbox, writers []*Writer) {
	t.Helper()
	want := w.Acknowledged()
	if len(want) == 0 {
		t.Error("no push was ever acknowledged")
	}
	for _, one := range writers {
		if len(one.Acked()) == 0 {
			t.Errorf("no mail of %s was ever taken", one.Name)
		}
		for _, body := range one.Acked() {
			want[body] = true
		}
	}
	in, out := map[string]int{}, map[string]answered{}
	read := func() (open int) {
		in, out = map[string]int{}, map[string]answered{}
		for _, c := range List[Conversation](t, p.URL+"/api/v1/conversations?status=all", header) {
			if c.Channel == "webchat" {
				continue // visitors are judged by their own records
			}
			for _, m := range answersOf(t, p, header, c.ID) {
				if m.Direction == "in" {
					in[m.Body]++
				}
				if m.Direction == "out" {
					out[m.Body] = m
					switch m.Delivery.State {
					case "queued", "claimed", "sending":
						open++
					}
				}
			}
		}
		return open
	}
	testkit.Eventually(t, 5*time.Minute, "everything that was acknowledged is there and answered", func() bool {
		open := read()
		for body := range want {
			if in[body] == 0 {
				return false
			}
		}
		waiting, _ := lin.Answering()
		return open == 0 && waiting == 0
	})
	for body, n := range in {
		if n != 1 {
			t.Errorf("%q is stored %d times", body, n)
		}
	}
	received := box.Received()
	for _, id := range w.People {
		for _, s := range w.Outbox(AppID, id) {
			received[s.Text] += 1
		}
	}
	unknown, failed := 0, 0
	for body, m := range out {
		switch m.Delivery.State {
		case "sent":
			if received[body] != 1 {
				t.Errorf("%q is sent and was received %d times", body, received[body])
			}
		case "unknown":
			unknown++
			if received[body] > 1 {
				t.Errorf("%q is unknown and was received %d times", body, received[body])
			}
		case "failed":
			failed++
			if received[body] != 0 {
				t.Errorf("%q failed and was received %d times", body, received[body])
			}
			if m.Delivery.ErrorCode == nil || !strings.HasPrefix(*m.Delivery.ErrorCode, "reply_") {
				t.Errorf("%q failed: %v", body, m.Delivery.ErrorCode)
			}
		}
	}
	t.Logf("%d in, %d answers, %d received, %d unknown, %d failed for want of allowance", len(in), len(out), len(received), unknown, failed)
}

// answersOf reads a whole thread.
func answersOf(t *testing.T, p *testkit.Process, header http.Header, id string) (all []answered) {
	t.Helper()
	for after := int64(0); ; {
		var page struct {
			Items []answered `json:"items"`
		}
		if err := Call("GET", fmt.Sprintf("%s/api/v1/conversations/%s/messages?after_seq=%d&limit=200", p.URL, id, after), header, nil, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return all
		}
		all = append(all, page.Items...)
		after = page.Items[len(page.Items)-1].Seq
	}
}
