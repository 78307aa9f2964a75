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
	set, reset := h.injection(table, action, n)
	h.runAll(set)
	return func() { h.runAll(reset) }
}

// injection is the SQL that sets a refusal up and takes it back.
func (h *House) injection(table, action string, n int) (set, reset []string) {
	name := markOf(table, action)
	set = []string{fmt.Sprintf("DELETE FROM settings WHERE name = '%s'", name), fmt.Sprintf("INSERT INTO settings (name, value) VALUES ('%s', '')", name)}
	if h.DB.Engine() == store.SQLite {
		// A failed statement undoes what its triggers wrote, and so does the
		// savepoint around the closure: the marks count this attempt alone.
		set = append(set, fmt.Sprintf(`CREATE TRIGGER %s BEFORE %s ON %s BEGIN
  SELECT RAISE(ABORT, 'injected') WHERE (SELECT length(value) FROM settings WHERE name = '%s') >= %d;
  UPDATE settings SET value = value || 'x' WHERE name = '%s';
END`, name, action, table, name, n, name))
		return set, []string{"DROP TRIGGER " + name}
	}
	set = append(set, fmt.Sprintf(`CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT length(value) FROM settings WHERE name = '%s') >= %d THEN RAISE EXCEPTION 'injected'; END IF;
  UPDATE settings SET value = value || 'x' WHERE name = '%s';
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$`, name, name, n, name),
		fmt.Sprintf("CREATE TRIGGER %s BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION %s()", name, action, table, name))
	return set, []string{fmt.Sprintf("DROP TRIGGER %s ON %s", name, table), "DROP FUNCTION " + name}
}

// runAll runs statements in one transaction.
func (h *House) runAll(statements []string) {
	h.T.Helper()
	h.must(h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
		for _, sql := range statements {
			var b store.Builder
			q, _ := b.Add(sql).Query()
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}))
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
	var set, reset []string
	for _, table := range tables {
		for _, action := range []string{"INSERT", "UPDATE", "DELETE"} {
			on, off := h.injection(table, action, math.MaxInt32)
			set, reset = append(set, on...), append(reset, off...)
		}
	}
	h.runAll(set)
	h.must(do())
	counts := map[write]int{}
	for _, table := range tables {
		for _, action := range []string{"INSERT", "UPDATE", "DELETE"} {
			if n := h.Number("SELECT length(value) FROM settings WHERE name = ?", markOf(table, action)); n > 0 {
				counts[write{table, action}] = int(n)
			}
		}
	}
	h.runAll(reset)
	if h.DB.Engine() == store.Postgres { // these are written beside transactions, see Dump
		delete(counts, write{"counters", "INSERT"})
		delete(counts, write{"counters", "UPDATE"})
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
