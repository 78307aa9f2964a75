package channels

import (
	"time"

	"github.com/fanward/fanward/internal/ids"
)

// Outreach is a message that answers nobody: a journey's, or another program's.
// Its fate is decided right before it goes out, by the rules of its purpose.
type Outreach struct {
	// IdempotencyKey names the wish; asking twice gives the first delivery.
	IdempotencyKey string
	Account        ids.ID
	Channel        string
	// Identity it goes to; Customer is whose that is now.
	Identity, Customer ids.ID
	Purpose            Purpose
	// Subject of a mail; other channels show none.
	Subject string
	// Body is plain text, whatever the channel makes of it.
	Body   string
	Source Source
	Now    time.Time
}

// SourceJourney is the Kind of a journey's messages and tasks.
const SourceJourney = "journey"

// Source is where an outreach or a task comes from.
type Source struct {
	Kind       string `json:"kind"`
	Journey    ids.ID `json:"journey_id"`
	Version    ids.ID `json:"version_id"`
	Enrollment ids.ID `json:"enrollment_id"`
	Node       string `json:"node_id"`
	// Name is what the journey is called at the time.
	Name string `json:"journey_name"`
}

// Verdict is what the cause of an outreach says of it, right before it goes out.
// The zero value lets it go.
type Verdict struct {
	// Code says why it does not go out now.
	Code string
	// Until is when to ask again; zero with a Code: never, it is cancelled.
	Until time.Time
}

// OutreachChanged tells what became of an outreach.
type OutreachChanged struct {
	Delivery           ids.ID
	Customer, Identity ids.ID
	Channel            string
	Purpose            Purpose
	Source             Source
	State              DeliveryState
	// Code says why it failed, or why it waits.
	Code string
	// Detail is what the provider said about it, if anything.
	Detail string
	At     time.Time
}

// Answered is the outreach that a person's message answers.
type Answered struct {
	Delivery ids.ID
	Source   Source
}

// Unreachable is why a person cannot be reached on a channel now.
type Unreachable struct {
	Channel string `json:"channel"`
	Code    string `json:"code"`
}

// Reach is the way to a person: Channel is "" when there is none, then Reasons
// has one for every channel asked for, in their order.
type Reach struct {
	Channel           string
	Account, Identity ids.ID
	Reasons           []Unreachable
}

// Posted is an outreach as it stands in the thread of a person who reads our own rows.
type Posted struct {
	Conversation, Message ids.ID
	Seq                   int64
}

// Post asks the inbox to show an outreach in the thread of such a person.
type Post struct {
	Delivery           ids.ID
	Account            ids.ID
	Customer, Identity ids.ID
	Body               string
	Source             Source
	Now                time.Time
}
