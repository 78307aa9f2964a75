package customers

import "context"

// Passing is how far a pass over somebody's events has come.
type Passing = passing

// MoveSome takes one page of somebody's events along.
func (s *Service) MoveSome(ctx context.Context, p *Passing) (bool, error) { return s.moveSome(ctx, p) }

// MovesAtOnce is how many events change hands in one transaction.
const MovesAtOnce = movesAtOnce
