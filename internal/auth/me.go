package auth

import (
	"context"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// MePatch changes what is not nil of one's own profile.
type MePatch struct {
	Name         *string
	Email        *string
	Locale       *string
	Theme        *string
	Availability *string
}

// UpdateMe changes the acting teammate's own profile.
func (s *Service) UpdateMe(ctx context.Context, by Principal, p MePatch) (Teammate, error) {
	if by.Token || by.ID == 0 {
		return Teammate{}, fault.New(fault.Forbidden, "teammates_only", nil)
	}
	var out Teammate
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := oneTeammate(tx, "teammate-lock", int64(by.ID))
		if err != nil {
			return err
		}
		before := *t
		if err := applyMe(tx, t, p); err != nil {
			return err
		}
		out = *t
		if before.Name == t.Name && before.Email == t.Email && before.Locale == t.Locale && before.Theme == t.Theme && before.Availability == t.Availability {
			return nil
		}
		if err := s.save(tx, t, false); err != nil {
			return err
		}
		if changed := differences(before, *t); len(changed) > 0 {
			return s.audit(tx, by, "teammate.changed", object("teammate", t.ID), changed)
		}
		return nil
	})
	return out, err
}

func applyMe(tx *store.Tx, t *Teammate, p MePatch) error {
	c := checks{}
	if p.Name != nil {
		t.Name = check(&c, *p.Name, cleanName)
	}
	if p.Email != nil {
		t.Email = check(&c, *p.Email, cleanEmail)
	}
	for _, f := range []struct {
		field   string
		from    *string
		to      *string
		choices []string
	}{
		{"locale", p.Locale, &t.Locale, []string{"en", "zh-CN"}},
		{"theme", p.Theme, &t.Theme, []string{"system", "light", "dark"}},
		{"availability", p.Availability, &t.Availability, []string{"available", "away"}},
	} {
		if f.from != nil {
			c.add(oneOf(f.field, *f.from, f.choices...))
			*f.to = *f.from
		}
	}
	if err := c.err(); err != nil || p.Email == nil {
		return err
	}
	return emailFree(tx, t.Email, t.ID)
}

func emailFree(tx *store.Tx, email string, id ids.ID) error {
	var n int
	if err := tx.QueryRow(queries.Get("email-taken"), email, int64(id)).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return emailTaken()
	}
	return nil
}

func emailTaken() error {
	return taken("email", fault.New(fault.Conflict, "email_taken", nil))
}

// taken puts the field into a conflict.
func taken(field string, e *fault.Error) error {
	e.Fields = []fault.Field{{Field: field, Code: e.Code}}
	return e
}

// SetPassword sets one's own password and ends one's other sessions. token is
// the cookie's value of the session that asks. The current password is needed
// when there is one, unless that session was opened by a link within the last
// 30 minutes.
func (s *Service) SetPassword(ctx context.Context, token, password, current string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	q := s.o.DB.Reader(ctx)
	x, err := readSession(q, token)
	if err != nil {
		return err
	}
	t, err := oneTeammate(q, "teammate", int64(x.teammate))
	if err != nil {
		return err
	}
	fresh := x.via == viaLink && s.o.Clock.Now().Sub(clock.FromMillis(x.createdAt)) < freshLink
	if t.HasPassword && !fresh {
		if err := s.confirm(ctx, t, current); err != nil {
			return err
		}
	}
	hash, err := s.hash(ctx, password)
	if err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		now, err := oneTeammate(tx, "teammate-lock", int64(t.ID))
		if err != nil {
			return err
		}
		if now.Disabled || now.passwordHash != t.passwordHash {
			return fault.New(fault.Conflict, "conflict", nil)
		}
		now.passwordHash, now.HasPassword = hash, true
		if err := s.save(tx, now, false); err != nil {
			return err
		}
		if err := s.endSessions(tx, now.ID, x.hash); err != nil {
			return err
		}
		return s.audit(tx, now.principal(), "password.set", object("teammate", now.ID), nil)
	})
}

// confirm checks the current password under the same throttle as sign-ins.
func (s *Service) confirm(ctx context.Context, t *Teammate, current string) error {
	wrong := fault.AtField("current_password", "wrong_password", nil)
	if current == "" || len(current) > maxPassword {
		return wrong
	}
	giveBack, err := s.throttle.take(ctx, t.Email, "")
	if err != nil {
		return err
	}
	ok, err := s.verify(ctx, current, t.passwordHash)
	if err != nil || ok {
		giveBack()
	}
	if err == nil && !ok {
		err = wrong
	}
	return err
}
