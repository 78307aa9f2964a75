package simulator

import (
	"net/http"
	"slices"
)

// Fault is something that goes wrong on demand: with a call of the account, or
// with a push to it when Push is set.
type Fault struct {
	ID string `json:"id"`
	// Path of the calls it meets, "" for every one.
	Path string `json:"path,omitempty"`
	// OpenID of the person it is about, "" for everybody.
	OpenID string `json:"openid,omitempty"`
	// Count is how often it happens: 0 is once, a negative number is always.
	Count int `json:"count,omitempty"`

	// Errcode answers with WeChat's error; Errmsg "" is its usual text.
	Errcode int    `json:"errcode,omitempty"`
	Errmsg  string `json:"errmsg,omitempty"`
	// Status answers with an HTTP status, and Body as text.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	// Hang answers nothing until the caller leaves; Reset cuts the connection.
	Hang  bool `json:"hang,omitempty"`
	Reset bool `json:"reset,omitempty"`
	// After lets the call take effect before it goes wrong.
	After bool `json:"after,omitempty"`
	// Redirect answers with a redirection there.
	Redirect string `json:"redirect,omitempty"`

	// Push: wrong_signature, wrong_appid, old_key or duplicate.
	Push string `json:"push,omitempty"`
}

// AddFault lets something go wrong and returns its id.
func (s *Simulator) AddFault(f Fault) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.ID = s.text(8)
	if f.Count == 0 {
		f.Count = 1
	}
	s.faults = append(s.faults, &f)
	s.changed()
	return f.ID
}

// ClearFaults ends every fault.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	s.changed()
}

// take finds the first fault that fits and counts it; the caller holds the lock.
func (s *Simulator) take(fits func(*Fault) bool) *Fault {
	i := slices.IndexFunc(s.faults, fits)
	if i < 0 {
		return nil
	}
	f := s.faults[i]
	if f.Count > 0 {
		if f.Count--; f.Count == 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
	}
	s.changed()
	return f
}

func (s *Simulator) callFault(path, openID string) *Fault {
	return s.take(func(f *Fault) bool {
		return f.Push == "" && (f.Path == "" || f.Path == path) && (f.OpenID == "" || f.OpenID == openID)
	})
}

func (s *Simulator) pushFault(openID string) *Fault {
	return s.take(func(f *Fault) bool { return f.Push != "" && (f.OpenID == "" || f.OpenID == openID) })
}

// goWrong does what a fault says to a call; rid is the call's name.
func (s *Simulator) goWrong(w http.ResponseWriter, r *http.Request, f *Fault, rid string) {
	switch {
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		panic(http.ErrAbortHandler)
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Redirect != "":
		w.Header().Set("Location", f.Redirect)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case f.Errcode != 0:
		e := fail(f.Errcode)
		if f.Errmsg != "" {
			e.Msg = f.Errmsg
		}
		answer(w, e.with(rid))
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(max(f.Status, http.StatusOK))
		_, _ = w.Write([]byte(f.Body)) // only a caller that left makes this fail
	}
}
