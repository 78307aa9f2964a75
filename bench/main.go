// Command bench runs every benchmark one after the other, each in a process of
// its own, and prints their tables. `make bench` calls it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	bin := flag.String("bin", "bin/fanward", "the built program")
	duration := flag.Duration("duration", 60*time.Second, "how long each row is measured")
	only := flag.String("only", "", "the benchmarks to run, comma-separated: writer, echo, chat, segments, journeys, outreach; empty runs all")
	nodes := flag.Int("nodes", 0, "nodes on a PostgreSQL and a Redis of their own; 0: one program on SQLite")
	people := flag.Int("people", 1_000_000, "customers of segments, conversations of chat's inbox, people who wait in journeys")
	beside := flag.Bool("duckdb", true, "ask DuckDB the same beside segments on SQLite, where it can be built (cgo)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, options{*bin, *duration, *only, *nodes, *people, *beside}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	bin           string
	duration      time.Duration
	only          string
	nodes, people int
	duckdb        bool
}

func run(ctx context.Context, o options) error {
	program, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, nodes, people := o.duration.String(), strconv.Itoa(o.nodes), strconv.Itoa(o.people)
	all := []struct {
		name string
		args []string
		// alone: it knows of no nodes.
		alone bool
	}{
		{"writer", []string{"-duration", d}, true},
		{"echo", []string{"-duration", d}, true},
		{"chat", []string{"-bin", program, "-duration", d, "-nodes", nodes, "-conversations", people}, false},
		{"segments", []string{"-bin", program, "-duration", d, "-nodes", nodes, "-people", people}, false},
		{"journeys", []string{"-duration", d, "-nodes", nodes, "-waiting", people}, false},
		{"outreach", []string{"-bin", program, "-nodes", nodes}, false},
	}
	chosen := map[string]bool{}
	for _, name := range strings.Split(o.only, ",") {
		chosen[name] = name != ""
	}
	ran := 0
	for _, b := range all {
		if o.only != "" && !chosen[b.name] || o.only == "" && o.nodes > 0 && b.alone {
			continue
		}
		ran++
		path := filepath.Join(dir, b.name)
		if err := command(ctx, "go", "build", "-o", path, "./bench/"+b.name).Run(); err != nil {
			return fmt.Errorf("build %s: %w", b.name, err)
		}
		if b.name == "segments" && o.duckdb && o.nodes == 0 {
			if duckdb, ok := buildDuckDB(ctx, dir); ok {
				b.args = append(b.args, "-duckdb", duckdb)
			}
		}
		if err := command(ctx, path, b.args...).Run(); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	if ran == 0 {
		return fmt.Errorf("-only %q names no benchmark", o.only)
	}
	return nil
}

// buildDuckDB builds what asks DuckDB: a module of its own, which needs a C
// compiler and some hundred megabytes.
func buildDuckDB(ctx context.Context, dir string) (path string, ok bool) {
	path = filepath.Join(dir, "duckdb")
	c := command(ctx, "go", "build", "-o", path, ".")
	c.Dir = "bench/duckdb"
	if err := c.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "DuckDB is left out, it cannot be built:", err)
		return "", false
	}
	return path, true
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c
}
