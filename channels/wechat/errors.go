package wechat

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
)

// APIError is a refusal in WeChat's words.
type APIError struct {
	Code int
	// Msg is the text without the trailing call name.
	Msg string
	// Rid names the call to WeChat's support.
	Rid string
}

func (e *APIError) Error() string {
	s := fmt.Sprintf("WeChat error %d: %s", e.Code, e.Msg)
	if e.Rid != "" {
		s += " (rid " + e.Rid + ")"
	}
	return s
}

var (
	ridForm  = regexp.MustCompile(`,?\s*rid:\s*([0-9a-fA-F-]+)\s*$`)
	hintForm = regexp.MustCompile(`,?\s*hints?:\s*\[[^\]]*\]\s*$`)
	ipForm   = regexp.MustCompile(`invalid ip ([0-9a-fA-F.:]+)`)
)

func newAPIError(code int, msg string) *APIError {
	e := &APIError{Code: code}
	if m := ridForm.FindStringSubmatch(msg); m != nil {
		e.Rid = m[1]
		msg = strings.TrimSuffix(msg, m[0])
	}
	e.Msg = strings.TrimSpace(hintForm.ReplaceAllString(msg, ""))
	return e
}

// CallError is a call that got no answer of WeChat's.
type CallError struct {
	// Op is the call's path.
	Op string
	// Status of the answer, 0 without one.
	Status int
	// Sent tells that WeChat may have taken the call.
	Sent bool
	Err  error
}

func (e *CallError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("call WeChat's %s: status %d", e.Op, e.Status)
	}
	return fmt.Sprintf("call WeChat's %s: %v", e.Op, e.Err)
}

// Unwrap gives the cause.
func (e *CallError) Unwrap() error { return e.Err }

// codeOf is WeChat's code of an error, 0 for others.
func codeOf(err error) int {
	var e *APIError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// deadToken tells that the token is not taken any more.
func deadToken(err error) bool {
	switch codeOf(err) {
	case 40001, 40014, 42001:
		return true
	}
	return false
}

// reaction is what an error means for a message and for its account.
type reaction struct {
	outcome channels.Outcome
	// code is the fault code, whose sentence people read.
	code string
	// after is when another try makes sense; 0 = as the outbox thinks.
	after time.Duration
	// account tells that the account is ill, not the message.
	account bool
	// suppress tells that the person has forbidden messages.
	suppress bool
	// spent tells that the person has been sent all that WeChat allows for now.
	spent bool
}

// beijing is where the day of WeChat's quotas ends.
var beijing = time.FixedZone("Asia/Shanghai", 8*60*60)

// reactions by WeChat's code. A code that is not here refuses the message.
var reactions = map[int]reaction{
	-1: {outcome: channels.Ambiguous, code: "send_unknown"},

	40001: {outcome: channels.Refused, code: "wechat_credentials", account: true},
	40014: {outcome: channels.Refused, code: "wechat_credentials", account: true},
	42001: {outcome: channels.Refused, code: "wechat_credentials", account: true},
	40013: {outcome: channels.Refused, code: "wechat_app_id", account: true},
	40125: {outcome: channels.Refused, code: "wechat_credentials", account: true},
	40243: {outcome: channels.Refused, code: "wechat_secret_frozen", account: true},
	40164: {outcome: channels.Refused, code: "wechat_ip_refused", account: true},

	40003: {outcome: channels.Refused, code: "wechat_person_unknown"},
	43004: {outcome: channels.Refused, code: "wechat_not_following"},
	50005: {outcome: channels.Refused, code: "wechat_not_following"},
	43019: {outcome: channels.Refused, code: "wechat_refuses_messages", suppress: true},
	48002: {outcome: channels.Refused, code: "wechat_refuses_messages", suppress: true},
	45015: {outcome: channels.Refused, code: "reply_window_closed", spent: true},
	45047: {outcome: channels.Refused, code: "reply_allowance_spent", spent: true},
	45002: {outcome: channels.Refused, code: "wechat_text_too_long"},
	44004: {outcome: channels.Refused, code: "body_empty"},

	40004: {outcome: channels.Refused, code: "wechat_picture_refused"},
	40006: {outcome: channels.Refused, code: "wechat_picture_refused"},
	40007: {outcome: channels.Refused, code: "wechat_picture_refused"},
	40009: {outcome: channels.Refused, code: "wechat_picture_refused"},
	46001: {outcome: channels.Refused, code: "wechat_picture_refused"},

	45011: {outcome: channels.Temporary, code: "wechat_busy", after: time.Minute},
	45009: {outcome: channels.Temporary, code: "wechat_quota", account: true},
	48001: {outcome: channels.Refused, code: "wechat_no_permission", account: true},
	48004: {outcome: channels.Refused, code: "wechat_restricted", account: true},
	50002: {outcome: channels.Refused, code: "wechat_restricted", account: true},
	45087: {outcome: channels.Refused, code: "wechat_restricted", account: true},
}

// reactionTo is what err means at an instant.
func reactionTo(err error, now time.Time) reaction {
	var api *APIError
	if errors.As(err, &api) {
		r, known := reactions[api.Code]
		if !known {
			return reaction{outcome: channels.Refused, code: "wechat_refused"}
		}
		if api.Code == 45009 {
			r.after = untilMidnight(now)
		}
		return r
	}
	var call *CallError
	if errors.As(err, &call) && !call.Sent {
		return reaction{outcome: channels.Temporary, code: "wechat_unreachable", account: true}
	}
	return reaction{outcome: channels.Ambiguous, code: "send_unknown"}
}

func untilMidnight(now time.Time) time.Duration {
	day := now.In(beijing)
	return time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, beijing).Sub(now)
}

// sendError turns what went wrong with a message into the outbox's terms.
func sendError(err error, now time.Time) *channels.SendError {
	r := reactionTo(err, now)
	return &channels.SendError{Outcome: r.outcome, Code: r.code, RetryAfter: r.after, Suppress: r.suppress, Spent: r.spent, Err: err}
}

// diagnosis is what is told of an account in trouble: the code of its sentence
// and what that needs. A delivery's code comes without parameters, so there the
// address that WeChat does not allow is not named.
func diagnosis(err error, now time.Time) (code string, params fault.Params) {
	code = reactionTo(err, now).code
	var api *APIError
	if !errors.As(err, &api) {
		return code, nil
	}
	params = fault.Params{"errcode": api.Code}
	if m := ipForm.FindStringSubmatch(api.Msg); m != nil && api.Code == 40164 {
		code, params["ip"] = "wechat_ip_not_allowed", m[1]
	}
	return code, params
}
