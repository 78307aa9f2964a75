package channels

import (
	"time"

	"github.com/fanward/fanward/internal/ids"
)

// Purpose of a delivery: it decides which rules may hold it back.
type Purpose string

// The purposes.
const (
	// Reply: a person answers a person.
	Reply Purpose = "reply"
	// Transactional: the customer's own business (a receipt, a code).
	Transactional Purpose = "transactional"
	// Marketing: needs consent, respects caps and quiet hours.
	Marketing Purpose = "marketing"
)

// DeliveryState is where a delivery stands (law 5).
type DeliveryState string

// The states of a delivery.
const (
	Queued    DeliveryState = "queued"
	Claimed   DeliveryState = "claimed"
	Sending   DeliveryState = "sending"
	SentState DeliveryState = "sent"
	Delivered DeliveryState = "delivered"
	Read      DeliveryState = "read"
	Failed    DeliveryState = "failed"
	Unknown   DeliveryState = "unknown"
	// Cancelled: what had caused it ended before it went out.
	Cancelled DeliveryState = "cancelled"
)

// Enqueue asks the outbox to send one message.
type Enqueue struct {
	// IdempotencyKey names the wish; asking twice gives the first delivery.
	IdempotencyKey string
	Account        ids.ID
	Channel        string
	Conversation   ids.ID // 0 for deliveries outside a conversation
	Message        ids.ID
	Seq            int64
	Identity       ids.ID
	Purpose        Purpose
	// Automated is true when no person wrote it.
	Automated bool
	Now       time.Time
}

// Enqueued is a delivery as stored.
type Enqueued struct {
	ID           ids.ID
	Conversation ids.ID
	Message      ids.ID
	Seq          int64
	State        DeliveryState
	Attempt      int64
	ErrorCode    string
	// ErrorDetail is what the provider said about it, if anything.
	ErrorDetail string
	UpdatedAt   time.Time
}
