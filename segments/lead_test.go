package segments_test

import (
	"context"
	"testing"
	"time"

	"github.com/fanward/fanward/segments"
)

// A process that does not lead does no work, knows how fresh the segments are, and
// takes over when it comes to lead.
func TestOneProcessLeads(t *testing.T) {
	each(t, func(s *shop) {
		leads := false
		standby := segments.New(segments.Options{DB: s.DB, Clock: s.Clock, IDs: s.IDs, Customers: s.Customers, Lead: func(context.Context) bool { return leads }})
		id := s.segment("Buyers", orders(1, "30d"))
		for {
			if more, err := s.Segments.BuildOn(s.Ctx()); err != nil || !more {
				s.must(err)
				break
			}
		}
		ming := s.person("ming")
		s.did(ming, "Order Completed", time.Minute, map[string]any{"total": 10})
		round := func() {
			s.t.Helper()
			if wait, err := standby.Round(s.Ctx()); err != nil || wait <= 0 || wait > 2*time.Second {
				s.t.Errorf("waits for %v: %v", wait, err)
			}
		}
		round()
		if len(s.members(id)) != 0 {
			s.t.Error("a process that does not lead has evaluated")
		}
		leads = true
		round()
		if !s.members(id)[ming] {
			s.t.Error("whoever comes to lead does not evaluate")
		}
	})
}
