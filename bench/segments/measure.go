package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
)

type object = map[string]any

// fiveConditions is the rule that previews and builds are measured with.
var fiveConditions = object{"kind": "all", "of": []object{
	{"kind": "event", "name": "Order Completed", "op": "at_least", "value": 2, "window": object{"last": "180d"}},
	{"kind": "event", "name": "Order Completed", "measure": "sum", "property": "amount", "op": "more_than", "value": 300},
	{"kind": "attribute", "name": "plan", "op": "in", "values": []string{"pro", "team"}},
	{"kind": "any", "of": []object{
		{"kind": "time", "name": "Signed In", "which": "last", "op": "within_last", "duration": "90d"},
		{"kind": "event", "name": "Product Viewed", "op": "at_least", "value": 3, "window": object{"last": "365d"}, "where": []object{{"property": "city", "op": "equals", "value": "上海"}}},
	}},
}}

// rule is the nth of the live segments: they differ in names, windows, bounds.
func rule(n int) object {
	windows := []string{"1d", "7d", "30d", "90d", "365d"}
	event := object{"kind": "event", "name": names[n%len(names)], "op": "at_least", "value": 1 + n%3, "window": object{"last": windows[n%len(windows)]}}
	switch n % 4 {
	case 0:
		return event
	case 1:
		return object{"kind": "all", "of": []object{event, {"kind": "attribute", "name": "plan", "op": "equals", "value": "pro"}}}
	case 2:
		return object{"kind": "all", "of": []object{event, {"kind": "event", "name": names[(n+3)%len(names)], "measure": "sum", "property": "amount", "op": "at_least", "value": 100 * (n % 7), "window": object{"last": "90d"}}}}
	}
	return object{"kind": "any", "of": []object{event, {"kind": "none", "of": []object{{"kind": "event", "name": names[(n+5)%len(names)], "op": "at_least", "value": 1}}}}}
}

func (b *bench) add(what, target string, r load.Result, note string) {
	if cuts := b.news.note(); cuts != "" {
		note += ", " + cuts
	}
	if r.Failed+r.Dropped > 0 {
		note += fmt.Sprintf(", %d failed, %d dropped", r.Failed, r.Dropped)
		if r.First != nil {
			note += ": " + r.First.Error()
		}
	}
	b.table.Add(what, target, r.Quantile(0.5), r.Quantile(0.99), r.Quantile(1), note)
}

func (b *bench) preview() error {
	var out struct {
		Count int64 `json:"count"`
		Took  int64 `json:"took_ms"`
	}
	ask := func(int) error {
		return b.call("POST", "/segments/preview", object{"rule": fiveConditions}, &out)
	}
	began := time.Now()
	if err := ask(0); err != nil {
		return err
	}
	b.table.Add("preview of five conditions, the first", "", time.Since(began), "", "", fmt.Sprintf("%d match, with sample, reach and every row", out.Count))
	if err := b.settled(began); err != nil {
		return err
	}
	b.add("preview of five conditions", "< 0.1 s", load.Closed(1, min(b.duration, 20*time.Second), ask), fmt.Sprintf("%d match, with sample, reach and every row", out.Count))
	return nil
}

