package store_test

import (
	"context"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

func TestSmoke(t *testing.T) {
	db, err := store.Open(context.Background(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(context.Background(), func(tx *store.Tx) error {
		return feed.Append(tx, feed.Change{Kind: "x", Audience: feed.Staff, Payload: []byte(`{}`)})
	}); err != nil {
		t.Fatal(err)
	}
	got, err := feed.After(db.Reader(context.Background()), feed.Position{}, 10)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
}
