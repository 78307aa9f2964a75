package testkit_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// echo answers every line with what it says.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, p *testkit.Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// says sends word and hears it back within limit; how long that took.
func says(c net.Conn, word string, limit time.Duration) (time.Duration, error) {
	began := time.Now()
	if _, err := c.Write([]byte(word)); err != nil {
		return 0, err
	}
	return hears(c, word, began, limit)
}

func hears(c net.Conn, word string, began time.Time, limit time.Duration) (time.Duration, error) {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	b := make([]byte, len(word))
	if _, err := io.ReadFull(c, b); err != nil {
		return 0, err
	}
	if string(b) != word {
		return 0, errors.New("heard " + string(b))
	}
	return time.Since(began), nil
}

func TestProxySpoilsLines(t *testing.T) {
	const long, short = 10 * time.Second, 50 * time.Millisecond
	p := testkit.NewProxy(t, echo(t))
	a, b := dial(t, p), dial(t, p)
	for _, c := range []net.Conn{a, b} {
		if _, err := says(c, "hello", long); err != nil {
			t.Fatal(err)
		}
	}
	p.Delay(30 * time.Millisecond)
	if took, err := says(a, "slow", long); err != nil || took < 60*time.Millisecond {
		t.Errorf("delayed twice by 30 ms it took %v, %v", took, err)
	}
	p.Heal()
	p.Stall()
	began := time.Now()
	if _, err := says(a, "held", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("while stalled: %v", err)
	}
	p.Heal()
	if _, err := hears(a, "held", began, long); err != nil {
		t.Errorf("after the stall: %v", err)
	}
	p.HalfOpen()
	for _, c := range []net.Conn{a, b} {
		if _, err := says(c, "lost", short); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("half-open: %v", err)
		}
	}
	c := dial(t, p)
	if _, err := says(c, "new", long); err != nil {
		t.Errorf("a new line beside half-open ones: %v", err)
	}
	p.Throttle(1000)
	if took, err := says(c, string(make([]byte, 100)), long); err != nil || took < 200*time.Millisecond {
		t.Errorf("100 bytes twice at 1000/s took %v, %v", took, err)
	}
	p.Heal()
	p.Cut()
	if _, err := says(c, "cut", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("cut: %v", err)
	}
	if _, err := says(dial(t, p), "again", long); err != nil {
		t.Errorf("after a cut: %v", err)
	}
	p.Refuse()
	// The reset may come before the dial is done.
	if refused, err := net.Dial("tcp", p.Addr); err == nil {
		if _, err := says(refused, "no", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("refused: %v", err)
		}
		_ = refused.Close()
	}
	p.Heal()
	if _, err := says(dial(t, p), "yes", long); err != nil {
		t.Errorf("after refusing: %v", err)
	}
}
