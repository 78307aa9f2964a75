// Package realtime keeps the sockets of teammates and visitors. What they are
// told follows the change feed, so a socket may be cut at any time: the client
// resumes after its last position or is told to take a snapshot (law 6).
package realtime

// Close codes; docs/protocol.md says for each whether to come back.
const (
	closeHelloMissing   = 4000
	closeFrameInvalid   = 4001
	closeTooSlow        = 4002
	closeSignedOut      = 4003
	closeRightsChanged  = 4004
	closeVisitorRefused = 4005
	closeDisabled       = 4006
	closeRateLimited    = 4007
	closeBehind         = 4008
	closeOverloaded     = 4009
	closeRestart        = 1012
)

var closeNames = map[int]string{
	closeHelloMissing: "hello_missing", closeFrameInvalid: "frame_invalid", closeTooSlow: "too_slow", closeSignedOut: "signed_out",
	closeRightsChanged: "rights_changed", closeVisitorRefused: "visitor_refused", closeDisabled: "account_disabled",
	closeRateLimited: "rate_limited", closeBehind: "behind", closeOverloaded: "overloaded", closeRestart: "restart",
}
