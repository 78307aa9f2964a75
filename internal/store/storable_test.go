package store_test

import (
	"errors"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

type word string

// TestTextsThatNoEngineMayRefuse: a text with NUL, or of bytes that are no UTF-8,
// finds nothing and fails nothing, on either engine.
func TestTextsThatNoEngineMayRefuse(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		if err := db.Write(background, put("a")); err != nil {
			t.Fatal(err)
		}
		pointed := "a\x00"
		for _, text := range []any{"a\x00", "\x00a", "a\xff", word("a\x00"), &pointed} {
			var value string
			if err := db.Reader(background).QueryRow(qGet, text).Scan(&value); !errors.Is(err, store.ErrNoRows) {
				t.Errorf("%q: %q %v", text, value, err)
			}
		}
		given := []any{"b\x00c", word("d\xffe")}
		err := db.Write(background, func(tx *store.Tx) error {
			_, err := tx.Exec(qPut, given...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var value string
		if err := db.Reader(background).QueryRow(qGet, "b\ufffdc").Scan(&value); err != nil || value != "d\ufffde" {
			t.Errorf("%q %v", value, err)
		}
		if given[0] != "b\x00c" {
			t.Error("the caller's arguments were changed")
		}
	})
}
