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
	"io"
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
	// Tombstone is what stands in the place of Value after it was erased, a keyed
	// hash of it; "" where nothing is ever erased. A person who comes back is
	// known by it and gets their identity back.
	Tombstone string
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
	// Name is what the channel calls the sender; it fills an empty name.
	Name string
	// Subject of a mail.
	Subject string
	// Payload says what Body cannot, {"type":"location",…}; nil for plain text
	// and pictures. It is shown to teammates only.
	Payload json.RawMessage
	// HTML is the sanitised form of Body that teammates may look at instead.
	HTML string
	// Quoted is the part of a mail that repeats earlier ones; Body is without it.
	Quoted string
	// Thread are the external ids of earlier messages of the same person that
	// this one answers, nearest first; each may be only what stands before a space
	// of its external id.
	Thread []string
	// Conversation was proven by a signed reply address; 0 otherwise. It counts
	// only when it is the sender's own.
	Conversation ids.ID
	// NewThread opens a new conversation where neither Conversation nor Thread
	// leads to one; otherwise the person's latest one goes on.
	NewThread bool
	// Automatic marks what no person wrote: it is kept and shown, but reopens
	// nothing and nobody waits for an answer.
	Automatic bool
	// Silent marks what a person wrote but nothing may answer by itself: its event
	// is that of an automatic message, so that none acts on it.
	Silent bool
	// Grants are what this message allows us to send.
	Grants []Grant
}

// Grant is a provider's permission to send a number of messages until an
// instant. Triggers count apart; a new "message" grant replaces the old one.
type Grant struct {
	Trigger string
	Count   int
	Until   time.Time
}

// TriggerMessage is the grant that follows from a customer's own message.
const TriggerMessage = "message"

// Happening is something a person did on a channel that is no message: a
// follow, a scan, a tapped menu.
type Happening struct {
	Account    *Account
	Identity   Identity
	ExternalID string
	// Event is the name under which it stands in the customer's timeline.
	Event      string
	Properties map[string]any
	At         time.Time
	// Activity, when set, is the code of a line in the person's open
	// conversation on the account, if there is one.
	Activity string
	Grants   []Grant
	// Returns, set on a happening by which a person leaves, is the Event by which
	// they come back: a leave that is told after a later return is history and
	// changes nothing (Received.Stale).
	Returns string
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
	// Stale is true when what was told is over: nothing follows from it.
	Stale bool
}

// Sink takes inbound messages; the inbox is one. It returns after the message
// is durable, or with a coded error and nothing stored.
type Sink interface {
	Receive(ctx context.Context, in Inbound) (Received, error)
	// Note stores what a person did; Received has no message. A repeat of the
	// same ExternalID is harmless.
	Note(ctx context.Context, h Happening) (Received, error)
	// Complete gives a message that was received with the payload's state
	// "pending" what it lacked. A message that is not pending, or not there any
	// more, is left as it is.
	Complete(ctx context.Context, c Completion) error
}

// Completion is what a pending message lacked: its files, or a payload that says
// that they cannot be had.
type Completion struct {
	Account *Account
	// ExternalID is that of the Inbound, AttachmentOwner that of the files.
	ExternalID, AttachmentOwner string
	Attachments                 []ids.ID
	Payload                     json.RawMessage // nil: the files say it all
}

// Files keeps what comes with an inbound message; the inbox is one. The file is
// on disk, flushed, when Keep returns. Only an Inbound with the same owner can
// use it; one that none uses is swept after a day.
type Files interface {
	KeepFile(ctx context.Context, owner, name string, r io.Reader, limit int64) (ids.ID, error)
}

// Outbound is one delivery as an adapter sees it.
type Outbound struct {
	Account *Account
	// Delivery is the idempotency key for providers that know such a thing.
	Delivery     ids.ID
	Conversation ids.ID
	// Recipient is the identity that it goes to.
	Recipient ids.ID
	Purpose   Purpose
	// Automated is true when no person wrote it.
	Automated bool
	Content
	// Attempt counts from 1.
	Attempt int
}

// Content is what a delivery carries and to whom.
type Content struct {
	Identity Identity
	Body     string
	Files    []OutFile
	// Subject of the conversation; mail only.
	Subject string
	// Unsubscribe is the address at which the recipient takes consent back; mail of
	// the purpose Marketing only. Locale is the recipient's language, if known.
	Unsubscribe string
	Locale      string
	// InReplyTo is the external id of the customer's newest message before this
	// one, References those before it, oldest first; empty where there is none.
	InReplyTo  string
	References []string
}

// Messages is how many messages a provider that counts them makes of one of ours:
// its text is one, and so is each of its files.
func Messages(body string, files int) int {
	if body == "" {
		return files
	}
	return files + 1
}

// OutFile is a file of an outbound message.
type OutFile struct {
	Name, ContentType string
	Size              int64
	// Open reads the file; the caller closes it.
	Open func(ctx context.Context) (io.ReadCloser, error)
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
	// Detail is what the provider itself said, "" where it said nothing: one line
	// for teammates to read, in whatever language.
	Detail string
	// RetryAfter overrides the outbox's back-off; 0 = not said.
	RetryAfter time.Duration
	// Suppress says that this identity must not be written to any more, whatever
	// the purpose, until the person writes again or a teammate lifts it: blocked,
	// unsubscribed, an address that does not exist.
	Suppress bool
	// Spent says that the provider takes no more messages to this identity until
	// the person acts, whatever this house has counted.
	Spent bool
	Err   error
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
	// Allowance is true when every message spends one of the grants that the
	// person's own acts have given (see Messages); without one nothing can be sent.
	Allowance bool
	// PerIdentity keeps one conversation for each identity instead of one for
	// each customer on the account.
	PerIdentity bool
	// Identity is the kind of the identities that can be written to here, and
	// PerAccount says that each of them belongs to one account, which is its
	// namespace.
	Identity   string
	PerAccount bool
	// OptIn is true where marketing needs consent that was given; elsewhere it is
	// enough that none was withdrawn.
	OptIn bool
}

// Secrets are an account's credentials by name, such as "app_secret". They are
// written over the API and never read back; at rest they are sealed.
type Secrets map[string]string

// Adapter is one kind of channel. Implementations are safe for concurrent use.
type Adapter interface {
	// Channel is the kind's name, as stored: "webchat".
	Channel() string
	Capabilities() Capabilities
	// Configure validates an account's configuration and returns its canonical
	// form; unknown keys and unknown or missing secrets are refused with a coded
	// error that names the field, "config.x" or "secrets.x". secrets are all that
	// the account will have.
	Configure(config json.RawMessage, secrets Secrets) (json.RawMessage, error)
	// Send hands one message to the provider. It must honour ctx and return a
	// *SendError when it fails. It is never called when CommitSends is true.
	Send(ctx context.Context, out Outbound) (Sent, error)
}
