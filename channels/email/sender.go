package email

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/internal/text"
)

// writer is whom a mail is taken to be of: the address at which they want to be
// answered, and what they call themselves. No line of a mail proves who wrote
// it, so there is nothing to choose between them but where an answer goes: what
// is said to a customer's address is said to that customer and nobody else.
type writer struct {
	address, name string
	// through is true when the From line names another address.
	through bool
}

// formSender are addresses of programs that pass on what people wrote into a form.
var formSender = regexp.MustCompile(`(?i)^(wordpress|www-data|apache|httpd|nobody|root|mailer|robot|system|web-?(site|form|server)?|contact-?form|forms?|formular|notifications?|alerts?)([+._-].*)?@`)

// passesOn is how groups name those whose mail they pass on: "'Ming' via Support".
var passesOn = regexp.MustCompile(`(?i)^['"]?(.+?)['"]? via .+$`)

// writer finds whom the mail is of; the address is "" where none is named, and
// ours where only our own are.
func (h *Handler) writer(ctx context.Context, m *mime.Mail) (w writer, ours bool, err error) {
	from := usable(m.From.Address)
	if from == "" {
		from = usable(m.ReturnPath)
	}
	if from != "" {
		if ours, err = h.o.Directory.Ours(ctx, from); err != nil {
			return w, false, err
		}
	}
	w = writer{address: from, name: m.From.Name}
	machine := ours || from == "" || mime.NobodyReads(from) || formSender.MatchString(from)
	to, err := h.answerTo(ctx, m, from, machine)
	if err != nil || to.Address == "" {
		return w, ours, err
	}
	w = writer{address: usable(to.Address), name: to.Name, through: true}
	if w.name == "" && !machine {
		w.name = m.From.Name
		if via := passesOn.FindStringSubmatch(w.name); via != nil {
			w.name = via[1]
		}
	}
	return w, false, nil
}

// answerTo is the address of the Reply-To line, if it leads to somebody else: not
// to us, and not to a list or group that put itself there. Where no person can
// be behind the From line, one who is among the recipients, too, is still meant.
func (h *Handler) answerTo(ctx context.Context, m *mime.Mail, from string, machine bool) (mime.Address, error) {
	var found []mime.Address
	for _, a := range m.ReplyTo {
		address := usable(a.Address)
		switch {
		case address == "" || mime.NobodyReads(address) || address == text.FoldEmail(m.List):
			continue
		case address == from:
			return mime.Address{}, nil // whoever wrote it reads there, too
		case !machine && wentTo(m, address):
			continue
		}
		ours, err := h.o.Directory.Ours(ctx, address)
		if err != nil {
			return mime.Address{}, err
		}
		if !ours {
			found = append(found, a)
		}
	}
	if len(found) == 0 || len(found) > 1 && !machine {
		return mime.Address{}, nil
	}
	return found[0], nil
}

// wentTo tells whether a mail went to an address.
func wentTo(m *mime.Mail, address string) bool {
	return slices.ContainsFunc(recipients(m), func(to string) bool { return text.FoldEmail(to) == address })
}

// usable is an address as identities keep it, "" for what is none.
func usable(address string) string {
	address = text.FoldEmail(address)
	if local, domain, ok := cutLast(address); ok && local != "" && domain != "" && len(address) <= text.MaxEmail && !strings.ContainsAny(address, " \t<>\"") {
		return address
	}
	return ""
}
