package mime

import (
	"regexp"
	"strings"

	"github.com/emersion/go-message/textproto"

	"github.com/fanward/fanward/internal/text"
)

// signs are what a header tells about machines (RFC 3834, RFC 3464 and common
// practice).
type signs struct {
	submitted, precedence, reportType, suppress string
	list, leave, sender                         bool // of a list, with a way to leave it, of a sender of many
	replied, failed, nullPath                   bool
	report                                      bool
	recipients                                  string // who a server says was not reached
}

func signsOf(h textproto.Header) signs {
	kind := mediaType(h.Get("Content-Type"))
	lower := func(name string) string { return strings.ToLower(strings.TrimSpace(h.Get(name))) }
	s := signs{
		precedence: lower("Precedence"), suppress: lower("X-Auto-Response-Suppress"),
		list:   h.Has("List-Id"),
		leave:  h.Has("List-Unsubscribe"),
		sender: h.Has("List-Unsubscribe-Post") || h.Has("Feedback-Id"),
		failed: h.Has("X-Failed-Recipients"), recipients: h.Get("X-Failed-Recipients"),
		nullPath: lower("Return-Path") == "<>",
		report:   kind.name == "multipart/report", reportType: strings.ToLower(kind.params["report-type"]),
	}
	s.submitted, _, _ = strings.Cut(firstWord(lower("Auto-Submitted")), ";")
	for _, name := range []string{"X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From", "X-Mail-Autoreply", "X-Vacation"} {
		s.replied = s.replied || h.Has(name) && lower(name) != "no"
	}
	return s
}

var (
	machineSender = regexp.MustCompile(`(?i)^(mailer-daemon|postmaster|mail-daemon|maildaemon)@`)
	nobodySender  = regexp.MustCompile(`(?i)^(no-?reply|do-?not-?reply|donotreply|bounces?)([+._-].*)?@`)
	bounceSubject = regexp.MustCompile(`(?i)^(undeliver(able|ed)|delivery (status notification|failure|has failed)|mail delivery (failed|failure|system)|returned mail|failure notice|系统退信|退信|邮件投递失败|投递失败|未送达)`)
	replySubject  = regexp.MustCompile(`(?i)^(auto(matic|mated)?[ -]?(reply|response|antwort)|out of (the )?office|自动(回复|答复)|自動回覆)\s*[:：]?`)
)

func (p *parser) automatic() Automatic {
	m, s := p.mail, p.signs
	switch {
	case s.report && s.reportType == "disposition-notification":
		return ReadReceipt
	case len(p.delivery) > 0 || s.report && s.reportType == "delivery-status" || s.failed,
		machineSender.MatchString(m.From.Address) && (bounceSubject.MatchString(m.Subject) || s.nullPath),
		s.nullPath && bounceSubject.MatchString(m.Subject):
		return Bounce
	case s.submitted == "auto-replied" || s.replied || s.precedence == "auto_reply" || replySubject.MatchString(m.Subject):
		return AutoReply
	case s.submitted != "" && s.submitted != "no":
		return Generated
	case s.sender || s.precedence == "bulk" || s.precedence == "junk" || s.leave && m.List == "" && s.precedence != "list":
		return Bulk
	case s.nullPath || machineSender.MatchString(m.From.Address) || NobodyReads(m.From.Address) && !p.answerable():
		return Generated
	}
	// What is left was written by a person, also where a group or a form passed it
	// on. A sender who asks for no automatic answer is no machine by that.
	m.Silent = s.list || s.leave || s.precedence == "list" || s.suppress != "" && s.suppress != "none" || NobodyReads(m.From.Address)
	return Human
}

// NobodyReads tells whether an address says that nobody reads what is sent to it.
func NobodyReads(address string) bool { return nobodySender.MatchString(address) }

// answerable tells whether the mail asks for answers at an address at which
// somebody reads.
func (p *parser) answerable() bool {
	for _, a := range p.mail.ReplyTo {
		if a.Address != "" && !strings.EqualFold(a.Address, p.mail.From.Address) && !NobodyReads(a.Address) && !machineSender.MatchString(a.Address) {
			return true
		}
	}
	return false
}

// report fills Mail.Report from the parts of a delivery report.
func (p *parser) report() {
	for _, h := range p.shown {
		if ids := messageIDs(h.Get("Original-Message-Id"), 1); len(ids) > 0 && strings.Contains(strings.ToLower(h.Get("Disposition")), "displayed") {
			p.mail.Report = &Report{Action: "displayed", MessageID: ids[0]}
			return
		}
	}
	told := p.told()
	if len(p.delivery) == 0 && told == nil && !(p.signs.nullPath && p.original != nil) {
		return
	}
	r := &Report{}
	if told != nil && len(p.delivery) == 0 {
		r = told
	}
	for _, h := range p.delivery {
		recipient := h.Get("Final-Recipient")
		if recipient == "" {
			recipient = h.Get("Original-Recipient")
		}
		if recipient == "" || r.Recipient != "" {
			continue
		}
		if _, after, ok := strings.Cut(recipient, ";"); ok {
			recipient = after
		}
		r.Recipient = text.Preview(strings.Trim(strings.TrimSpace(recipient), "<>"), 320)
		r.Action = strings.ToLower(text.Preview(h.Get("Action"), 20))
		r.Status = text.Preview(firstWord(h.Get("Status")), 20)
		diagnostic := h.Get("Diagnostic-Code")
		if _, after, ok := strings.Cut(diagnostic, ";"); ok {
			diagnostic = after
		}
		r.Diagnostic = text.Preview(decodeWords(diagnostic), 500)
	}
	if p.original != nil {
		if ids := messageIDs(p.original.Get("Message-Id"), 1); len(ids) > 0 {
			r.MessageID = ids[0]
		}
	}
	p.mail.Report = r
}

func firstWord(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}
