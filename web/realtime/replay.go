package realtime

import (
	"context"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

const (
	// replayLimit is how many changes a returning socket is given, and
	// replayBytes how large they may be, before a snapshot is cheaper for both
	// sides. The queue of a socket has room for them and for what comes live.
	replayLimit = 5000
	replayBytes = teammateQueue / 2
)

// replay collects what the client missed between from and start. It judges by
// today's rights: what has moved out of sight meanwhile is told as removed,
// without content. False when a snapshot is needed.
func (h *Hub) replay(ctx context.Context, p auth.Principal, from, start feed.Position) (resumed bool, frames []*frame) {
	err := h.o.DB.Snapshot(ctx, func(q store.Querier) error {
		held, err := feed.Held(q, from)
		if err != nil || !held {
			return err
		}
		if start.Before(from) {
			resumed = true // another node is further
			return nil
		}
		changes, err := feed.After(q, from, replayLimit+1)
		if err != nil || len(changes) > replayLimit {
			return err
		}
		r := replay{hub: h, q: q, principal: p, visible: map[ids.ID]bool{}, gone: map[ids.ID]bool{}}
		for i := range changes {
			if start.Before(changes[i].Position) {
				break // comes live
			}
			if ok, err := r.add(&changes[i]); err != nil || !ok {
				return err
			}
		}
		resumed, frames = true, r.frames
		return nil
	})
	if err != nil {
		h.log.Error("replay for a socket", "error", err)
		return false, nil
	}
	return resumed, frames
}

// replay is one being collected.
type replay struct {
	hub       *Hub
	q         store.Querier
	principal auth.Principal
	visible   map[ids.ID]bool // by today's rights and places
	gone      map[ids.ID]bool // told as removed
	frames    []*frame
	bytes     int
}

// add judges one change; false when the client needs a snapshot.
func (r *replay) add(c *feed.Change) (ok bool, err error) {
	p := r.principal
	if c.Kind == "teammate" && c.Teammate == p.ID && !p.Token {
		return false, nil // its rights may have changed, which moves whole views in and out of sight
	}
	what := judge(p, c)
	if c.Audience == feed.Own && (p.Token || c.Teammate != p.ID) {
		what = nothing
	}
	if c.Audience == feed.Inbox && (what == everything || what == appeared) {
		visible, asked := r.visible[c.Conversation]
		if !asked {
			if visible, err = r.hub.o.Inbox.VisibleNow(r.q, p, c.Conversation); err != nil {
				return false, err
			}
			r.visible[c.Conversation] = visible
		}
		if !visible {
			what = vanished
		}
	}
	if c.Audience == feed.Tasks && what == everything {
		if visible, err := r.hub.o.Inbox.TaskVisibleNow(r.q, p, c.Payload); err != nil {
			return false, err
		} else if !visible {
			what = vanished
		}
	}
	switch what {
	case everything:
		r.push(changeFrame(c.Position, c.Kind, c.Payload))
	case appeared:
		r.push(changeFrame(c.Position, "conversation", conversationOnly(c.Payload)))
		delete(r.gone, c.Conversation)
	case vanished:
		if c.Audience == feed.Tasks {
			r.push(lostFrame(c))
			break
		}
		if !r.gone[c.Conversation] {
			r.gone[c.Conversation] = true
			r.push(removedFrame(c.Position, c.Conversation))
		}
	}
	return r.bytes <= replayBytes, nil
}

func (r *replay) push(f *frame) {
	r.frames = append(r.frames, f)
	r.bytes += f.size
}
