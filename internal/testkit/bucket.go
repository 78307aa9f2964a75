package testkit

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// BucketName is the bucket that a BucketServer holds.
const BucketName = "fanward-test"

// BucketServer speaks S3 on loopback and holds one bucket in memory.
type BucketServer struct {
	server *httptest.Server
	down   atomic.Bool
	cut    atomic.Bool
}

// Bucket starts a server that speaks S3, ended with the test, and sets the
// credentials in this process's environment.
func Bucket(t testing.TB) *BucketServer {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(BucketName); err != nil {
		t.Fatal(err)
	}
	b := &BucketServer{}
	inner := gofakes3.New(backend).Server()
	b.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if b.cut.Load() && r.Method == http.MethodGet {
			answer := httptest.NewRecorder()
			inner.ServeHTTP(answer, r)
			maps.Copy(w.Header(), answer.Header())
			w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes()[:min(10, answer.Body.Len())])
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(b.server.Close)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "fanward-test")
	}
	// No credentials are looked for on a network, and none in a home folder.
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	return b
}

// URL is the address of the bucket in the form of FANWARD_FILES_URL.
func (b *BucketServer) URL() string { return b.Address(BucketName) }

// Address is the address of any bucket on the server.
func (b *BucketServer) Address(bucket string) string {
	return "s3://" + bucket + "?" + url.Values{"endpoint": {b.server.URL}}.Encode()
}

// Down makes the server refuse everything, or serve again.
func (b *BucketServer) Down(down bool) { b.down.Store(down) }

// CutReads ends the line after the first bytes of whatever is read, or not any more.
func (b *BucketServer) CutReads(cut bool) { b.cut.Store(cut) }
