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
	"strings"
	"time"
)

func main() {
	bin := flag.String("bin", "bin/fanward", "the built program")
	duration := flag.Duration("duration", 60*time.Second, "how long each row is measured")
	only := flag.String("only", "", "the benchmarks to run, comma-separated: writer, echo, chat, segments, journeys; empty runs all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *bin, *duration, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin string, d time.Duration, only string) error {
	program, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	all := []struct {
		name string
		args []string
	}{
		{"writer", []string{"-duration", d.String()}},
		{"echo", []string{"-duration", d.String()}},
		{"chat", []string{"-bin", program, "-duration", d.String()}},
		{"segments", []string{"-bin", program, "-duration", d.String()}},
		{"journeys", []string{"-duration", d.String()}},
	}
	chosen := map[string]bool{}
	for _, name := range strings.Split(only, ",") {
		chosen[name] = name != ""
	}
	ran := 0
	for _, b := range all {
		if only != "" && !chosen[b.name] {
			continue
		}
		ran++
		path := filepath.Join(dir, b.name)
		if err := command(ctx, "go", "build", "-o", path, "./bench/"+b.name).Run(); err != nil {
			return fmt.Errorf("build %s: %w", b.name, err)
		}
		if err := command(ctx, path, b.args...).Run(); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	if ran == 0 {
		return fmt.Errorf("-only %q names no benchmark", only)
	}
	return nil
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c
}
