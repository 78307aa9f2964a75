package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

const starts = 7

// measureStart times the way from exec to the first authenticated list, on an
// empty and on an existing database, and the memory of the idle program.
func measureStart(o options, t *table.Table) error {
	var empty, existing []time.Duration
	for range starts {
		dir, err := os.MkdirTemp("", "fanward-bench-")
		if err != nil {
			return err
		}
		first, err := timeStart(o.binary, dir, "")
		if err != nil {
			return err
		}
		empty = append(empty, first.took)
		token, err := first.program.Token(o.binary)
		if err != nil {
			return err
		}
		first.program.Stop()
		second, err := timeStart(o.binary, dir, token)
		if err != nil {
			return err
		}
		existing = append(existing, second.took)
		second.program.Stop()
		_ = os.RemoveAll(dir)
	}
	for name, took := range map[string][]time.Duration{"start to first list, empty database": empty, "start to first list, existing database": existing} {
		slices.Sort(took)
		target := "< 0.3 s"
		if name[len(name)-17:] == "existing database" {
			target = "< 0.1 s"
		}
		t.Add(name, target, took[len(took)/2], took[len(took)-1], took[len(took)-1], fmt.Sprintf("%d starts", len(took)))
	}
	return measureIdleMemory(o, t)
}

type begun struct {
	program *program.Program
	took    time.Duration
}

// timeStart ends when a list has been answered; without a token it signs in
// with the link that the program prints.
func timeStart(binary, dir, token string) (begun, error) {
	at := time.Now()
	p, err := program.Launch(binary, dir)
	if err != nil {
		return begun{}, err
	}
	header := http.Header{}
	if token != "" {
		header = program.Bearer(token)
	}
	for time.Since(at) < 20*time.Second {
		if token == "" && header.Get("Cookie") == "" {
			if link := p.OwnerToken(); link != "" {
				header = signIn(p, link)
			}
		}
		if len(header) > 0 && program.Call("GET", p.URL+"/api/v1/conversations", header, nil, nil) == nil {
			return begun{p, time.Since(at)}, nil
		}
		time.Sleep(time.Millisecond)
	}
	p.Stop()
	return begun{}, fmt.Errorf("no list within 20 s: %s", p.Output())
}

func signIn(p *program.Program, link string) http.Header {
	req, err := http.NewRequest("POST", p.URL+"/api/v1/session/link", jsonBody(map[string]string{"token": link}))
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

func measureIdleMemory(o options, t *table.Table) error {
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := program.Start(o.binary, dir)
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
