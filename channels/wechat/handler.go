package wechat

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/text"
)

// What a follower's acts allow us to send, and the names under which they
// stand in the timeline.
const (
	messageCount  = 5
	messageWindow = 48 * time.Hour
	actCount      = 3
	actWindow     = time.Minute

	ActFollowed   = "wechat_followed"
	ActUnfollowed = "wechat_unfollowed"
	ActScanned    = "wechat_scanned"
	ActMenu       = "wechat_menu"
	ActOther      = "wechat_event"
)

const (
	// maxNote bounds texts that people did not write themselves, in characters.
	maxNote = 500
	// lastFetch is the attempt after which a message is shown without its file,
	// some seconds after it came, so that what was written after it does not wait;
	// the file is fetched behind it.
	lastFetch = 2
	// fetchFor is how long WeChat keeps a file that a follower has sent
	// (reference of the media API: three days), and how long it is asked for.
	fetchFor = 72 * time.Hour
	// firstPause and longestPause are how long is waited between two such
	// attempts, as long as it has taken already within these.
	firstPause, longestPause = 30 * time.Second, 30 * time.Minute
	// lastLook is the attempt after which a follower's unionid is not asked for
	// any more; the next follow or scan asks again.
	lastLook = 2
)

// People joins followers to customers by what they prove.
type People interface {
	// Binds tells whether a scene may hold a bind token.
	Binds(scene string) bool
	// Bind joins a follower who has brought a bind token back to the customer
	// who asked for it. A coded error says that nobody was joined.
	Bind(ctx context.Context, scene string, follower customers.Key) error
	// Union joins followers whom WeChat calls one person.
	Union(ctx context.Context, follower, union customers.Key) error
}

// Eraser removes what came from a person through one identity; the inbox is
// one.
type Eraser interface {
	EraseIdentity(ctx context.Context, account *channels.Account, i channels.Identity, by string) error
}

// Handler understands stored pushes; it implements intake.Handler.
type Handler struct {
	adapter *Adapter
	sink    channels.Sink
	keeper  Keeper
	files   channels.Files
	eraser  Eraser
	hash    func(purpose string, data []byte) []byte
	people  People // nil: nobody is joined
	clk     clock.Clock
	log     *slog.Logger
	// fileBytes is the largest file that is fetched, maxBody the longest text.
	fileBytes int64
	maxBody   int
}

// HandlerOptions are what a Handler needs. All are required but People, Log and
// MaxBody.
type HandlerOptions struct {
	Adapter *Adapter
	Sink    channels.Sink
	// Keeper keeps the files that are fetched later.
	Keeper Keeper
	Files  channels.Files
	Eraser Eraser
	// Hash is a keyed hash: what stands in the place of an erased openid.
	Hash      func(purpose string, data []byte) []byte
	People    People
	Clock     clock.Clock
	Log       *slog.Logger
	FileBytes int64
	// MaxBody is the longest message in characters, of whatever channel; 0: the
	// channel's own MaxBody.
	MaxBody int
}

// NewHandler returns a handler.
func NewHandler(o HandlerOptions) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody == 0 {
		o.MaxBody = MaxBody
	}
	return &Handler{
		adapter: o.Adapter, sink: o.Sink, keeper: o.Keeper, files: o.Files, eraser: o.Eraser, hash: o.Hash, people: o.People, clk: o.Clock, log: o.Log,
		fileBytes: o.FileBytes, maxBody: min(o.MaxBody, MaxBody),
	}
}

// Handle implements intake.Handler.
func (h *Handler) Handle(ctx context.Context, acc *channels.Account, raw intake.Raw) error {
	p, err := ParsePush(raw.Body)
	if err != nil {
		return intake.Refuse("wechat_push_unreadable", err)
	}
	if p.Type == TypeEvent {
		return final(h.event(ctx, acc, p, raw.Attempt))
	}
	if strings.HasPrefix(raw.Key, laterFile) {
		return h.fetchLater(ctx, acc, p)
	}
	return final(h.message(ctx, acc, p, raw))
}

