package store_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
)

// A line that takes too long to be had is the server's trouble, though the
// driver tells it as a deadline; the caller's own deadline stays one.
func TestALineThatTakesTooLong(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = pgconn.Connect(ctx, "postgres://postgres@"+silent.Addr().String()+"/db?sslmode=disable")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("connecting ended with %v", err)
	}
	if told := store.Told(err); fault.CodeOf(told) != "storage_unavailable" {
		t.Errorf("it is told as %v", told)
	}
	if told := store.Told(context.DeadlineExceeded); fault.CodeOf(told) == "storage_unavailable" || !errors.Is(told, context.DeadlineExceeded) {
		t.Errorf("a caller's deadline is told as %v", told)
	}
}
