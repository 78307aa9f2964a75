package tracking_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	analytics "gopkg.in/segmentio/analytics-go.v3"

	"github.com/fanward/fanward/internal/testkit"
)

// admin runs an admin command of the program against a running one.
func admin(t *testing.T, p *testkit.Process, args ...string) string {
	t.Helper()
	cmd := exec.Command(testkit.Binary(t), args...)
	cmd.Env = append(os.Environ(), "FANWARD_DATA_DIR="+p.Dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// total is the exact number of events with a name, by the API.
func total(t *testing.T, p *testkit.Process, token, name string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.URL+"/api/v1/events?limit=1&total=true&name="+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var page struct{ Total int }
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", response.StatusCode, err)
	}
	return page.Total
}

// outcomes hears what the SDK says became of each message.
type outcomes chan error

func (o outcomes) Success(analytics.Message)            { o <- nil }
func (o outcomes) Failure(_ analytics.Message, e error) { o <- e }

// The Go SDK, as it is: ten thousand calls, delivered twice, are stored once.
func TestGoSDK(t *testing.T) {
	const calls, portion = 10_000, 400
	p := testkit.Program(t)
	token, key := admin(t, p, "token", "create", "--role", "viewer"), admin(t, p, "writekey", "create", "--name", "Go")
	at := time.Now().Add(-time.Hour)
	told := make(outcomes, portion)
	for range 2 {
		client, err := analytics.NewWithConfig(key, analytics.Config{Endpoint: p.URL, BatchSize: 200, Callback: told})
		if err != nil {
			t.Fatal(err)
		}
		for from := 0; from < calls; from += portion {
			for i := from; i < from+portion; i++ {
				err := client.Enqueue(analytics.Track{MessageId: fmt.Sprint("go-", i), UserId: fmt.Sprint("user-", i%500), Event: "Go", Timestamp: at, Properties: analytics.NewProperties().SetRevenue(float64(i))})
				if err != nil {
					t.Fatal(err)
				}
			}
			for range portion {
				if err := <-told; err != nil {
					t.Error(err)
				}
			}
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := total(t, p, token, "Go"); got != calls {
		t.Errorf("%d are stored, want %d", got, calls)
	}
}
