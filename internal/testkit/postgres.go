package testkit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/fanward/fanward/internal/store"
)

const postgresTemplate = "fanward_template"

var errNoPostgres = errors.New("PostgreSQL's initdb and postgres are neither in PATH nor in /usr/lib/postgresql/*/bin: " +
	"install postgresql, or set FANWARD_TEST_POSTGRES_URL to a server on which databases may be made")

var postgres struct {
	sync.Once
	admin    *sql.DB
	url      *url.URL
	template string
	err      error
	n        atomic.Int64
}

// PostgresURL gives the address of a fresh migrated database, dropped when the
// test ends. The server is this process's own (with fsync on) or, when
// FANWARD_TEST_POSTGRES_URL is set, that one. With FANWARD_TEST_PGBOUNCER=1 the
// address leads through a PgBouncer in transaction mode.
func PostgresURL(t testing.TB) string {
	t.Helper()
	postgres.Do(startPostgres)
	if errors.Is(postgres.err, errNoPostgres) {
		Missing(t, postgres.err.Error())
	}
	if postgres.err != nil {
		t.Fatal(postgres.err)
	}
	name := fmt.Sprintf("fanward_test_%d_%d", os.Getpid(), postgres.n.Add(1))
	create := "CREATE DATABASE " + name
	if postgres.template != "" {
		create += " TEMPLATE " + postgres.template
	}
	if _, err := postgres.admin.Exec(create); err != nil {
		t.Fatalf("%s: %v", create, err)
	}
	if postgres.template == "" {
		if err := migrateAt(postgresURL(name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := postgres.admin.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	if Pooled() {
		return PgBouncer(t, postgresURL(name))
	}
	return postgresURL(name)
}

func postgresURL(database string) string {
	u := *postgres.url
	u.Path = "/" + database
	return u.String()
}

func startPostgres() {
	given := os.Getenv("FANWARD_TEST_POSTGRES_URL")
	if given != "" {
		postgres.url, postgres.err = url.Parse(given)
	} else {
		postgres.url, postgres.err = ownPostgres()
	}
	if postgres.err != nil {
		return
	}
	if postgres.admin, postgres.err = sql.Open("pgx", postgres.url.String()); postgres.err != nil || given != "" {
		return
	}
	postgres.err = makeTemplate()
}

func makeTemplate() error {
	if _, err := postgres.admin.Exec("CREATE DATABASE " + postgresTemplate); err != nil {
		return fmt.Errorf("make the template: %w", err)
	}
	if err := migrateAt(postgresURL(postgresTemplate)); err != nil {
		return err
	}
	postgres.template = postgresTemplate
	return nil
}

func migrateAt(address string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: address})
	if err != nil {
		return fmt.Errorf("open a new database: %w", err)
	}
	if err := errors.Join(db.Migrate(ctx), db.Close()); err != nil {
		return fmt.Errorf("migrate a new database: %w", err)
	}
	return nil
}

// ownPostgres makes and starts a server on a free port.
func ownPostgres() (*url.URL, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	cred, err := unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := folder("postgres", cred)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir = "/"
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if out, err := initdb.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	c := child{dir: dir, cred: cred, argv: []string{
		filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=300",
		"-c", "shared_buffers=64MB", "-c", "max_prepared_transactions=8", "-c", "autovacuum_naptime=10min"}}
	cmd, err := c.start()
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: "postgres", User: url.User("postgres"), Host: "127.0.0.1:" + strconv.Itoa(port), Path: "/postgres", RawQuery: "sslmode=disable"}
	if err := answers(u.String()); err != nil {
		log := c.log()
		c.stop(cmd)
		return nil, fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, log)
	}
	return u, nil
}

// answers waits until the server takes connections.
func answers(address string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for try := 0; try < 1500; try++ {
		if err = db.Ping(); err == nil {
			return nil
		}
		<-tick.C
	}
	return err
}

// postgresBinaries is the folder of the newest initdb and postgres.
func postgresBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	sort.Slice(found, func(i, j int) bool { return majorOf(found[i]) > majorOf(found[j]) })
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append([]string{path}, found...)
	}
	for _, initdb := range found {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			initdb = real
		}
		dir := filepath.Dir(initdb)
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			return dir, nil
		}
	}
	return "", errNoPostgres
}

func majorOf(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}
