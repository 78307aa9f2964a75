package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/fanward/fanward/internal/store"
)

// beside has DuckDB answer the same questions over the rows of a program that is
// not running.
func (b *bench) beside(dir string) error {
	fmt.Fprintln(os.Stderr, "asking DuckDB")
	cmd := exec.Command(b.duckdb, "-from", filepath.Join(dir, store.FileName))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	rows := json.NewDecoder(bytes.NewReader(out))
	for {
		var r struct {
			What     string
			P50, Max time.Duration
			Count    int64
		}
		switch err := rows.Decode(&r); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		b.table.Add("DuckDB: "+r.What, "", r.P50, "", r.Max, fmt.Sprintf("%d match; its table holds ids, and nobody is kept in it", r.Count))
	}
}
