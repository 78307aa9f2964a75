// Package outside is the world around the program as crash and fault tests need
// it: visitors, teammates, WeChat's followers, writers of mail, a company's
// server. Each keeps its own record of what was acknowledged to it and what it
// was shown, and the truth is taken from those records. Clients turn to any of
// several nodes and repeat what was not acknowledged.
package outside

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// RequestTimeout is how long a client waits for an answer.
const RequestTimeout = 5 * time.Second

// A stopped node keeps its lines open, so none is kept for later.
var client = &http.Client{Timeout: RequestTimeout, Transport: &http.Transport{DisableKeepAlives: true}}

// At gives an address to turn to, another one each time where there are several.
type At func() string

// One is always the same address.
func One(url string) At { return func() string { return url } }

// Any is one of the processes' addresses, followed by path.
func Any(nodes []*testkit.Process, path string) At {
	return func() string { return nodes[rand.IntN(len(nodes))].URL + path }
}

// Call does one request; a transport failure or an answer other than 2xx is an error.
func Call(method, url string, header http.Header, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		return err
	}
	req.Header = header.Clone()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return &Refusal{Call: method + " " + url, Status: res.StatusCode, Body: string(b)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// Refusal is an answer other than 2xx.
type Refusal struct {
	Call, Body string
	Status     int
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s: %d %s", r.Call, r.Status, r.Body) }

// code is that of the problem it tells.
func (r *Refusal) code() string {
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(r.Body), &problem)
	return problem.Code
}

// read gets what is there, and asks again while it is told to come back.
func read(t *testing.T, url string, header http.Header, out any) {
	t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		err = Call("GET", url, header, nil, out)
		var refused *Refusal
		if !errors.As(err, &refused) || !passing(refused.code()) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// List reads every page of a list.
func List[T any](t *testing.T, url string, header http.Header) (all []T) {
	t.Helper()
	if !strings.Contains(url, "?") {
		url += "?"
	}
	cursor := ""
	for {
		var page struct {
			Items []T     `json:"items"`
			Next  *string `json:"next_cursor"`
		}
		read(t, url+"&limit=200&cursor="+cursor, header, &page)
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		cursor = *page.Next
	}
}

// Total is the exact number of a list's items.
func Total(t *testing.T, url string, header http.Header) int {
	t.Helper()
	var page struct {
		Total int `json:"total"`
	}
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	read(t, url+sep+"total=true&limit=1", header, &page)
	return page.Total
}

// Command runs an admin command beside the running program.
func Command(t *testing.T, p *testkit.Process, args ...string) string {
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

// Ended tells whether stop is closed.
func Ended(stop chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// Pause is what a client waits before it tries again.
func Pause(stop chan struct{}) {
	select {
	case <-stop:
	case <-time.After(time.Duration(20+rand.IntN(60)) * time.Millisecond):
	}
}
