package segments

import (
	"context"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/segments/index"
)

// SetSizes bounds how many people are evaluated, and built, together.
func (s *Service) SetSizes(batch, chunk int) { s.sizes.batch, s.sizes.chunk = batch, chunk }

// BuildOn takes one step of the builds.
func (s *Service) BuildOn(ctx context.Context) (bool, error) { return s.buildOn(ctx) }

// Evaluate takes one batch of those who are marked.
func (s *Service) Evaluate(ctx context.Context) (bool, error) { return s.evaluate(ctx) }

// LoadMemory makes or renews the index of previews, whatever there is.
func (s *Service) LoadMemory(ctx context.Context) error {
	s.sizes.quick = 0
	return s.quick.load(ctx)
}

// TendMemory takes over what other nodes tell the index of previews.
func (s *Service) TendMemory(ctx context.Context) error { return s.quick.tend(ctx) }

// Memory is the index of previews, up to date; nil when SQL answers.
func (s *Service) Memory(ctx context.Context) *index.Index { return s.quick.current(ctx, true) }

// Listener is what an index of previews hears.
type Listener struct{ l *listener }

// NewListener has heard of nobody.
func NewListener() Listener { return Listener{newListener()} }

// Hear is told of somebody.
func (l Listener) Hear(id ids.ID) { l.l.hear([]touched{{customer: id}}) }

// Moment is now, for Forget.
func (l Listener) Moment() uint64 { return l.l.moment() }

// People are those who were heard of and not forgotten.
func (l Listener) People() []int64 { return l.l.people() }

// Forget lets go of those of whom nothing was heard since a moment.
func (l Listener) Forget(since uint64) { l.l.forget(since) }
