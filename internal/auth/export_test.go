package auth

// Hashes is how many passwords have been hashed so far: what a sign-in costs
// in time.
func (s *Service) Hashes() int64 { return s.hashes.Load() }
