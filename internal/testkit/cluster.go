package testkit

import (
	"encoding/base64"
	"testing"
)

// Installation is what the nodes of one installation share.
type Installation struct {
	// Database is the PostgreSQL database's address, migrated; Files that of the
	// folder of files.
	Database, Files string
	Redis           *RedisServer

	t testing.TB
}

// Install gives an empty installation without nodes: a PostgreSQL database, a
// Redis of its own and a folder for files.
func Install(t testing.TB) *Installation {
	t.Helper()
	return &Installation{t: t, Database: PostgresURL(t), Redis: Redis(t), Files: "file://" + t.TempDir()}
}

// Node starts one more node; its data folder is its own. Options come after what
// the nodes share, so they may lead it to the database or Redis by another way.
func (i *Installation) Node(options ...ProgramOption) *Process {
	i.t.Helper()
	return Program(i.t, append(i.Shared(), options...)...)
}

// Shared are the options that make a program a node of the installation.
func (i *Installation) Shared() []ProgramOption {
	key := base64.StdEncoding.EncodeToString([]byte("one key for each of the nodes.  "))
	return []ProgramOption{WithPostgres(i.Database), WithRedis(i.Redis.URL()), WithEnv("FANWARD_FILES_URL", i.Files), WithEnv("FANWARD_SECRET_KEY", key)}
}

// Cluster starts n equal nodes of a fresh installation, each with the options.
func Cluster(t testing.TB, n int, options ...ProgramOption) []*Process {
	t.Helper()
	i := Install(t)
	nodes := make([]*Process, n)
	for k := range nodes {
		nodes[k] = i.Node(options...)
	}
	return nodes
}
