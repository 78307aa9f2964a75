package auth

import (
	"context"
	"errors"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Purpose is why somebody is given a sign-in link.
type Purpose string

// The purposes and how long their links are good.
const (
	FirstOwner Purpose = "owner"      // 24 hours
	Invitation Purpose = "invitation" // 7 days
	Reset      Purpose = "reset"      // 24 hours
)

// Link signs in once. Secret belongs into the fragment or path of an address
// and is stored only as a hash. A newer link replaces it (except that a first
// owner's link leaves an invitation alone), and using one ends the others.
type Link struct {
	Secret    string
	Purpose   Purpose
	ExpiresAt time.Time
}

func (s *Service) newLink(p Purpose) Link {
	life := 24 * time.Hour
	if p == Invitation {
		life = 7 * 24 * time.Hour
	}
	return Link{Secret: newSecret(), Purpose: p, ExpiresAt: s.o.Clock.Now().Add(life)}
}

func (s *Service) storeLink(tx *store.Tx, teammate ids.ID, l Link) error {
	replaced := "drop-links"
	if l.Purpose == FirstOwner { // made at every start: an invitation sent to the owner outlives it
		replaced = "drop-owner-links"
	}
	if _, err := tx.Exec(queries.Get(replaced), int64(teammate)); err != nil {
		return err
	}
	_, err := tx.Exec(queries.Get("insert-link"), hashSecret(l.Secret), int64(teammate), string(l.Purpose),
		clock.Millis(s.o.Clock.Now()), clock.Millis(l.ExpiresAt))
	return err
}

// NewLink makes a sign-in link for somebody who lost the invitation or the
// password. Earlier links of the teammate end. A disabled teammate gets none.
func (s *Service) NewLink(ctx context.Context, by Principal, teammate ids.ID) (Link, error) {
	var link Link
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := oneTeammate(tx, "teammate-lock", int64(teammate))
		if err != nil {
			return err
		}
		if err := mayManage(by, t.Role); err != nil {
			return err
		}
		if t.Disabled {
			return fault.New(fault.Conflict, "teammate_disabled", nil)
		}
		link = s.newLink(Reset)
		if t.LastSeenAt == nil {
			link = s.newLink(Invitation)
		}
		if err := s.storeLink(tx, t.ID, link); err != nil {
			return err
		}
		return s.audit(tx, by, "link.made", object("teammate", t.ID), map[string]any{"purpose": link.Purpose})
	})
	return link, err
}

// OwnerLink lets the first owner in: as long as no owner has ever signed in,
// it returns a fresh link for one, whom it creates when there is none. needed
// is false afterwards.
func (s *Service) OwnerLink(ctx context.Context) (link Link, needed bool, err error) {
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		needed = false
		owners, err := idList(tx, "lock-owners")
		if err != nil {
			return err
		}
		var seen int
		if err := tx.QueryRow(queries.Get("owners-seen")).Scan(&seen); err != nil || seen > 0 {
			return err
		}
		var owner ids.ID
		if len(owners) > 0 {
			owner = owners[0]
		} else if owner, err = s.firstOwner(tx); err != nil {
			return err
		}
		needed, link = true, s.newLink(FirstOwner)
		return s.storeLink(tx, owner, link)
	})
	return link, needed, err
}

// OwnerEmail is the address of the owner that the first start makes; the
// owner replaces it after signing in.
const OwnerEmail = "owner@localhost"

// firstOwner makes the first owner, or finds the one that another node, which
// starts at the same moment, has just made.
func (s *Service) firstOwner(tx *store.Tx) (ids.ID, error) {
	made, err := s.makeOwner(tx)
	if fault.CodeOf(err) != "email_taken" {
		return made, err
	}
	owners, failed := idList(tx, "lock-owners")
	if failed != nil || len(owners) == 0 {
		return 0, errors.Join(failed, err)
	}
	return owners[0], nil
}

func (s *Service) makeOwner(tx *store.Tx) (ids.ID, error) {
	name := "Owner"
	if s.o.Locale == "zh-CN" {
		name = "所有者"
	}
	t, err := NewTeammate{Email: OwnerEmail, Name: name, Role: Owner}.build(s)
	if err != nil {
		return 0, err
	}
	t.ID = s.o.IDs.Next()
	if err := s.insertTeammate(tx, t, nil); err != nil {
		return 0, err
	}
	return t.ID, s.audit(tx, System, "teammate.invited", object("teammate", t.ID), map[string]any{"email": t.Email, "role": t.Role})
}

// SignInByLink opens a session with a one-time link and uses it up;
// link_invalid when it was used, replaced, has expired, or never was.
func (s *Service) SignInByLink(ctx context.Context, secret string, from Client) (SignedIn, error) {
	invalid := fault.New(fault.Unauthenticated, "link_invalid", nil)
	if secret == "" || len(secret) > maxSecret {
		return SignedIn{}, invalid
	}
	giveBack, err := s.throttle.take(ctx, "", from.IP)
	if err != nil {
		return SignedIn{}, err
	}
	var in SignedIn
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		now := clock.Millis(s.o.Clock.Now())
		var id ids.ID
		var purpose Purpose
		err := tx.QueryRow(queries.Get("use-link"), now, hashSecret(secret), now).Scan(&id, &purpose)
		if errors.Is(err, store.ErrNoRows) {
			return invalid
		}
		if err != nil {
			return err
		}
		t, err := oneTeammate(tx, "teammate-lock", int64(id))
		if err != nil {
			return err
		}
		if t.Disabled {
			return invalid
		}
		if _, err := tx.Exec(queries.Get("drop-unused-links"), int64(id)); err != nil {
			return err
		}
		in, err = s.openSession(tx, t, viaLink, from)
		return err
	})
	if err == nil || !errors.Is(err, invalid) {
		giveBack()
	}
	return in, err
}
