// Package email is the mail channel: it takes mail by SMTP, reads it, and
// sends the answers by SMTP. What came is kept before it is acknowledged, and
// an answer carries an address and a name by which its own answer finds the
// conversation again.
package email
