package rule

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
