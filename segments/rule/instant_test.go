package rule_test

import (
	"testing"

	"github.com/fanward/fanward/segments/rule"
)

func TestInstant(t *testing.T) {
	const newYear = int64(1_767_225_600_000)
	for s, want := range map[string]int64{
		"2026-01-01":                    newYear,
		" 2026-01-01T00:00:00Z ":        newYear,
		"2026-01-01T08:00:00+08:00":     newYear,
		"2026-01-01T00:00:00.0019Z":     newYear + 1,
		"2025-12-31T18:30:00.250-05:30": newYear + 250,
	} {
		if got, ok := rule.Instant(s); !ok || got != want {
			t.Errorf("%q is %d, %t; want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{"", "2026-1-1", "2026-01-01T0:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00,5Z", "2026-01-01T24:00:00Z", "2026-02-30", "2026-02-30T00:00:00Z", "2026-01-01 00:00:00Z"} {
		if got, ok := rule.Instant(s); ok {
			t.Errorf("%q counts as an instant: %d", s, got)
		}
	}
}
