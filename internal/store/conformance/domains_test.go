package conformance

// Every package with a queries.sql; TestNoDomainIsForgotten compares.
import (
	_ "github.com/fanward/fanward/channels"
	_ "github.com/fanward/fanward/channels/allowance"
	_ "github.com/fanward/fanward/channels/intake"
	_ "github.com/fanward/fanward/channels/outbox"
	_ "github.com/fanward/fanward/channels/webchat"
	_ "github.com/fanward/fanward/customers"
	_ "github.com/fanward/fanward/inbox"
	_ "github.com/fanward/fanward/internal/auth"
	_ "github.com/fanward/fanward/internal/jobs"
	_ "github.com/fanward/fanward/internal/store/feed"
	_ "github.com/fanward/fanward/journeys"
	_ "github.com/fanward/fanward/segments"
)
