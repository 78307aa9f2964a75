// Package mime reads mail: whatever a stranger's program sent becomes a typed
// Mail, or an error with a code. It never panics, never follows a link, and
// holds no more of a mail in memory than its limits allow.
//
// Mail in the wild breaks every rule. Where a mail is only partly legible the
// legible part is returned and Mail.Defects says what was lost; callers keep
// the raw mail beside it.
package mime

import (
	"time"

	"github.com/fanward/fanward/internal/fault"
)

// Limits bound what Parse takes in.
type Limits struct {
	// Bytes is the largest mail.
	Bytes int64
	// Header is the largest header block of the mail, in bytes.
	Header int
	// Parts is how many parts are read, and how many containers; the rest is left
	// out.
	Parts int
	// Depth is how deeply containers may be nested; what lies deeper is left out.
	Depth int
	// Text is how many bytes of text, and of HTML, are kept of all parts together.
	Text int
}

// DefaultLimits are far above what people send.
func DefaultLimits() Limits {
	return Limits{Bytes: 48 << 20, Header: 256 << 10, Parts: 200, Depth: 20, Text: 1 << 20}
}

// Address is one mail address. Address is empty where only a name was legible.
type Address struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address"`
}

// Automatic says which kind of machine wrote a mail.
type Automatic string

// The kinds of machine mail.
const (
	// Human: nothing speaks for a machine.
	Human Automatic = ""
	// AutoReply answers by itself: on holiday, received your mail.
	AutoReply Automatic = "reply"
	// Bounce reports that a mail could not be delivered.
	Bounce Automatic = "bounce"
	// ReadReceipt reports that a mail was shown or deleted.
	ReadReceipt Automatic = "receipt"
	// Bulk goes to many: newsletters, mailing lists.
	Bulk Automatic = "bulk"
	// Generated is any other mail that no person wrote.
	Generated Automatic = "generated"
)

// Report is what a bounce says about the mail it returns.
type Report struct {
	Recipient string `json:"recipient,omitempty"`
	// Action is failed, delayed, delivered, relayed or expanded, and displayed
	// for a read receipt.
	Action string `json:"action,omitempty"`
	// Status is the enhanced status code: "5.1.1".
	Status     string `json:"status,omitempty"`
	Diagnostic string `json:"diagnostic,omitempty"`
	// MessageID is that of the returned mail.
	MessageID string `json:"message_id,omitempty"`
	// Copied are the message ids in what the text of the report repeats of the
	// returned mail; not all servers enclose it.
	Copied []string `json:"copied,omitempty"`
}

// Defects of a mail that was read in part.
const (
	DefectHeader    = "header_malformed"   // header lines that are none were left out
	DefectPart      = "part_malformed"     // a container broke off or its parts cannot be told apart
	DefectEncoding  = "encoding_broken"    // a part's transfer encoding breaks off in the middle
	DefectCharset   = "charset_unknown"    // the characters were guessed
	DefectIllegible = "text_illegible"     // some characters cannot be read and stand as U+FFFD
	DefectParts     = "too_many_parts"     // parts beyond the limit were left out
	DefectDepth     = "too_deep"           // containers beyond the limit were left out
	DefectText      = "text_cut"           // text beyond the limit was left out
	DefectHTML      = "html_malformed"     // HTML that cannot be shown was left out
	DefectAddress   = "address_malformed"  // an address was guessed
	DefectDate      = "date_malformed"     // the date cannot be read
	DefectTrunc     = "truncated"          // the mail ends before its end
	DefectTwice     = "header_contradicts" // a header that may stand once stands twice
)

// Mail is a mail that was read. All text is valid UTF-8 with line feeds only.
type Mail struct {
	From       Address   `json:"from"`
	ReplyTo    []Address `json:"reply_to,omitempty"`
	To         []Address `json:"to,omitempty"`
	Cc         []Address `json:"cc,omitempty"`
	ReturnPath string    `json:"return_path,omitempty"`
	// Delivered are the addresses it was delivered to, newest first.
	Delivered []string `json:"delivered,omitempty"`

	Subject string `json:"subject"`
	// MessageID, InReplyTo and References are without angle brackets;
	// References are oldest first, as in the mail.
	MessageID  string    `json:"message_id,omitempty"`
	InReplyTo  []string  `json:"in_reply_to,omitempty"`
	References []string  `json:"references,omitempty"`
	Date       time.Time `json:"date,omitzero"`

	// Body is what the sender wrote now, Quoted what follows of earlier mails
	// and signatures. Joined they are the whole text.
	Body   string `json:"body"`
	Quoted string `json:"quoted,omitempty"`
	// HTML is sanitised, "" for a mail without. Pictures of the mail itself
	// carry data-cid, remote ones data-src; neither loads by itself.
	HTML string `json:"html,omitempty"`
	// RemotePictures counts the pictures that were held back.
	RemotePictures int          `json:"remote_pictures,omitempty"`
	Attachments    []Attachment `json:"attachments,omitempty"`

	// Digest is the same for every copy of a mail, whatever the stations on its way
	// wrote on top or encoded anew, and another for what says anything else.
	Digest string `json:"-"`

	Automatic Automatic `json:"automatic,omitempty"`
	// Silent is true for what a person wrote and no machine should answer: its
	// sender asks for that, it came through a list or from an address at which
	// nobody reads.
	Silent bool `json:"silent,omitempty"`
	// List is the address of the list or group that it came through, "" for others
	// and for those to which nobody can write.
	List   string  `json:"list,omitempty"`
	Report *Report `json:"report,omitempty"`
	// Loop holds the addresses by which earlier stations marked the mail.
	Loop []string `json:"loop,omitempty"`
	// Hops is how many servers it went through.
	Hops    int      `json:"hops,omitempty"`
	Defects []string `json:"defects,omitempty"`
}

// Attachment is a file in a mail.
type Attachment struct {
	// Name is safe to show and to save under: no path, no control characters,
	// never empty.
	Name string `json:"name"`
	// ContentType is what the sender claims; do not rely on it.
	ContentType string `json:"content_type"`
	// ContentID is how the HTML refers to it, "" if it cannot.
	ContentID string `json:"content_id,omitempty"`
	// Inline is true for a picture that the HTML shows.
	Inline  bool   `json:"inline,omitempty"`
	Content []byte `json:"-"`
}

// Thread are the message ids that this mail answers, nearest first and without
// repeats, at most 30.
func (m *Mail) Thread() []string {
	var out []string
	seen := map[string]bool{m.MessageID: true, "": true}
	add := func(id string) {
		if !seen[id] && len(out) < 30 {
			seen[id] = true
			out = append(out, id)
		}
	}
	for _, id := range m.InReplyTo {
		add(id)
	}
	for i := len(m.References) - 1; i >= 0; i-- {
		add(m.References[i])
	}
	if m.Report != nil {
		add(m.Report.MessageID)
	}
	return out
}

func (m *Mail) defect(code string) {
	for _, d := range m.Defects {
		if d == code {
			return
		}
	}
	m.Defects = append(m.Defects, code)
}

// The refusals of Parse.
func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "mail_too_large", fault.Params{"max": limit})
}

func headerTooLong(limit int) error {
	return fault.New(fault.TooLarge, "mail_header_too_long", fault.Params{"max": limit})
}

func malformed(cause error) error {
	return fault.Wrap(cause, fault.Malformed, "mail_malformed", nil)
}
