package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// ownPages is how much memory the pages of the program's own file take, in kB.
func ownPages(t *testing.T) (kb int) {
	t.Helper()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	own := false
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case strings.Contains(fields[0], "-"):
			own = len(fields) == 6 && fields[5] == exe
		case own && fields[0] == "Rss:":
			n, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			kb += n
		}
	}
	return kb
}

func TestWhatOnlyStartingNeedsIsGivenBack(t *testing.T) {
	before := ownPages(t)
	letGo()
	if after := ownPages(t); after <= 0 || after >= before {
		t.Errorf("%d kB of the program's file before, %d after", before, after)
	}
}
