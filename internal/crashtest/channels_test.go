package crashtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/outside"
)

const (
	followerCount = 4
	writerCount   = 4
)

// TestKilledOverAllChannels: every acknowledged push and mail is there once,
// and every answer reached its recipient once or is shown as unknown.
func TestKilledOverAllChannels(t *testing.T) {
	box, port := outside.NewPostbox(t)
	wechat, base := outside.NewPlatform(t)
	mailPort, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	smtpAddr := "127.0.0.1:" + strconv.Itoa(mailPort)
	p := testkit.Program(t, testkit.WithEnv("FANWARD_EMAIL_SMTP_ADDR", smtpAddr))
	token := outside.Command(t, p, "token", "create", "--role", "owner", "--name", "crash test")
	header := http.Header{"Authorization": {"Bearer " + token}}
	wechat.Connect(t, p.URL, header, base, p.URL, followerCount)
	err = outside.Call("POST", p.URL+"/api/v1/accounts", header, map[string]any{
		"channel": "email", "name": "Mail", "config": map[string]any{"address": "shop@crash.example", "smtp": map[string]any{"host": "127.0.0.1", "port": port, "tls": "none"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet, stop := make(chan struct{}), make(chan struct{})
	lin := &outside.Teammate{T: t, URL: outside.One(p.URL), Token: token, Stop: stop, Backlog: 4096, ByBody: true}
	lin.Listen()
	lin.Answer()
	testkit.Eventually(t, time.Minute, "the teammate is connected", lin.Connected)
	writers := make([]*outside.Writer, writerCount)
	for i := range writers {
		writers[i] = &outside.Writer{Name: fmt.Sprint("w", i), Addr: outside.One(smtpAddr), Quiet: quiet}
		writers[i].Start()
	}
	for round := range kills() {
		wechat.Write(t, round)
		time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond) // anywhere in the work
		p.Restart(syscall.SIGKILL)
	}
	wechat.Write(t, kills())
	close(quiet)
	for _, w := range writers {
		w.Wait()
	}
	wechat.Settle()
	outside.JudgeChannels(t, p, header, lin, wechat, box, writers)
	close(stop)
	lin.Wait()
}
