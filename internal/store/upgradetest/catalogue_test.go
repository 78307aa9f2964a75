// Package upgradetest holds that nodes of the version before can work on beside a
// newer one.
package upgradetest

import (
	"context"
	"path"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// Every statement of the version before is valid on the schema of this one: that is
// what a node of that version meets once another one has been upgraded. Statements
// that are put together by the program are not among them; the long run, with that
// version's program, meets those.
func TestStatementsOfTheVersionBefore(t *testing.T) {
	commit := testkit.Previous(t)
	const before = "the version before: "
	for _, file := range testkit.PreviousFiles(t, commit) {
		if name := path.Base(file); strings.HasPrefix(name, "queries") && strings.HasSuffix(name, ".sql") {
			store.Load(before+path.Dir(file)+"/"+name, testkit.PreviousFile(t, commit, file))
		}
	}
	db := testkit.Open(t, store.Postgres)
	n := 0
	for _, q := range store.All() {
		if !strings.HasPrefix(q.Name(), before) {
			continue
		}
		n++
		st, err := db.SQL().PrepareContext(context.Background(), q.Text(store.Postgres))
		if err != nil {
			t.Errorf("%s: %v", q.Name(), err)
			continue
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}
	if n < 100 {
		t.Errorf("only %d statements", n)
	}
}
