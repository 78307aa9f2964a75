package outside

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// Integrator is a company's server: it repeats each batch until it hears 200.
type Integrator struct {
	T   *testing.T
	URL At
	// Key is a write key.
	Key string
}

// Deliver sends a batch of tracking calls.
func (i *Integrator) Deliver(items []any) {
	i.T.Helper()
	header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(i.Key+":"))}}
	testkit.Eventually(i.T, 60*time.Second, "a batch is taken", func() bool {
		return Call("POST", i.URL()+"/v1/batch", header, map[string]any{"batch": items}, nil) == nil
	})
}
