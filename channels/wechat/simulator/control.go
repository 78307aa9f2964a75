package simulator

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxControl  = 1 << 20
	maxSnapshot = 256 << 20
	// keepAlive is how often an idle stream of changes is written to.
	keepAlive = 20 * time.Second
	maxMove   = 366 * 24 * time.Hour
)

// Control is the programs' way to play the platform: state, what was sent,
// faults, clock, settings. When Options.ControlSecret is set it is demanded.
func (s *Simulator) Control() http.Handler {
	mux := http.NewServeMux()
	s.shared(mux, "/control")
	mux.HandleFunc("GET /control/outbox", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"items": s.Outbox(r.FormValue("app_id"), r.FormValue("openid"))}, nil)
	})
	mux.HandleFunc("GET /control/pushes", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{"items": s.Pushes(r.FormValue("app_id"))}, nil)
	})
	mux.HandleFunc("GET /control/allowance", func(w http.ResponseWriter, r *http.Request) {
		a, err := s.AllowanceOf(r.FormValue("app_id"), r.FormValue("openid"))
		reply(w, a, err)
	})
	mux.HandleFunc("POST /control/token/rotate", func(w http.ResponseWriter, r *http.Request) {
		reply(w, nil, s.RotateToken(r.FormValue("app_id")))
	})
	mux.HandleFunc("POST /control/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		reply(w, nil, nil)
	})
	mux.HandleFunc("GET /control/snapshot", func(w http.ResponseWriter, _ *http.Request) {
		snapshot, err := s.Snapshot()
		reply(w, json.RawMessage(snapshot), err)
	})
	mux.HandleFunc("PUT /control/snapshot", func(w http.ResponseWriter, r *http.Request) {
		snapshot, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSnapshot))
		if err == nil {
			err = s.Restore(snapshot)
		}
		reply(w, nil, err)
	})
	mux.HandleFunc("PUT /control/accounts", func(w http.ResponseWriter, r *http.Request) {
		var a Account
		err := decode(w, r, &a)
		if err == nil && a.PushURL != "" && r.FormValue("check") != "false" {
			err = s.CheckPushURL(r.Context(), a)
		}
		if err == nil {
			err = s.SetAccount(a)
		}
		reply(w, nil, err)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if want := s.opts.ControlSecret; want != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+want)) != 1 {
			http.Error(w, "control_secret_wrong", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// shared are the calls that the phone page and the control API have in common.
func (s *Simulator) shared(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("GET "+prefix+"/state", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.state(), nil) })
	mux.HandleFunc("GET "+prefix+"/events", s.serveEvents)
	mux.HandleFunc("POST "+prefix+"/act", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			AppID  string `json:"app_id"`
			OpenID string `json:"openid"`
			Action
		}
		var push string
		err := decode(w, r, &q)
		if err == nil {
			push, err = s.Act(q.AppID, q.OpenID, q.Action)
		}
		reply(w, map[string]string{"push": push}, err)
	})
	mux.HandleFunc("POST "+prefix+"/people", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			AppID string `json:"app_id"`
			Name  string `json:"name"`
		}
		var openID string
		err := decode(w, r, &q)
		if err == nil {
			openID, err = s.AddPerson(q.AppID, q.Name)
		}
		reply(w, map[string]string{"openid": openID}, err)
	})
	mux.HandleFunc("POST "+prefix+"/block", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			AppID   string `json:"app_id"`
			OpenID  string `json:"openid"`
			Blocked bool   `json:"blocked"`
		}
		err := decode(w, r, &q)
		if err == nil {
			err = s.Block(q.AppID, q.OpenID, q.Blocked)
		}
		reply(w, nil, err)
	})
	mux.HandleFunc("POST "+prefix+"/media", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, imageBytes+1))
		var id string
		if err == nil {
			id, err = s.AddMedia(r.FormValue("app_id"), data)
		}
		reply(w, map[string]string{"media_id": id}, err)
	})
	s.sharedTricks(mux, prefix)
}

// sharedTricks are those that change the world: the clock and what goes wrong.
func (s *Simulator) sharedTricks(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("POST "+prefix+"/clock", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Seconds float64 `json:"seconds"`
		}
		err := decode(w, r, &q)
		if err == nil {
			err = s.move(q.Seconds)
		}
		reply(w, map[string]time.Time{"now": s.now()}, err)
	})
	mux.HandleFunc("POST "+prefix+"/faults", func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		if err := decode(w, r, &f); err != nil {
			reply(w, nil, err)
			return
		}
		reply(w, map[string]string{"id": s.AddFault(f)}, nil)
	})
	mux.HandleFunc("DELETE "+prefix+"/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		reply(w, nil, nil)
	})
}

func (s *Simulator) move(seconds float64) error {
	if s.opts.Move == nil {
		return errors.New("clock_fixed")
	}
	if seconds < 0 || seconds > maxMove.Seconds() {
		return errors.New("clock_out_of_range")
	}
	if err := s.opts.Move(time.Duration(seconds * float64(time.Second))); err != nil {
		return err
	}
	s.mu.Lock()
	s.changed()
	s.mu.Unlock()
	return nil
}

// serveEvents streams the number of the state's version at every change.
func (s *Simulator) serveEvents(w http.ResponseWriter, r *http.Request) {
	changes, stop := s.watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		s.mu.Lock()
		version := s.version
		s.mu.Unlock()
		if _, err := fmt.Fprintf(w, "data: %d\n\n", version); err != nil {
			return
		}
		if out.Flush() != nil {
			return
		}
		select {
		case <-changes:
		case <-alive.C:
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

func decode(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("body_malformed: %w", err)
	}
	return nil
}

// reply answers a control call: an error as 422 with its code in "error".
func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	status := http.StatusOK
	switch {
	case err != nil:
		status, v = http.StatusUnprocessableEntity, map[string]string{"error": err.Error()}
	case v == nil:
		v = map[string]bool{"ok": true}
	}
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // only a caller that left makes this fail
}
