package testkit

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

var errNoPgBouncer = errors.New("pgbouncer is neither in PATH nor in /usr/sbin: install pgbouncer")

var pgbouncer struct {
	sync.Mutex
	addr map[string]string // server → pooler
}

// Pooled tells whether the databases of this run lie behind PgBouncer
// (FANWARD_TEST_PGBOUNCER=1).
func Pooled() bool { return os.Getenv("FANWARD_TEST_PGBOUNCER") == "1" }

// PgBouncer gives the address of a PostgreSQL database through a PgBouncer in
// transaction mode: statements of one transaction share a server connection, and
// nothing else does. There is one for each server and test process. A pooler
// takes no settings of a session, so all but sslmode are left out of the address.
func PgBouncer(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	pgbouncer.Lock()
	defer pgbouncer.Unlock()
	if pgbouncer.addr == nil {
		pgbouncer.addr = map[string]string{}
	}
	if pgbouncer.addr[u.Host] == "" {
		addr, err := startPgBouncer(u)
		if errors.Is(err, errNoPgBouncer) {
			Missing(t, err.Error())
		}
		if err != nil {
			t.Fatal(err)
		}
		pgbouncer.addr[u.Host] = addr
	}
	u.Host, u.RawQuery = pgbouncer.addr[u.Host], "sslmode=disable"
	return u.String()
}

func startPgBouncer(server *url.URL) (string, error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		bin = "/usr/sbin/pgbouncer"
		if _, err := os.Stat(bin); err != nil {
			return "", errNoPgBouncer
		}
	}
	cred, err := unprivileged("postgres")
	if err != nil {
		return "", err
	}
	dir, err := folder("pgbouncer", cred)
	if err != nil {
		return "", err
	}
	port, err := FreePort()
	if err != nil {
		return "", err
	}
	login := "user=" + server.User.Username()
	if password, given := server.User.Password(); given {
		login += " password=" + password
	}
	ini := fmt.Sprintf(`[databases]
* = host=%s port=%s %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 20
max_client_conn = 1000
`, server.Hostname(), server.Port(), login, port)
	file := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	c := child{dir: dir, cred: cred, argv: []string{bin, file}, end: "TERM"}
	cmd, err := c.start()
	if err != nil {
		return "", err
	}
	u := *server
	u.Host, u.RawQuery = "127.0.0.1:"+strconv.Itoa(port), "sslmode=disable"
	// The extended protocol's statements have names, which do not pass.
	if err := answers(u.String() + "&default_query_exec_mode=simple_protocol"); err != nil {
		log := c.log()
		c.stop(cmd)
		return "", fmt.Errorf("PgBouncer does not answer: %w\n%s", err, log)
	}
	return u.Host, nil
}
