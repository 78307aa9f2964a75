package testkit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Do sends one command and returns its answer's first line.
func (r *RedisServer) Do(t testing.TB, words ...string) string {
	t.Helper()
	answer, err := r.ask(words...)
	if err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	return answer
}

func (r *RedisServer) ask(words ...string) (string, error) {
	c, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte(strings.Join(words, " ") + "\r\n")); err != nil {
		return "", err
	}
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	return string(b[:n]), err
}

// redisWith starts a server with further settings.
func redisWith(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		Missing(t, "redis-server is not in PATH: install redis-server")
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r := &RedisServer{Addr: "127.0.0.1:" + strconv.Itoa(port), port: port, dir: t.TempDir(), bin: bin, settings: settings}
	r.Start(t)
	t.Cleanup(func() { r.Stop(t) })
	return r
}

// RedisSentinels are a primary, its replica and the Sentinel that watches them.
type RedisSentinels struct {
	Primary, Replica *RedisServer
	sentinel         *RedisServer
}

// Sentinel starts a primary, a replica and a Sentinel that lets the replica take
// over within a few seconds.
func Sentinel(t testing.TB) *RedisSentinels {
	t.Helper()
	s := &RedisSentinels{Primary: redisWith(t)}
	s.Replica = redisWith(t, "--replicaof", "127.0.0.1", strconv.Itoa(s.Primary.port))
	Eventually(t, 20*time.Second, "the replica follows", func() bool {
		info, err := s.Replica.ask("INFO", "replication")
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor hub 127.0.0.1 %d 1\nsentinel down-after-milliseconds hub 1000\nsentinel failover-timeout hub 5000\n", port, dir, s.Primary.port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.sentinel = &RedisServer{Addr: "127.0.0.1:" + strconv.Itoa(port), port: port, dir: dir, bin: s.Primary.bin, argv: []string{file, "--sentinel"}}
	s.sentinel.Start(t)
	t.Cleanup(func() { s.sentinel.Stop(t) })
	Eventually(t, 20*time.Second, "the Sentinel knows the replica", func() bool {
		info, err := s.sentinel.ask("INFO", "sentinel")
		return err == nil && strings.Contains(info, "slaves=1")
	})
	return s
}

// URL is the address in the form of FANWARD_REDIS_URL; the first of its Sentinels
// does not exist.
func (s *RedisSentinels) URL() string {
	return "redis://127.0.0.1:1?addr=" + s.sentinel.Addr + "&master_name=hub"
}

// RedisRing starts a Redis Cluster of three primaries on this machine.
func RedisRing(t testing.TB) []*RedisServer {
	t.Helper()
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		Missing(t, "redis-cli is not in PATH: install redis-tools")
	}
	ring := make([]*RedisServer, 3)
	args := []string{"--cluster", "create"}
	for i := range ring {
		bus, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		ring[i] = redisWith(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "2000")
		args = append(args, ring[i].Addr)
	}
	if out, err := exec.Command(cli, append(args, "--cluster-replicas", "0", "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	Eventually(t, 30*time.Second, "the cluster is whole", func() bool {
		for _, r := range ring {
			if info, err := r.ask("CLUSTER", "INFO"); err != nil || !strings.Contains(info, "cluster_state:ok") {
				return false
			}
		}
		return true
	})
	return ring
}