// final gives up at once what no repetition can cure.
func final(err error) error {
	if err != nil && fault.KindOf(err) == fault.Invalid {
		return intake.Refuse(fault.CodeOf(err), err)
	}
	return err
}

func key(acc *channels.Account, openID string) customers.Key {
	return customers.Key{Kind: customers.KindOpenID, Namespace: acc.ID.String(), Value: openID}
}

// identity is a follower's. The signature of the push has proven it.
func (h *Handler) identity(acc *channels.Account, openID string) channels.Identity {
	return FollowerOf(acc, openID, h.hash)
}

// FollowerOf is the proven identity of a follower. hash is keyed: it makes what
// stands in the place of an erased openid.
func FollowerOf(acc *channels.Account, openID string, hash func(purpose string, data []byte) []byte) channels.Identity {
	grave := hash("wechat-tombstone", []byte(acc.ID.String()+":"+openID))
	return channels.Identity{
		Kind: customers.KindOpenID, Namespace: acc.ID.String(), Value: openID, Verified: true, Tombstone: "erased:" + hex.EncodeToString(grave[:min(len(grave), 16)]),
	}
}

// when is the time of a push, which counts for what it allows: WeChat's own
// clock, but never later than ours.
func (h *Handler) when(p *Push) time.Time {
	if now := h.clk.Now(); p.At.IsZero() || p.At.After(now) {
		return now
	}
	return p.At
}

// GrantOf is what an act of a follower allows us to send: a message, or one of
// the acts "follow", "scan" and "menu".
func GrantOf(trigger string, at time.Time) channels.Grant {
	if trigger == channels.TriggerMessage {
		return channels.Grant{Trigger: trigger, Count: messageCount, Until: at.Add(messageWindow)}
	}
	return channels.Grant{Trigger: trigger, Count: actCount, Until: at.Add(actWindow)}
}

// message hands a message to the inbox.
func (h *Handler) message(ctx context.Context, acc *channels.Account, p *Push, raw intake.Raw) error {
	in := channels.Inbound{Account: acc, Identity: h.identity(acc, p.From), ExternalID: p.DedupeKey(), ProviderAt: p.At, AttachmentOwner: owner(acc, p.From)}
	trigger := channels.TriggerMessage
	payload := map[string]any{"type": p.Type}
	later := false
	switch p.Type {
	case TypeText:
		payload = nil
		if err := h.write(ctx, p.Content, &in); err != nil {
			return err
		}
		if in.Body == "" && len(in.Attachments) == 0 {
			payload = map[string]any{"type": p.Type} // that something was said
		}
		if p.MenuItem != "" {
			trigger = "menu" // tapping a line of a menu message counts as a tap
		}
	case TypeImage, TypeVoice, TypeVideo, TypeShortVideo:
		payload["media_id"] = p.Media.ID
		id, state, err := h.fetch(ctx, acc, p)
		if err != nil && raw.Attempt < lastFetch {
			return err
		}
		if err != nil {
			state, later = "pending", true
		}
		if payload["state"] = state; id != 0 {
			in.Attachments, payload = []ids.ID{id}, nil
		}
	case TypeLocation:
		lat, latErr := strconv.ParseFloat(p.Place.Lat, 64)
		lon, lonErr := strconv.ParseFloat(p.Place.Lon, 64)
		if latErr == nil && lonErr == nil {
			payload["latitude"], payload["longitude"] = lat, lon
		}
		payload["label"] = cut(p.Place.Label)
	case TypeLink:
		payload["title"], payload["description"], payload["url"] = cut(p.Link.Title), cut(p.Link.Description), cut(p.Link.URL)
	default:
		payload["raw"] = fields(p.Root)
	}
	in.Grants = []channels.Grant{GrantOf(trigger, h.when(p))}
	if payload != nil {
		said, err := json.Marshal(payload)
		if err != nil {
			return err
		}
		in.Payload = said
	}
	if _, err := h.sink.Receive(ctx, in); err != nil || !later {
		return err
	}
	key := laterFile + in.ExternalID
	_, err := h.keeper.Keep(ctx, intake.Raw{Account: acc.ID, Key: key, Lane: key, Body: raw.Body})
	return err
}

