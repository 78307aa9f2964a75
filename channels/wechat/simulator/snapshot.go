package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// saved is all of a platform but the settings of its accounts, its faults and
// what is under way.
type saved struct {
	Last     uint64
	Accounts []savedAccount
}

type savedAccount struct {
	AppID  string
	People []*person
	Tokens []*token
	Media  map[string]*media
	Codes  []*code
	Menu   *menu
	MenuID string
	Sent   []Sent
	Pushes []*Push
}

// Snapshot is what Restore brings back.
func (s *Simulator) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := saved{Last: s.last}
	for _, a := range s.accounts {
		one := savedAccount{AppID: a.AppID, People: a.people, Tokens: a.tokens, Media: a.media, Codes: a.codes, Menu: a.menu, Sent: a.sent, Pushes: a.pushes}
		if a.menu != nil {
			one.MenuID = a.menu.ID
		}
		out.Accounts = append(out.Accounts, one)
	}
	return json.Marshal(out)
}

// Restore brings a snapshot back: for accounts that are set, everything that
// has happened to them. Pushes that were under way are not delivered any more.
// It must not be called while pushes are under way.
func (s *Simulator) Restore(snapshot []byte) error {
	var in saved
	if err := json.Unmarshal(snapshot, &in); err != nil {
		return fmt.Errorf("snapshot_malformed: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, in.Last)
	for _, one := range in.Accounts {
		a := s.account(one.AppID)
		if a == nil {
			continue
		}
		a.people, a.tokens, a.media, a.codes, a.menu, a.sent, a.pushes = one.People, one.Tokens, one.Media, one.Codes, one.Menu, one.Sent, one.Pushes
		if a.media == nil {
			a.media = map[string]*media{}
		}
		if a.menu != nil {
			a.menu.ID = one.MenuID
		}
		for _, p := range a.pushes {
			p.Done = true
		}
	}
	s.changed()
	return nil
}

// settle is how long after a change the platform is saved, so that a burst of
// them is saved once.
const settle = time.Second

// Keeper is where a platform is kept while it does not run.
type Keeper interface {
	// Load gives what was kept; nil when nothing was.
	Load() ([]byte, error)
	// Save replaces what was kept as a whole.
	Save(snapshot []byte) error
}

// File is a Keeper: the path of a file.
type File string

// Load implements Keeper.
func (f File) Load() ([]byte, error) {
	snapshot, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return snapshot, err
}

// Save implements Keeper.
func (f File) Save(snapshot []byte) error {
	fresh := string(f) + ".new"
	if err := os.WriteFile(fresh, snapshot, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, string(f))
}

// Persist restores the platform from where it is kept, if it is, and saves it
// there a moment after every change and when it is closed. What is kept and
// cannot be read is an error.
func (s *Simulator) Persist(kept Keeper) error {
	snapshot, err := kept.Load()
	if err == nil && snapshot != nil {
		err = s.Restore(snapshot)
	}
	if err != nil {
		return fmt.Errorf("restore the WeChat simulator: %w", err)
	}
	changes, stop := s.watch()
	s.work.Go(func() {
		defer stop()
		defer s.save(kept)
		for {
			select {
			case <-changes:
			case <-s.ctx.Done():
				return
			}
			wake := time.NewTimer(settle)
			select {
			case <-wake.C:
			case <-s.ctx.Done():
				wake.Stop()
				return
			}
			s.save(kept)
		}
	})
	return nil
}

func (s *Simulator) save(kept Keeper) {
	if err := s.Save(kept); err != nil {
		s.log.Error("save the WeChat simulator", "error", err)
	}
}
