package simulator

import (
	"time"
)

const (
	tokenLife = 7200 * time.Second
	overlap   = 5 * time.Minute // in which an old and a new token are both valid
)

// token is one access token. Plain and stable ones are families of their own.
type token struct {
	Value  string
	Stable bool
	Until  time.Time // its natural end
	Dead   time.Time // when it was replaced or taken back; zero if not
}

func (s *Simulator) plainToken(c *call) any {
	q := c.r.URL.Query()
	if q.Get("grant_type") != "client_credential" {
		return fail(40002)
	}
	a, err := s.login(c, q.Get("appid"), q.Get("secret"))
	if err != nil {
		return err
	}
	now := s.now()
	for _, t := range a.tokens {
		if !t.Stable && t.Dead.IsZero() {
			t.Dead = now.Add(overlap)
		}
	}
	return s.issue(a, false)
}

func (s *Simulator) stableToken(c *call) any {
	var q struct {
		GrantType string `json:"grant_type"`
		AppID     string `json:"appid"`
		Secret    string `json:"secret"`
		Force     bool   `json:"force_refresh"`
	}
	if err := c.read(&q); err != nil {
		return err
	}
	if q.GrantType != "client_credential" {
		return fail(40002)
	}
	a, err := s.login(c, q.AppID, q.Secret)
	if err != nil {
		return err
	}
	now := s.now()
	if q.Force {
		return s.forceToken(a, now)
	}
	for _, t := range a.tokens {
		if t.Stable && t.Dead.IsZero() && now.Before(t.Until.Add(-overlap)) {
			return granted(t, now)
		}
	}
	return s.issue(a, true)
}

// forceToken replaces the stable token at once: at most 20 times a day, and
// not twice within 30 seconds.
func (s *Simulator) forceToken(a *account, now time.Time) any {
	recent := a.refresh[:0]
	for _, at := range a.refresh {
		if now.Sub(at) < 24*time.Hour {
			recent = append(recent, at)
		}
	}
	a.refresh = recent
	if n := len(recent); n >= 20 {
		return fail(45009)
	} else if n > 0 && now.Sub(recent[n-1]) < 30*time.Second {
		return fail(45011)
	}
	a.refresh = append(a.refresh, now)
	s.killTokens(a, now)
	return s.issue(a, true)
}

func (s *Simulator) killTokens(a *account, now time.Time) {
	for _, t := range a.tokens {
		if t.Stable && t.Dead.IsZero() {
			t.Dead = now
		}
	}
}

// RotateToken takes the account's stable token back, as another server does
// that forces a new one.
func (s *Simulator) RotateToken(appID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account(appID)
	if a == nil {
		return ErrNoAccount
	}
	s.killTokens(a, s.now())
	s.issue(a, true)
	s.changed()
	return nil
}

// login finds the account of an app id and its secret.
func (s *Simulator) login(c *call, appID, secret string) (*account, *apiError) {
	a := s.account(appID)
	if a == nil {
		return nil, fail(40013)
	}
	if secret == "" || secret != a.Secret {
		return nil, fail(40125)
	}
	return a, allowed(a, c.r)
}

func (s *Simulator) issue(a *account, stable bool) any {
	now := s.now()
	kept := a.tokens[:0]
	for _, t := range a.tokens {
		if now.Before(t.Until.Add(24 * time.Hour)) { // a while longer, to call it expired
			kept = append(kept, t)
		}
	}
	t := &token{Value: s.text(136), Stable: stable, Until: now.Add(tokenLife)}
	a.tokens = append(kept, t)
	return granted(t, now)
}

func granted(t *token, now time.Time) any {
	return map[string]any{"access_token": t.Value, "expires_in": int(t.Until.Sub(now).Seconds())}
}

// authorize finds the account of a token.
func (s *Simulator) authorize(value string) (*account, *apiError) {
	if value == "" {
		return nil, fail(41001)
	}
	now := s.now()
	for _, a := range s.accounts {
		for _, t := range a.tokens {
			switch {
			case t.Value != value:
			case !t.Dead.IsZero() && !now.Before(t.Dead):
				return nil, fail(40001)
			case !now.Before(t.Until):
				return nil, fail(42001)
			default:
				return a, nil
			}
		}
	}
	return nil, fail(40001)
}
