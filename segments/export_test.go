package segments

// SetSizes bounds how many people are evaluated, and built, together.
func (s *Service) SetSizes(batch, chunk int) { s.sizes = sizes{batch, chunk} }
