package email

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

const (
	// idleLine is how long a line to a server rests before it is closed; most
	// servers hang up after a minute or more.
	idleLine = 30 * time.Second
	// keptLines bounds the lines of one account that rest.
	keptLines = 8
	// mailsPerLine is after how many mails a line is closed: many servers count.
	mailsPerLine = 100
)

// line is an open line to a sending server, signed in and secured.
type line struct {
	of    lineKey
	conn  net.Conn
	c     *smtp.Client
	mails int
	timer *time.Timer // while it rests
}

// lineKey tells lines apart: one of another account, or of before a change of
// its settings, is never used.
type lineKey struct {
	SMTP
	password, localName string
}

func (s server) key() lineKey { return lineKey{s.SMTP, s.password, s.localName} }

// cutWith lets the end of ctx cut the line until done is called.
func (l *line) cutWith(ctx context.Context) (done func()) {
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	return func() { stop() }
}

// lines keeps open lines for the next mail. It is safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	rest map[lineKey][]*line
}

// take gives the line that was used last, nil when none rests.
func (k *lines) take(of lineKey) *line {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.rest[of]
	for len(list) > 0 {
		l := list[len(list)-1]
		list = list[:len(list)-1]
		k.put(of, list)
		if l.timer.Stop() { // otherwise it is being closed
			return l
		}
	}
	return nil
}

func (k *lines) put(of lineKey, list []*line) {
	if k.rest == nil {
		k.rest = map[lineKey][]*line{}
	}
	if k.rest[of] = list; len(list) == 0 {
		delete(k.rest, of)
	}
}

// give lets a line rest, or closes it when it has done enough.
func (k *lines) give(l *line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.rest[l.of]
	if l.mails >= mailsPerLine || len(list) >= keptLines {
		go l.bye()
		return
	}
	l.timer = time.AfterFunc(idleLine, func() { k.expire(l) })
	k.put(l.of, append(list, l))
}

// expire closes a line that has rested for too long.
func (k *lines) expire(l *line) {
	k.mu.Lock()
	list := k.rest[l.of]
	for i, one := range list {
		if one == l {
			k.put(l.of, append(list[:i:i], list[i+1:]...))
			break
		}
	}
	k.mu.Unlock()
	l.bye()
}

// bye takes leave of the far side, whatever it says.
func (l *line) bye() {
	_ = l.conn.SetDeadline(time.Now().Add(5 * time.Second))
	_ = l.c.Quit()
	_ = l.c.Close()
}
