package main

import (
	"fmt"
	"time"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

// measureIdle opens many visitor sockets that say nothing and divides what the
// program grew by.
func measureIdle(o options, dir string, t *table.Table) error {
	p, err := program.Start(o.binary, dir)
	if err != nil {
		return err
	}
	defer p.Stop()
	token, err := p.Token(o.binary)
	if err != nil {
		return err
	}
	base, err := shop(p, token)
	if err != nil {
		return err
	}
	time.Sleep(3 * time.Second)
	before, err := p.Resident()
	if err != nil {
		return err
	}
	begun := time.Now()
	visitors, err := connect(p, base, o.sockets, nil)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	time.Sleep(20 * time.Second) // nobody collects for it: what it keeps of the handshakes counts
	after, err := p.Resident()
	if err != nil {
		return err
	}
	each := float64(after-before) / float64(len(visitors)) / 1e3
	t.Add(fmt.Sprintf("%d idle visitor sockets", len(visitors)), "≤ 25 KB each", fmt.Sprintf("%.1f KB", each), "", "",
		fmt.Sprintf("resident %.0f → %.0f MB, connected in %.1f s", float64(before)/1e6, float64(after)/1e6, took.Seconds()))
	for _, v := range visitors {
		_ = v.ws.Close()
	}
	return nil
}
