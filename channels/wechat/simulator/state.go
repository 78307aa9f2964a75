package simulator

import (
	"slices"
	"time"
)

// stateView is all that a phone page shows.
type stateView struct {
	Version  uint64        `json:"version"`
	Now      time.Time     `json:"now"`
	Profile  string        `json:"profile"`
	Movable  bool          `json:"clock_movable"`
	Accounts []accountView `json:"accounts"`
	Faults   []Fault       `json:"faults"`
	Unknown  []string      `json:"unknown_paths"`
}

type accountView struct {
	AppID   string       `json:"app_id"`
	Name    string       `json:"name"`
	Mode    string       `json:"mode"`
	PushURL string       `json:"push_url"`
	People  []personView `json:"people"`
	Menu    *menu        `json:"menu"`
	Codes   []codeView   `json:"codes"`
	Pushes  []Push       `json:"pushes"`
}

type personView struct {
	Name       string    `json:"name"`
	OpenID     string    `json:"openid"`
	UnionID    string    `json:"unionid,omitempty"`
	Subscribed bool      `json:"subscribed"`
	Blocked    bool      `json:"blocked"`
	Typing     bool      `json:"typing"`
	Allowance  Allowance `json:"allowance"`
	Chat       []Line    `json:"chat"`
}

type codeView struct {
	Scene  string     `json:"scene"`
	Ticket string     `json:"ticket"`
	Until  *time.Time `json:"until"`
}

const (
	shownPushes = 60
	shownCodes  = 20
)

func (s *Simulator) state() stateView {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	v := stateView{Version: s.version, Now: now, Profile: s.opts.Profile, Movable: s.opts.Move != nil, Accounts: []accountView{}, Faults: []Fault{}, Unknown: slices.Clone(s.unknown)}
	for _, f := range s.faults {
		v.Faults = append(v.Faults, *f)
	}
	for _, a := range s.accounts {
		v.Accounts = append(v.Accounts, a.view(now))
	}
	return v
}

func (a *account) view(now time.Time) accountView {
	v := accountView{AppID: a.AppID, Name: a.Name, Mode: a.Mode, PushURL: a.PushURL, Menu: a.menu, People: []personView{}, Codes: []codeView{}, Pushes: []Push{}}
	for _, p := range a.people {
		one := personView{Name: p.Name, OpenID: p.OpenID, UnionID: p.UnionID, Subscribed: p.Subscribed, Blocked: p.Blocked,
			Typing: now.Before(p.Typing), Allowance: p.allowance(now), Chat: []Line{}}
		for _, l := range p.Chat {
			one.Chat = append(one.Chat, *l)
		}
		v.People = append(v.People, one)
	}
	for i := len(a.codes) - 1; i >= 0 && len(v.Codes) < shownCodes; i-- {
		c := codeView{Scene: a.codes[i].Scene, Ticket: a.codes[i].Ticket}
		if until := a.codes[i].Until; !until.IsZero() {
			if !now.Before(until) {
				continue
			}
			c.Until = &until
		}
		v.Codes = append(v.Codes, c)
	}
	for _, p := range a.pushes[max(0, len(a.pushes)-shownPushes):] {
		v.Pushes = append(v.Pushes, p.copy())
	}
	return v
}

// watch tells of changes until stop is called.
func (s *Simulator) watch() (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.watchers[c] = true
	s.mu.Unlock()
	return c, func() {
		s.mu.Lock()
		delete(s.watchers, c)
		s.mu.Unlock()
	}
}

// Reset forgets everything but the accounts and their people, who follow
// nobody any more.
func (s *Simulator) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts {
		a.tokens, a.refresh, a.media, a.codes, a.menu, a.sent, a.pushes = nil, nil, map[string]*media{}, nil, nil, nil, nil
		for _, p := range a.people {
			s.flying -= len(p.queue)
			p.Subscribed, p.Blocked, p.Grants, p.Chat, p.queue = false, false, nil, nil, nil
		}
	}
	s.faults, s.unknown = nil, nil
	s.idle.Broadcast()
	s.changed()
}
