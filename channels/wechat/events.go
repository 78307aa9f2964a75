package wechat

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// eventCancelled: the person has closed their WeChat account.
const eventCancelled = "user_authorization_cancellation"

// event notes what a follower did.
func (h *Handler) event(ctx context.Context, acc *channels.Account, p *Push, attempt int) error {
	at := h.when(p)
	n := channels.Happening{
		Account: acc, Identity: h.identity(acc, p.From), ExternalID: p.DedupeKey(), At: at, Properties: map[string]any{},
	}
	scene := p.Scene()
	binding := h.people != nil && h.people.Binds(scene)
	if scene != "" && !binding { // a bind token is nobody's business
		n.Properties["scene"] = cut(scene)
	}
	switch p.Event {
	case EventSubscribe:
		n.Event, n.Activity = ActFollowed, ActFollowed
		n.Grants = []channels.Grant{GrantOf("follow", at)}
		if p.Key != "" {
			n.Grants = append(n.Grants, GrantOf("scan", at))
		}
	case EventUnsubscribe, eventCancelled:
		n.Event, n.Activity, n.Returns = ActUnfollowed, ActUnfollowed, ActFollowed
		n.ExternalID = h.goneKey(p)
	case EventScan:
		n.Event, n.Activity = ActScanned, ActScanned
		n.Grants = []channels.Grant{GrantOf("scan", at)}
	case EventClick, "scancode_push", "scancode_waitmsg":
		n.Event, n.Activity = ActMenu, ActMenu
		n.Properties["key"] = cut(p.Key)
		n.Grants = []channels.Grant{GrantOf("menu", at)}
	case EventView:
		n.Event, n.Activity = ActMenu, ActMenu // opens a page, allows nothing
		n.Properties["key"] = cut(p.Key)
	default:
		n.Event = ActOther
		n.Properties["event"], n.Properties["fields"] = cut(p.Event), fields(p.Root)
	}
	noted, err := h.sink.Note(ctx, n)
	if err != nil || noted.Stale {
		return err
	}
	if n.Returns != "" {
		return h.erase(ctx, acc, n.Identity, n.ExternalID)
	}
	if h.people == nil || p.Event != EventSubscribe && p.Event != EventScan {
		return nil
	}
	if binding {
		if err := h.bind(ctx, acc, p.From, scene); err != nil {
			return err
		}
	}
	return h.recognise(ctx, acc, p.From, attempt)
}

// goneKey names a push by which somebody leaves. It outlives the erasure that
// follows, so it tells nobody who that was.
func (h *Handler) goneKey(p *Push) string {
	return "gone:" + hex.EncodeToString(h.hash("wechat-gone", []byte(p.DedupeKey())))
}

// erase removes what came from somebody who stopped following, where the
// account's policy is what WeChat's terms demand. The person and what they did
// elsewhere stay.
func (h *Handler) erase(ctx context.Context, acc *channels.Account, i channels.Identity, by string) error {
	config, err := ParseConfig(acc.Config)
	if err != nil || !config.EraseOnUnsubscribe {
		return err
	}
	return h.eraser.EraseIdentity(ctx, acc, i, by)
}

// bind joins the follower to whoever made the bind token that they scanned.
func (h *Handler) bind(ctx context.Context, acc *channels.Account, openID, scene string) error {
	err := h.people.Bind(ctx, scene, key(acc, openID))
	if err == nil {
		return nil
	}
	if kind := fault.KindOf(err); kind == fault.Internal || kind == fault.Unavailable {
		return err // the token is still to be used
	}
	// Nobody was joined; the follow or the scan stands by itself.
	h.log.Info("a bind token was refused", "account_id", acc.ID, "code", fault.CodeOf(err))
	return nil
}

// recognise joins the follower to whom WeChat says they are.
func (h *Handler) recognise(ctx context.Context, acc *channels.Account, openID string, attempt int) error {
	l, config, err := h.adapter.login(acc)
	if err != nil {
		return err
	}
	f, err := h.adapter.client.FollowerOf(ctx, l, openID)
	if err != nil {
		h.adapter.report(ctx, acc, err)
		var api *APIError
		if errors.As(err, &api) || attempt >= lastLook {
			return nil // messages must not wait for this
		}
		return err
	}
	h.adapter.report(ctx, acc, nil)
	if f.UnionID == "" {
		return nil
	}
	namespace := config.OpenPlatform
	if namespace == "" {
		namespace = customers.Installation
	}
	return h.people.Union(ctx, key(acc, openID), customers.Key{Kind: customers.KindUnionID, Namespace: namespace, Value: f.UnionID})
}

// cut bounds and cleans what came with a push and is shown to people.
func cut(s string) string { return text.Preview(s, maxNote) }

func isNoFile(err error) bool { return errors.Is(err, errNoJSON) || errors.Is(err, errTooLarge) }
