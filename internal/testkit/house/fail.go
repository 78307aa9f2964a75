package house

import (
	"fmt"
	"math"
	"strings"

	"github.com/fanward/fanward/internal/store"
)

// FailAt makes the database refuse the n-th row (from 0) that is inserted into,
// updated in or deleted from a table; lift takes it back. It tells whether an
// operation leaves nothing behind, whichever of its statements fails.
func (h *House) FailAt(table, action string, n int) (lift func()) {
	h.T.Helper()
	name := markOf(table, action)
	h.Run("DELETE FROM settings WHERE name = ?", name)
	h.Run("INSERT INTO settings (name, value) VALUES (?, '')", name)
	if h.DB.Engine() == store.SQLite {
		// A failed statement undoes what its triggers wrote, and so does the
		// savepoint around the closure: the marks count this attempt alone.
		h.Run(fmt.Sprintf(`CREATE TRIGGER %s BEFORE %s ON %s BEGIN
  SELECT RAISE(ABORT, 'injected') WHERE (SELECT length(value) FROM settings WHERE name = '%s') >= %d;
  UPDATE settings SET value = value || 'x' WHERE name = '%s';
END`, name, action, table, name, n, name))
		return func() { h.Run("DROP TRIGGER " + name) }
	}
	h.Run(fmt.Sprintf(`CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT length(value) FROM settings WHERE name = '%s') >= %d THEN RAISE EXCEPTION 'injected'; END IF;
  UPDATE settings SET value = value || 'x' WHERE name = '%s';
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$`, name, name, n, name))
	h.Run(fmt.Sprintf("CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION %s()", name, action, table, name))
	return func() {
		h.Run(fmt.Sprintf("DROP TRIGGER %s ON %s", name, table))
		h.Run("DROP FUNCTION " + name)
	}
}

// NothingLeftBehind makes each write of an operation fail in turn and demands
// that a refused operation leaves no trace and works when it is repeated.
// scenario prepares a new case, different for every n, and returns the
// operation. The number of refused writes is returned.
func (h *House) NothingLeftBehind(scenario func(n int) func() error) (refused int) {
	h.T.Helper()
	for write, rows := range h.writes(scenario(0)) {
		for n := range rows {
			refused++
			do := scenario(refused)
			before := h.Dump()
			lift := h.FailAt(write.table, write.action, n)
			err := do()
			lift()
			if err == nil || !strings.Contains(err.Error(), "injected") {
				h.T.Fatalf("%s number %d on %s was not refused: %v", write.action, n, write.table, err)
			}
			if after := h.Dump(); after != before {
				h.T.Fatalf("%s number %d on %s was refused, and yet something is left:\n%s", write.action, n, write.table, difference(before, after))
			}
			h.must(do())
		}
	}
	return refused
}

type write struct{ table, action string }

// writes runs an operation and counts the rows it writes.
func (h *House) writes(do func() error) map[write]int {
	h.T.Helper()
	var lifts []func()
	for _, table := range tables {
		for _, action := range []string{"INSERT", "UPDATE", "DELETE"} {
			lifts = append(lifts, h.FailAt(table, action, math.MaxInt32))
		}
	}
	h.must(do())
	counts := map[write]int{}
	for _, table := range tables {
		for _, action := range []string{"INSERT", "UPDATE", "DELETE"} {
			if n := h.Number("SELECT length(value) FROM settings WHERE name = ?", markOf(table, action)); n > 0 {
				counts[write{table, action}] = int(n)
			}
		}
	}
	for _, lift := range lifts {
		lift()
	}
	return counts
}

func markOf(table, action string) string { return "injected_" + table + "_" + strings.ToLower(action) }

func difference(before, after string) string {
	was := map[string]bool{}
	for _, line := range strings.Split(before, "\n") {
		was[line] = true
	}
	var out []string
	for _, line := range strings.Split(after, "\n") {
		if !was[line] {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}
