// Package channels is the contract that every channel fulfils, and the
// registry of the channel accounts that run on them.
//
// Inbound, an adapter verifies and parses what it is given and hands an
// Inbound to the Sink; only when the Sink has returned is the provider told
// "received" (law 1). Outbound, the outbox calls Send; nothing else does.
package channels

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fanward/fanward/internal/ids"
)

// Identity names a person within a channel before we know who it is.
type Identity struct {
	// Kind of identity: visitor, external, email, phone, openid, …
	Kind string
	// Namespace in which Value is unique: the channel account or the installation.
	Namespace string
	Value     string
	// Verified is true when the person has proven to own the value.
	Verified bool
}

// Inbound is one message of a customer, verified and parsed.
type Inbound struct {
	Account  *Account
	Identity Identity
	// ExternalID is the provider's key of this message, unique within the
	// account; a repeat is recognised by it (law 3).
	ExternalID string
	// ClientKey is what the customer's own client called the message, if it did.
	ClientKey string
	Body      string
	// Attachments are uploads of the same owner that are not bound yet.
	Attachments []ids.ID
	// AttachmentOwner proves that the uploads are the sender's.
	AttachmentOwner string
	// ProviderAt is when the provider says it was written; zero if unknown.
	ProviderAt time.Time
	// Locale that the client speaks, if known.
	Locale string
}

// Received tells where an inbound message went.
type Received struct {
	Customer, Identity, Conversation, Message ids.ID
	Seq                                       int64
	// Body and At are the message as stored; empty for a repeat.
	Body string
	At   time.Time
	// Repeat is true when the message had been stored before.
	Repeat bool
}

// Sink takes inbound messages; the inbox is one. It returns after the message
// is durable, or with a coded error and nothing stored.
type Sink interface {
	Receive(ctx context.Context, in Inbound) (Received, error)
}

// Outbound is one delivery as an adapter sees it.
type Outbound struct {
	Account *Account
	// Delivery is the idempotency key for providers that know such a thing.
	Delivery    ids.ID
	Identity    Identity
	Body        string
	Attachments []ids.ID
	// Attempt counts from 1.
	Attempt int
}

// Sent is a provider's acceptance.
type Sent struct {
	// ProviderRef is the provider's name for the message; receipts refer to it.
	ProviderRef string
}

// Outcome classifies a failed Send.
type Outcome string

// The outcomes.
const (
	// Refused: the provider did not and will not take it; a person decides.
	Refused Outcome = "refused"
	// Temporary: certainly not taken, worth another try.
	Temporary Outcome = "temporary"
	// Ambiguous: nobody knows whether it was taken. Repeated only where the
	// provider deduplicates, otherwise shown as unknown (law 5).
	Ambiguous Outcome = "ambiguous"
)

// SendError is how Send fails. Any other error counts as Ambiguous once Send
// has been called.
type SendError struct {
	Outcome Outcome
	// Code is a fault code; its sentence tells the agent what happened.
	Code string
	// RetryAfter overrides the outbox's back-off; 0 = not said.
	RetryAfter time.Duration
	Err        error
}

func (e *SendError) Error() string {
	if e.Err != nil {
		return e.Code + ": " + e.Err.Error()
	}
	return e.Code
}

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Capabilities describe a channel to the rest of the house.
type Capabilities struct {
	// CommitSends is true when customers read from our own rows: the commit
	// that stores the message is the send, no provider follows.
	CommitSends bool
	// Deduplicates is true when repeating a Send with the same Delivery cannot
	// reach the customer twice.
	Deduplicates bool
	// MaxBody is the longest text in characters.
	MaxBody int
	// ReplyWindow is how long after a customer's message a reply is allowed;
	// 0 = always.
	ReplyWindow time.Duration
}

// Adapter is one kind of channel. Implementations are safe for concurrent use.
type Adapter interface {
	// Channel is the kind's name, as stored: "webchat".
	Channel() string
	Capabilities() Capabilities
	// Configure validates an account's configuration and returns its canonical
	// form; unknown keys are refused with a coded error that names them.
	Configure(config json.RawMessage) (json.RawMessage, error)
	// Send hands one message to the provider. It must honour ctx and return a
	// *SendError when it fails. It is never called when CommitSends is true.
	Send(ctx context.Context, out Outbound) (Sent, error)
}
