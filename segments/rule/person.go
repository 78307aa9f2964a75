package rule

import "github.com/fanward/fanward/internal/text"

// Event is one event of a person as rules see it.
type Event struct {
	At    int64 // milliseconds
	Facts Facts
}

// Person is who a tree is matched against. All answers are of one snapshot, and
// what they return is not changed while it is in use.
type Person interface {
	// Attributes are the facts of the customer, with the built-in texts.
	Attributes() Facts
	CreatedAt() int64
	// LastSeenAt is 0 of who was never seen.
	LastSeenAt() int64
	// HasTag takes the folded name, as text.Fold makes it.
	HasTag(folded string) bool
	// Stage is the key, "" for none, and since when.
	Stage() (key string, since int64)
	// Events are those with exactly this name, ascending by At; those with a
	// date in the future, too: each counts from its instant on.
	Events(name string) []Event
	// Reach tells whether a message with this purpose can reach the person on
	// this channel, and until when by what is known now; 0 is without end.
	Reach(channel, purpose string) (until int64, ok bool)
}

// TagName is the folded name under which people have a tag.
func TagName(name string) string { return text.Fold(text.CleanLine(name)) }

// Channels are those a person can be reachable on, in the order in which "any"
// asks them.
var Channels = []string{"wechat", "email", "webchat"}

// AnyChannel stands for all of Channels.
const AnyChannel = "any"

// Purposes of messages that a person may be reachable for.
const (
	Marketing     = "marketing"
	Transactional = "transactional"
)

// ReachOf tells whether a channel is open to somebody for a purpose, and until
// when; 0 is without end. open is, by the kind of their identities that are not
// suppressed, until when automations may write to the one that is open longest;
// said is what their consent is now: "granted", "withdrawn" or "".
func ReachOf(channel, purpose string, open map[string]int64, said string) (until int64, ok bool) {
	until, there := open[IdentityKinds[channel]]
	switch {
	case !there, said == withdrawn, said != granted && NeedsGrant(channel, purpose):
		return 0, false
	case channel == "wechat":
		return until, until > 0
	}
	return 0, true
}

// What a consent says.
const granted, withdrawn = "granted", "withdrawn"

// IdentityKinds are the kinds of identities that channels reach.
var IdentityKinds = map[string]string{"wechat": "openid", "email": "email", "webchat": "visitor"}

// NeedsGrant tells whether silence is no consent: marketing by mail.
func NeedsGrant(channel, purpose string) bool { return channel == "email" && purpose == Marketing }
