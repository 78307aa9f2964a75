package segments

import "context"

// SetSizes bounds how many people are evaluated, and built, together.
func (s *Service) SetSizes(batch, chunk int) { s.sizes = sizes{batch, chunk} }

// BuildOn takes one step of the builds.
func (s *Service) BuildOn(ctx context.Context) (bool, error) { return s.buildOn(ctx) }

// Evaluate takes one batch of those who are marked.
func (s *Service) Evaluate(ctx context.Context) (bool, error) { return s.evaluate(ctx) }
