package mime

import (
	"regexp"
	"strings"

	"github.com/fanward/fanward/internal/text"
)

var (
	// Where the copy of the returned mail begins: qmail's, Exim's, sendmail's and
	// Chinese servers' words, or its first fields.
	copyBegins = regexp.MustCompile(`(?im)^\s*(-{2,} *(below this line is|this is) a copy of|-{3,} *(original message|the body of|returned (mail|message)|undelivered message|message header|transcript)|return-path:|received: (from|by) |(原始邮件|邮件原文|原邮件)).*$`)
	copiedID   = regexp.MustCompile(`(?im)^[ \t>]*message-id:\s*<([^<>\s\x00-\x1f\x7f]{1,250})>`)
	// What says that a mail is still on its way.
	onItsWay = regexp.MustCompile(`(?i)^warning: |delayed|\(delay\)|延迟|this is a warning message only|has not (yet )?been delivered|not yet been delivered|will (be|keep) (retr|try)|尚未送达`)
	// What says that a mail was given up where neither fields nor a subject do.
	givenUp = regexp.MustCompile(`(?i)this is the qmail-send program|permanent (fatal )?error|could not be delivered|couldn'?t be delivered|wasn'?t delivered|was not delivered|delivery (has )?failed|无法投递|投递失败|被退回`)
	status5 = regexp.MustCompile(`\b5\.\d{1,2}\.\d{1,3}\b`)
	reply5  = regexp.MustCompile(`\b5[0-5]\d[ -]`)
)

// told reads a bounce that says what happened in words only; nil where it is
// none, or does not say.
func (p *parser) told() *Report {
	m, s := p.mail, p.signs
	if m.Automatic != Bounce {
		return nil
	}
	words := m.Body + "\n" + m.Quoted
	about := words // what the server says itself
	if at := copyBegins.FindStringIndex(words); at != nil {
		about = words[:at[0]]
	}
	r := &Report{Recipient: text.Preview(strings.Trim(strings.TrimSpace(firstWord(s.recipients)), "<>,"), 320)}
	for _, id := range copiedID.FindAllStringSubmatch(words, 20) {
		r.Copied = append(r.Copied, strings.ToValidUTF8(id[1], ""))
	}
	switch {
	case onItsWay.MatchString(m.Subject) || !s.failed && onItsWay.MatchString(about):
		r.Action = "delayed"
	case s.failed || bounceSubject.MatchString(m.Subject) || givenUp.MatchString(about):
		r.Action = "failed"
	default:
		return nil
	}
	r.Status = status5.FindString(about)
	for line := range strings.SplitSeq(about, "\n") {
		if r.Status != "" && strings.Contains(line, r.Status) || r.Status == "" && reply5.MatchString(line) {
			r.Diagnostic = text.Preview(text.CleanLine(line), 500)
			break
		}
	}
	return r
}