// settled returns once previews are answered from memory, which is from 2,000
// people on.
func (b *bench) settled(asked time.Time) error {
	if b.people < 2_000 {
		return nil
	}
	for !strings.Contains(b.Output(), "previews are answered from memory") {
		if time.Since(asked) > 10*time.Minute {
			return errors.New("previews are not answered from memory")
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.table.Add("the first preview → all are from memory", "", time.Since(asked), "", "", "")
	return nil
}

// build makes a segment and waits until everybody has been gone through.
func (b *bench) build() error {
	took, size, err := b.built("Five conditions", fiveConditions)
	if err == nil {
		b.table.Add("full build of five conditions", "< 1 s", took, "", "", fmt.Sprintf("%d members, valid until their edges", size))
	}
	return err
}

func (b *bench) built(name string, n object) (time.Duration, int64, error) {
	var s struct {
		ID    string `json:"id"`
		State string `json:"state"`
		Size  int64  `json:"size"`
	}
	began := time.Now()
	if err := b.call("POST", "/segments", object{"name": name, "rule": n}, &s); err != nil {
		return 0, 0, err
	}
	for s.State != "ready" {
		if s.State == "failed" || time.Since(began) > 2*time.Hour {
			return 0, 0, fmt.Errorf("%s is %s", name, s.State)
		}
		time.Sleep(5 * time.Millisecond)
		if err := b.call("GET", "/segments/"+s.ID, nil, &s); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(began), s.Size, nil
}

// alive makes the live segments and waits until all of them are ready.
func (b *bench) alive() error {
	began := time.Now()
	var list struct {
		Items []struct {
			Name  string `json:"name"`
			State string `json:"state"`
		} `json:"items"`
	}
	if err := b.call("GET", "/segments", nil, &list); err != nil {
		return err
	}
	if len(list.Items) >= b.live {
		return nil
	}
	for n := range b.live {
		if err := b.call("POST", "/segments", object{"name": fmt.Sprintf("Live %d", n), "rule": rule(n)}, nil); err != nil {
			return err
		}
	}
	for ready := false; !ready; time.Sleep(50 * time.Millisecond) {
		if err := b.call("GET", "/segments", nil, &list); err != nil {
			return err
		}
		ready = true
		for _, s := range list.Items {
			ready = ready && s.State == "ready"
		}
	}
	b.table.Add(fmt.Sprintf("full build of %d segments, together", b.live), "", time.Since(began), "", "", "")
	return nil
}

// stage gives a stage a rule.
func (b *bench) stage(key string, n object) error {
	return b.call("PATCH", "/stages/"+key, object{"rule": n}, nil)
}

// batchSize is how many events one call brings.
const batchSize = 50

// ingest brings behaviour at the rate and, twenty times a second, one event that
// makes a membership.
func (b *bench) ingest() error {
	if err := b.alive(); err != nil {
		return err
	}
	if err := b.stage("fan", object{"kind": "event", "name": "Probed", "op": "at_least", "value": 1, "window": object{"last": "1d"}}); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	if err := b.probe(0); err != nil {
		return fmt.Errorf("the first probe: %w", err)
	}
	b.add("event → membership → stage → socket, alone", "p99 < 250 ms", load.Open(20, min(b.duration, 10*time.Second), func(n int) error { return b.probe(1 + n) }), "")
	before, err := b.CPU()
	if err != nil {
		return err
	}
	var sent load.Result
	var done sync.WaitGroup
	done.Go(func() {
		sent = load.Open(b.rate/batchSize, b.duration, func(int) error {
			calls := make([]object, batchSize)
			for i := range calls {
				calls[i] = object{"type": "track", "event": names[rand.IntN(len(names))], "properties": object{"amount": rand.IntN(500), "city": "上海"}}
				b.sign(calls[i], rand.IntN(b.people))
			}
			return b.track("/v1/batch", object{"batch": calls})
		})
	})
	if b.profile != "" { // of the first node
		done.Go(func() {
			time.Sleep(2 * time.Second)
			if err := b.Profile(b.profile, max(time.Second, b.duration-4*time.Second)); err != nil {
				fmt.Println("profile:", err)
			}
		})
	}
	first := int(min(b.duration, 10*time.Second).Seconds()*20) + 2
	seen := load.Open(20, b.duration, func(n int) error { return b.probe(first + n) })
	done.Wait()
	b.add(fmt.Sprintf("ingest with %d live segments, %d/s", b.live, b.rate), "10,000/s", sent, fmt.Sprintf("a call brings %d events; %.0f events/s stored", batchSize, sent.Rate()*batchSize))
	b.add("event → membership → stage → socket, meanwhile", "p99 < 250 ms", seen, "")
	if err := b.caughtUp(); err != nil {
		return err
	}
	after, err := b.CPU()
	if err == nil && sent.Done > 0 {
		b.table.Add("the program's own processor time", "100 µs for 10,000/s on one core", (after-before)/time.Duration(sent.Done*batchSize), "", "", "an event, until its memberships are right")
	}
	return err
}

// caughtUp waits until nobody is left to be evaluated.
func (b *bench) caughtUp() error {
	began := time.Now()
	var list struct {
		Items []struct {
			FreshAt time.Time `json:"fresh_at"`
		} `json:"items"`
	}
	for time.Since(began) < 10*time.Minute {
		if err := b.call("GET", "/segments", nil, &list); err != nil {
			return err
		}
		if len(list.Items) > 0 && list.Items[0].FreshAt.After(began) {
			b.table.Add("after that, until everybody is evaluated", "", time.Since(began), "", "", "")
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.New("the segments are not fresh after 10 minutes")
}

// sign says whose a call is, with an id of its own.
func (b *bench) sign(call object, person int) {
	call["userId"] = fmt.Sprintf("u%d", person)
	call["messageId"] = fmt.Sprintf("%x%x", rand.Uint64(), rand.Uint64())
}

// probe ends when the socket tells that somebody has come to stand in a stage.
// Each person is used once, from the last one downward.
func (b *bench) probe(n int) error {
	person := b.people - 1 - n
	if person < 0 {
		return errors.New("there are not enough people: raise -people")
	}
	arrived := b.news.expect(fmt.Sprintf("p%d", person), "fan")
	call := object{"event": "Probed"}
	b.sign(call, person)
	if err := b.track("/v1/track", call); err != nil {
		return err
	}
	select {
	case <-arrived:
		return nil
	case <-time.After(20 * time.Second):
		return errors.New("no membership within 20 s")
	}
}

func (b *bench) track(path string, body object) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest("POST", b.At(rand.IntN(1<<16))+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header = program.Basic(b.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := program.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %.200s", path, res.StatusCode, answer)
	}
	return err
}

// How long after the event the measured edge lies, and how many there are.
const (
	edgeAfter = 5 * time.Second
	edges     = 500
)

// edges lets people enter a segment by time alone and hears how late they do.
func (b *bench) edges() error {
	if err := b.alive(); err != nil {
		return err
	}
	if err := b.stage("member", object{"kind": "time", "name": "Edged", "which": "last", "op": "more_than_ago", "duration": "5s"}); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	many := min(edges, b.people/4)
	late := make([]time.Duration, many)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for n := range many {
		wg.Go(func() {
			person := n
			arrived := b.news.expect(fmt.Sprintf("p%d", person), "member")
			at := time.Now().UTC().Truncate(time.Millisecond)
			call := object{"event": "Edged", "timestamp": at.Format(time.RFC3339Nano)}
			b.sign(call, person)
			if err := b.track("/v1/track", call); err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
				return
			}
			select {
			case seen := <-arrived:
				late[n] = seen.Sub(at.Add(edgeAfter))
			case <-time.After(60 * time.Second):
				mu.Lock()
				failed = errors.New("nobody moved at the edge")
				mu.Unlock()
			}
		})
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	slices.Sort(late)
	b.table.Add("window edge → membership → stage → socket, late by", "< 1 s", late[many/2], late[many*99/100], late[many-1], fmt.Sprintf("%d edges, 100 a second", many))
	return nil
}
