package filelink_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/web/filelink"
)

func TestAddresses(t *testing.T) {
	keys, err := seal.New([]byte(strings.Repeat("k", seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	clk := clock.NewFake(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	links := filelink.New(keys, clk.Now)
	first := links.FileURL(42)
	token := strings.TrimPrefix(first, filelink.Path)
	open := func() (ids.ID, string) {
		id, err := links.Attachment(token)
		return id, fault.CodeOf(err)
	}
	clk.Advance(time.Hour - time.Millisecond)
	if links.FileURL(42) != first || links.FileURL(43) == first {
		t.Error("an address changes within its hour, or two files share one")
	}
	clk.Advance(time.Millisecond)
	if links.FileURL(42) == first {
		t.Error("an address lasts longer than its hour")
	}
	clk.Advance(7*24*time.Hour - time.Millisecond)
	if id, code := open(); id != 42 || code != "" {
		t.Errorf("a week later: %v %s", id, code)
	}
	clk.Advance(time.Millisecond)
	if id, code := open(); id != 0 || code != "file_link_expired" {
		t.Errorf("past its time: %v %s", id, code)
	}
	other := keys.Sign("visitor", []byte("12345678"), time.Time{})
	for _, forged := range []string{"", "42", other, token + "A", keys.Sign("file", []byte("short"), time.Time{})} {
		if id, err := links.Attachment(forged); id != 0 || fault.CodeOf(err) != "not_found" {
			t.Errorf("%q: %v %v", forged, id, err)
		}
	}
}