// laterFile begins the keys of pushes that are kept once more, for their files.
const laterFile = "file:"

// fetchLater gives a message its file as soon as WeChat hands it out, or says that
// it never will.
func (h *Handler) fetchLater(ctx context.Context, acc *channels.Account, p *Push) error {
	id, _, err := h.fetch(ctx, acc, p)
	waited := h.clk.Now().Sub(h.when(p))
	if err != nil && waited < fetchFor {
		return intake.Later(min(max(waited, firstPause), longestPause), err)
	}
	done := channels.Completion{Account: acc, ExternalID: p.DedupeKey(), AttachmentOwner: owner(acc, p.From)}
	if id != 0 {
		done.Attachments = []ids.ID{id}
	} else if done.Payload, err = json.Marshal(map[string]any{"type": p.Type, "media_id": p.Media.ID, "state": "failed"}); err != nil {
		return err
	}
	return h.sink.Complete(ctx, done)
}

// write puts a text into a message. Nobody would read a refusal: what cannot stand
// there, because it is too long or nothing is left of it, is kept whole in a file.
func (h *Handler) write(ctx context.Context, written string, in *channels.Inbound) error {
	if in.Body = text.Clean(written); in.Body != "" && text.Length(in.Body) <= h.maxBody {
		return nil
	}
	in.Body = text.Cut(in.Body, h.maxBody)
	id, err := h.files.KeepFile(ctx, in.AttachmentOwner, "message.txt", strings.NewReader(written), h.fileBytes)
	if k := fault.KindOf(err); err != nil && k != fault.TooLarge && k != fault.Invalid {
		return err
	}
	if err == nil {
		in.Attachments = []ids.ID{id}
	}
	return nil
}

func owner(acc *channels.Account, openID string) string { return acc.ID.String() + ":" + openID }

// fetch keeps what a message refers to, before WeChat forgets it. state is
// "failed" for what cannot be had any more; any other failure is tried again.
func (h *Handler) fetch(ctx context.Context, acc *channels.Account, p *Push) (id ids.ID, state string, err error) {
	l, _, err := h.adapter.login(acc)
	if err != nil {
		return 0, "", err
	}
	data, _, err := h.adapter.client.Download(ctx, l, p.Media.ID)
	if err != nil {
		h.adapter.report(ctx, acc, err)
		if gone(err) {
			return 0, "failed", nil
		}
		return 0, "", err
	}
	h.adapter.report(ctx, acc, nil)
	id, err = h.files.KeepFile(ctx, owner(acc, p.From), fileName(p), bytes.NewReader(data), h.fileBytes)
	if k := fault.KindOf(err); err != nil && (k == fault.TooLarge || k == fault.Invalid) {
		return 0, "failed", nil
	}
	return id, "", err
}

// gone tells that WeChat will never give the file: it has ended, or the answer
// is not a file at all.
func gone(err error) bool {
	switch codeOf(err) {
	case 40007, 40003, 48001, 41006:
		return true
	}
	return isNoFile(err)
}

// fileName names a file after its kind; WeChat tells no name.
func fileName(p *Push) string {
	switch p.Type {
	case TypeVoice:
		return "voice." + map[bool]string{true: "amr", false: strings.ToLower(p.Media.Format)}[p.Media.Format == "" || len(p.Media.Format) > 5]
	case TypeVideo, TypeShortVideo:
		return "video.mp4"
	}
	return "picture"
}

// fields are the texts of a push that is not known, as far as they fit.
func fields(root *Node) map[string]string {
	out := map[string]string{}
	for _, c := range root.Children {
		if len(out) < 30 && len(c.Children) == 0 {
			out[cut(c.Name)] = cut(c.Text)
		}
	}
	return out
}
