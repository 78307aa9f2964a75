package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

// measureBackup holds a rate over a filled database, without a backup and while
// one after the other is taken.
func measureBackup(o options, dir string, t *table.Table) error {
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	p, err := program.Start(o.binary, data)
	if err != nil {
		return err
	}
	p.Stop()
	if err := fill(data, o.filled/10); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	k, err := startTalk(o, data)
	if err != nil {
		return err
	}
	defer k.Stop()
	k.add(t, "visitor → durable → agent, 500/s, filled database", "p99 < 10 ms", k.in(500, o.duration))
	if err := k.calm(); err != nil {
		return err
	}
	over := make(chan error, 1)
	quit := make(chan struct{})
	taken := 0
	go func() {
		for ; ; taken++ {
			select {
			case <-quit:
				over <- nil
				return
			default:
			}
			if _, err := k.Admin(o.binary, "backup", "--to", filepath.Join(dir, fmt.Sprint("backup", taken))); err != nil {
				over <- err
				return
			}
		}
	}()
	r := k.in(500, o.duration)
	close(quit)
	err = <-over
	k.add(t, fmt.Sprintf("the same while it is backed up, %d times", taken), "p99 < 10 ms", r)
	return err
}
