package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

const starts = 7

// measureStart times the way from exec to the first authenticated list, on an
// empty and on an existing database, and the memory of the idle program.
func measureStart(o options, dir string, t *table.Table) error {
	var empty, existing []time.Duration
	for n := range starts {
		data := filepath.Join(dir, strconv.Itoa(n))
		if err := os.Mkdir(data, 0o700); err != nil {
			return err
		}
		took, token, err := timeStart(o.binary, data, "")
		if err != nil {
			return err
		}
		empty = append(empty, took)
		if took, _, err = timeStart(o.binary, data, token); err != nil {
			return err
		}
		existing = append(existing, took)
	}
	for _, row := range []struct {
		what, target string
		took         []time.Duration
	}{{"start to first list, empty database", "< 0.3 s", empty}, {"start to first list, existing database", "< 0.1 s", existing}} {
		slices.Sort(row.took)
		t.Add(row.what, row.target, row.took[starts/2], "", row.took[starts-1], fmt.Sprintf("%d starts", starts))
	}
	return measureIdleMemory(o, dir, t)
}

// timeStart ends when a list has been answered; without a token it signs in
// with the link that the program prints, and returns one for the next time.
func timeStart(binary, dir, token string) (took time.Duration, made string, err error) {
	p, err := program.Launch(binary, dir)
	if err != nil {
		return 0, "", err
	}
	defer p.Stop()
	if took, err = firstList(p, token); err == nil && token == "" {
		made, err = p.Token(binary)
	}
	return took, made, err
}

func firstList(p *program.Program, token string) (time.Duration, error) {
	header := http.Header{}
	if token != "" {
		header = program.Bearer(token)
	}
	for time.Since(p.Begun) < 20*time.Second {
		if len(header) == 0 {
			if link := p.OwnerToken(); link != "" {
				header = signIn(p, link)
			}
		}
		if len(header) > 0 && program.Call("GET", p.URL+"/api/v1/conversations", header, nil, nil) == nil {
			return time.Since(p.Begun), nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, fmt.Errorf("no list within 20 s: %s", p.Output())
}

// signIn is empty as long as the program cannot be asked yet.
func signIn(p *program.Program, link string) http.Header {
	req, err := http.NewRequest("POST", p.URL+"/api/v1/session/link", strings.NewReader(fmt.Sprintf(`{"token":%q}`, link)))
	if err != nil {
		return http.Header{}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Fanward-CSRF", "1")
	res, err := program.Client.Do(req)
	if err != nil {
		return http.Header{}
	}
	_ = res.Body.Close()
	for _, c := range res.Cookies() {
		return http.Header{"Cookie": {c.Name + "=" + c.Value}}
	}
	return http.Header{}
}

func measureIdleMemory(o options, dir string, t *table.Table) error {
	data := filepath.Join(dir, "idle")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	p, err := program.Start(o.binary, data)
	if err != nil {
		return err
	}
	defer p.Stop()
	time.Sleep(5 * time.Second)
	bytes, err := p.Resident()
	if err != nil {
		return err
	}
	t.Add("idle memory, everything", "< 60 MB", fmt.Sprintf("%.1f MB", float64(bytes)/1e6), "", "", "resident, 5 s after start")
	return nil
}
