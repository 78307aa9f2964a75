package simulator

import "time"

// Recall gives a person who follows an account since an instant a chat that was
// had before: nothing is pushed. Lines say when they were said, and whether by the
// person or by the account; what the last of the person's own still allows is
// open.
func (s *Simulator) Recall(appID, openID string, since time.Time, chat []Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, err := s.find(appID, openID)
	if err != nil {
		return err
	}
	p.Subscribed, p.Since, p.Scene, p.Grants, p.Chat = true, since, "ADD_SCENE_SEARCH", nil, nil
	rule := s.rules[TriggerMessage]
	for _, l := range append([]Line{{At: since, From: "platform", Kind: "follow"}}, chat...) {
		at := l.At
		line := s.say(p, l)
		switch line.At = at; {
		case l.From == "person":
			p.Grants = []*Grant{{Trigger: TriggerMessage, Left: rule.Count, Until: at.Add(time.Duration(rule.Seconds) * time.Second)}}
		case l.From == "account" && len(p.Grants) > 0 && p.Grants[0].Left > 0:
			p.Grants[0].Left--
		}
	}
	return nil
}

// Save keeps the platform where Persist restores it from.
func (s *Simulator) Save(kept Keeper) error {
	snapshot, err := s.Snapshot()
	if err == nil {
		err = kept.Save(snapshot)
	}
	return err
}
