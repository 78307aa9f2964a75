package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/obs"
)

// adminSocketName is the socket in the data folder by which commands of this
// machine speak to a running server. Its mode 0600 is the whole protection:
// whoever may open it may read the database, too.
const adminSocketName = "admin.sock"

// administration is what admin commands ask for, of a running server or of the
// database itself.
type administration interface {
	CreateToken(ctx context.Context, r tokenRequest) (secretAnswer, error)
	AddAgent(ctx context.Context, r agentRequest) (secretAnswer, error)
	CreateWriteKey(ctx context.Context, r writeKeyRequest) (secretAnswer, error)
}

type tokenRequest struct {
	Name string    `json:"name"`
	Role auth.Role `json:"role"`
}

type writeKeyRequest struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

type agentRequest struct {
	Email string    `json:"email"`
	Name  string    `json:"name"`
	Role  auth.Role `json:"role"`
}

// secretAnswer holds what is shown once.
type secretAnswer struct {
	Secret    string     `json:"secret"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// direct answers from the domain.
type direct struct {
	auth      *auth.Service
	customers *customers.Service
	// signInURL makes the address of a one-time link.
	signInURL func(secret string) string
}

// CreateToken implements administration.
func (d direct) CreateToken(ctx context.Context, r tokenRequest) (secretAnswer, error) {
	_, secret, err := d.auth.CreateToken(ctx, auth.System, r.Name, r.Role)
	return secretAnswer{Secret: secret}, err
}

// AddAgent implements administration.
func (d direct) AddAgent(ctx context.Context, r agentRequest) (secretAnswer, error) {
	_, link, err := d.auth.Invite(ctx, auth.System, auth.NewTeammate{Email: r.Email, Name: r.Name, Role: r.Role})
	if err != nil {
		return secretAnswer{}, err
	}
	return secretAnswer{Secret: d.signInURL(link.Secret), ExpiresAt: &link.ExpiresAt}, nil
}

// CreateWriteKey implements administration.
func (d direct) CreateWriteKey(ctx context.Context, r writeKeyRequest) (secretAnswer, error) {
	k, err := d.customers.CreateWriteKey(ctx, auth.System, r.Name, r.Kind)
	if err != nil {
		return secretAnswer{}, err
	}
	return secretAnswer{Secret: *k.Key}, nil
}

// adminServer is the server's end of the socket.
type adminServer struct {
	http *http.Server
	path string
	done chan struct{}
}

// startAdmin listens on the socket in the data folder. A socket that a dead
// process left is replaced; on a folder shared by several nodes (PostgreSQL)
// the first one keeps it and the others go without: nil, nil. more adds calls.
func startAdmin(dataDir string, a administration, log *slog.Logger, more ...func(*http.ServeMux)) (*adminServer, error) {
	// With rows and files elsewhere nobody has made the folder yet.
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	path := filepath.Join(dataDir, adminSocketName)
	if c, err := dialAdmin(context.Background(), dataDir); err == nil {
		_ = c.Close()
		log.Info("another node answers admin commands in this data folder")
		return nil, nil
	}
	// Bound under another name and moved once its mode is right.
	fresh := path + "." + strconv.Itoa(os.Getpid())
	_ = os.Remove(fresh)
	address, release, err := socketAddress(dataDir, filepath.Base(fresh))
	if err != nil {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	defer release()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, path)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	s := &adminServer{path: path, done: make(chan struct{})}
	s.http = &http.Server{Handler: adminHandler(a, more...), ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin socket has failed", slog.Any("error", err))
		}
	}()
	return s, nil
}

// stop answers the commands under way and takes the socket away. A nil server
// stops at once.
func (s *adminServer) stop(ctx context.Context) error {
	if s == nil {
		return nil
	}
	err := s.http.Shutdown(ctx)
	<-s.done
	if gone := os.Remove(s.path); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

func adminHandler(a administration, more ...func(*http.ServeMux)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) { serveAdmin(w, r, a.CreateToken) })
	mux.HandleFunc("POST /agent", func(w http.ResponseWriter, r *http.Request) { serveAdmin(w, r, a.AddAgent) })
	mux.HandleFunc("POST /writekey", func(w http.ResponseWriter, r *http.Request) { serveAdmin(w, r, a.CreateWriteKey) })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		writeAdmin(w, http.StatusOK, map[string]string{"version": obs.Version()})
	})
	for _, add := range more {
		add(mux)
	}
	// Where the time and the memory go:
	// curl --unix-socket data/admin.sock http://x/debug/pprof/profile?seconds=20
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	return mux
}

// adminProblem is a failure on its way through the socket.
type adminProblem struct {
	Code   string        `json:"code"`
	Params fault.Params  `json:"params,omitempty"`
	Fields []fault.Field `json:"fields,omitempty"`
	Detail string        `json:"detail,omitempty"`
}

func serveAdmin[In, Out any](w http.ResponseWriter, r *http.Request, do func(context.Context, In) (Out, error)) {
	var in In
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		writeAdmin(w, http.StatusBadRequest, adminProblem{Code: "malformed", Detail: err.Error()})
		return
	}
	out, err := do(r.Context(), in)
	if err != nil {
		p := adminProblem{Code: fault.CodeOf(err)}
		if e, ok := fault.As(err); ok {
			p.Params, p.Fields = e.Params, e.Fields
		} else {
			p.Detail = err.Error() // the caller may read the log, too
		}
		writeAdmin(w, http.StatusUnprocessableEntity, p)
		return
	}
	writeAdmin(w, http.StatusOK, out)
}

func writeAdmin(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the command may be gone
}

// remote asks a running server.
type remote struct{ client *http.Client }

// dialAdmin connects to the server of a data folder.
func dialAdmin(ctx context.Context, dataDir string) (net.Conn, error) {
	address, release, err := socketAddress(dataDir, adminSocketName)
	if err != nil {
		return nil, err
	}
	defer release()
	return (&net.Dialer{}).DialContext(ctx, "unix", address)
}

func newRemote(dataDir string) remote {
	return remote{&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dialAdmin(ctx, dataDir) },
	}}}
}

// CreateToken implements administration.
func (r remote) CreateToken(ctx context.Context, q tokenRequest) (a secretAnswer, err error) {
	return a, r.call(ctx, http.MethodPost, "/token", q, &a)
}

// AddAgent implements administration.
func (r remote) AddAgent(ctx context.Context, q agentRequest) (a secretAnswer, err error) {
	return a, r.call(ctx, http.MethodPost, "/agent", q, &a)
}

// CreateWriteKey implements administration.
func (r remote) CreateWriteKey(ctx context.Context, q writeKeyRequest) (a secretAnswer, err error) {
	return a, r.call(ctx, http.MethodPost, "/writekey", q, &a)
}

// status asks whether the server answers.
func (r remote) status(ctx context.Context) (version string, err error) {
	var a struct{ Version string }
	err = r.call(ctx, http.MethodGet, "/status", nil, &a)
	return a.Version, err
}

func (r remote) call(ctx context.Context, method, path string, in, out any) error {
	body, w := io.Pipe()
	go func() { _ = w.CloseWithError(json.NewEncoder(w).Encode(in)) }()
	req, err := http.NewRequestWithContext(ctx, method, "http://fanward"+path, body)
	if err != nil {
		return err
	}
	res, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the running server: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	d := json.NewDecoder(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode == http.StatusOK {
		return d.Decode(out)
	}
	var p adminProblem
	if err := d.Decode(&p); err != nil || p.Code == "" {
		return fmt.Errorf("the running server answers with status %d; is it another version?", res.StatusCode)
	}
	if p.Detail != "" {
		return errors.New(p.Detail)
	}
	e := fault.New(fault.Invalid, p.Code, p.Params)
	e.Fields = p.Fields
	return e
}

// socketAddress names a socket in dir for bind and connect, whose paths end at
// about a hundred bytes: a deeper folder is reached through an open handle,
// which release closes.
func socketAddress(dir, name string) (address string, release func(), err error) {
	path := filepath.Join(dir, name)
	if len(path) < 100 {
		return path, func() {}, nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), name), func() { _ = d.Close() }, nil
}
