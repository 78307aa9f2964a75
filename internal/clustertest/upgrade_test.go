package clustertest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit"
)

// TestRollingUpgrade: the nodes of the version before, as it was built then, give
// way one after the other to this one, which brings the schema up while the others
// work. No request fails, every message is there once and in order, and afterwards
// the version before does not start any more. It builds a program, so only the long
// run does it.
func TestRollingUpgrade(t *testing.T) {
	if os.Getenv("FANWARD_SOAK") == "" {
		return
	}
	before := testkit.PreviousBinary(t, testkit.Previous(t))
	database := testkit.PostgresURL(t)
	execute(t, database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	c := openOn(t, database, testkit.Redis(t).URL(), 2, testkit.WithBinary(before))
	c.rolls(t, func(p *testkit.Process) {
		if err := p.Stop(); err != nil {
			t.Errorf("the version before ends with %v", err)
		}
		p.Become(testkit.Binary(t))
		p.Start()
	})
	refuses(t, before, database)
}

// TestNewerSchema: whoever knows only an earlier schema does not start on a later
// one, and says why.
func TestNewerSchema(t *testing.T) {
	database := testkit.PostgresURL(t)
	execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	if said := refuses(t, testkit.Binary(t), database); !strings.Contains(said, "schema version 9999") {
		t.Errorf("it says %q", said)
	}
}

func execute(t *testing.T, database, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// refuses runs a program that has to end by itself with an error, and returns what
// it says.
func refuses(t *testing.T, binary, database string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "serve")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "FANWARD_DATA_DIR=" + t.TempDir(), "FANWARD_HTTP_ADDR=127.0.0.1:0",
		"FANWARD_DATABASE_URL=" + database, "FANWARD_SECRET_KEY=a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=", "FANWARD_FILES_URL=file://" + t.TempDir(), "FANWARD_SANDBOX_MODE=off"}
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !strings.Contains(string(said), "schema") {
		t.Errorf("it ends with %v and says %q", err, said)
	}
	return string(said)
}
