package index

import "encoding/json"

// scanner cuts the form that rule.Facts.JSON writes, {"key":{…},"key":{…}},
// into its members, without reading what is in them.
type scanner struct {
	text string
	at   int
	key  string
	fact []byte
	// ok after the last member: the text was in that form.
	ok bool
}

func (s *scanner) next() bool {
	switch {
	case s.at == 0 && s.take('{'):
	case s.at > 0 && s.take(','):
	case s.at > 0 && s.take('}'):
		s.ok = s.at == len(s.text)
		return false
	default:
		return false
	}
	start := s.at
	escaped, ok := s.skipText()
	if !ok {
		return false
	}
	s.key = s.text[start+1 : s.at-1]
	if escaped && json.Unmarshal([]byte(s.text[start:s.at]), &s.key) != nil {
		return false
	}
	if !s.take(':') {
		return false
	}
	start = s.at
	if !s.skipFact() {
		return false
	}
	s.fact = append(s.fact[:0], s.text[start:s.at]...)
	return true
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// skipText goes past a text between quotation marks.
func (s *scanner) skipText() (escaped, ok bool) {
	if !s.take('"') {
		return false, false
	}
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\\':
			escaped = true
			s.at++
		case '"':
			s.at++
			return escaped, true
		}
	}
	return false, false
}

// skipFact goes past an object that holds no objects.
func (s *scanner) skipFact() bool {
	if !s.take('{') {
		return false
	}
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '"':
			if _, ok := s.skipText(); !ok {
				return false
			}
		case '}':
			s.at++
			return true
		default:
			s.at++
		}
	}
	return false
}
