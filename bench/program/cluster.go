package program

import (
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/fanward/fanward/internal/tied"
)

// cluster, when it is there, is what every program is started on.
var cluster *servers

// servers are a PostgreSQL and a Redis of a benchmark's own.
type servers struct {
	nodes     int
	dir       string
	pg, redis string // addresses
	running   []*exec.Cmd

	mu    sync.Mutex
	known map[string]bool // databases that have been made
}

// Form tells what programs are started on, for the headings of tables.
func Form() string {
	if cluster == nil {
		return "SQLite"
	}
	return fmt.Sprintf("PostgreSQL + Redis, nodes: %d", cluster.nodes)
}

// Use makes every later Start run so many nodes on a PostgreSQL and a Redis of
// their own; 0 leaves SQLite. Call stop at the end.
func Use(nodes int) (stop func(), err error) {
	if nodes == 0 {
		return func() {}, nil
	}
	c := &servers{nodes: nodes, known: map[string]bool{}}
	if c.dir, err = os.MkdirTemp("", "fanward-bench-servers-"); err != nil {
		return nil, err
	}
	if err := errors.Join(c.startPostgres(), c.startRedis()); err != nil {
		c.stop()
		return nil, err
	}
	cluster = c
	return c.stop, nil
}

// Main runs a benchmark on so many nodes, see Use, and ends this process with what
// came of it.
func Main(nodes int, run func() error) {
	stop, err := Use(nodes)
	if err == nil {
		err = run()
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (c *servers) stop() {
	for _, cmd := range c.running {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	_ = os.RemoveAll(c.dir)
}

func (c *servers) start(cmd *exec.Cmd, addr string) error {
	if err := tied.Start(cmd); err != nil {
		return err
	}
	c.running = append(c.running, cmd)
	for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return conn.Close()
		}
	}
	return fmt.Errorf("%s does not answer", cmd.Path)
}

func (c *servers) startRedis() (err error) {
	if c.redis, err = FreePort(); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(c.redis)
	return c.start(exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", c.dir), c.redis)
}

// startPostgres makes a server that flushes as a real one does. PostgreSQL refuses
// root: then it runs as the user of that name.
func (c *servers) startPostgres() error {
	bin, err := postgresBinaries()
	if err != nil {
		return err
	}
	var as *syscall.Credential
	data := filepath.Join(c.dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // small numbers
		if err := errors.Join(os.Chmod(c.dir, 0o755), os.Chown(data, uid, gid)); err != nil {
			return err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
	initdb.Dir, initdb.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if c.pg, err = FreePort(); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(c.pg)
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB")
	server.Dir, server.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	return c.start(server, c.pg)
}

func postgresBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return "", errors.New("PostgreSQL's initdb is neither in PATH nor in /usr/lib/postgresql/*/bin")
	}
	return slices.Max(found), nil
}

func (c *servers) url(database string) string {
	return "postgres://postgres@" + c.pg + "/" + database + "?sslmode=disable"
}

// database is that of a data folder, made when it is first asked for.
func (c *servers) database(dir string) (string, error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(dir))
	name := fmt.Sprintf("bench_%x", h.Sum64())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[name] {
		return c.url(name), nil
	}
	admin, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = admin.Close() }()
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) { // it answers before it serves
		if _, err = admin.Exec("CREATE DATABASE " + name); err == nil {
			c.known[name] = true
			return c.url(name), nil
		}
		if time.Since(begun) > 20*time.Second {
			return "", err
		}
	}
}

// DatabaseURL is the PostgreSQL database of a data folder, for what opens it
// itself; Use has been called.
func DatabaseURL(dir string) (string, error) { return cluster.database(dir) }

// env is what a program on a data folder needs beside what every program does.
func (c *servers) env(dir string) ([]string, error) {
	url, err := c.database(dir)
	if err != nil {
		return nil, err
	}
	files := filepath.Join(dir, "shared-files")
	return []string{"FANWARD_DATABASE_URL=" + url, "FANWARD_REDIS_URL=redis://" + c.redis + "/0", "FANWARD_FILES_URL=file://" + files,
		"FANWARD_SECRET_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, os.MkdirAll(files, 0o700)
}

// join starts the other nodes beside p.
func (p *Program) join(binary string, env []string) error {
	for n := 1; cluster != nil && n < cluster.nodes; n++ {
		dir := filepath.Join(p.Dir, fmt.Sprintf("node%d", n))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		// One of them takes mail in: they are on one machine.
		one, err := launch(binary, dir, p.Dir, append(slices.Clone(env), "FANWARD_EMAIL_SMTP_ADDR="))
		if err != nil {
			return err
		}
		p.others = append(p.others, one)
		if err := one.ready(); err != nil {
			return err
		}
	}
	return nil
}

// At is the address of one of the nodes, going round.
func (p *Program) At(n int) string {
	if n %= 1 + len(p.others); n > 0 {
		return p.others[n-1].URL
	}
	return p.URL
}
