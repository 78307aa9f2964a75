package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// growing are the tables that hold ever more rows.
var growing = []string{
	"attachments", "changes", "consents", "conversations", "customers", "deliveries", "delivery_attempts", "delivery_contents",
	"enrollment_steps", "enrollments", "events", "identities", "inbound", "jobs", "membership_changes", "memberships", "messages",
	"read_cursors", "segment_wakeups", "stage_changes", "tasks", "visitor_sessions",
}

// whole are the statements that go through a whole table, and why they may.
var whole = map[string]string{
	"allowance/granted":        "when the sandbox's clock is put back",
	"cmd-fanward/anything":     "one row of each is enough",
	"customers/count-by-name":  "the counts of all names, remembered for a while",
	"customers/who-said":       "once, after an upgrade",
	"feed/prune":               "the oldest of them, so many at a time",
	"inbox/open-beside":        "as a parent of others, only while a check is put off",
	"journeys/delete-versions": "when a journey is deleted, for each of its versions",
	"journeys/tallies":         "the counts of all journeys",
	"segments/count-everybody": "the size of a build",
	"segments/count-up-to":     "how far a build is",
}

var scanned = regexp.MustCompile(`^SCAN (\w+)( USING (COVERING )?INDEX (\w+))?$`)

// No statement reads a whole table that grows: on SQLite an index of part of a
// table is used only where the statement repeats its condition word for word, and
// what then takes a millisecond with a test's ten rows takes a second with a
// year's. An index that holds only part of the rows, such as what is queued, may
// be gone through.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	partial := map[string]bool{}
	rows, err := db.SQL().Query("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		partial[name] = true
	}
	if err := rows.Err(); err != nil || len(partial) < 5 {
		t.Fatalf("%d indexes of parts, %v", len(partial), err)
	}
	used := map[string]bool{}
	for _, q := range store.All() {
		text := q.Text(store.SQLite)
		rows, err := db.SQL().Query("EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
		if err != nil {
			t.Errorf("%s: %v", q.Name(), err)
			continue
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			m := scanned.FindStringSubmatch(step)
			if m == nil || partial[m[4]] || !slices.Contains(growing, tableOf(text, m[1])) {
				continue
			}
			used[q.Name()] = true
			if whole[q.Name()] == "" {
				t.Errorf("%s: %s", q.Name(), step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Errorf("%s: %v", q.Name(), err)
		}
	}
	for name := range whole {
		if !used[name] {
			t.Errorf("%s reads no whole table any more", name)
		}
	}
}

// tableOf is the table behind a name that a statement gives it.
func tableOf(text, name string) string {
	m := regexp.MustCompile(`(?i)\b(?:FROM|JOIN|UPDATE|,)\s+(\w+)\s+(?:AS\s+)?` + name + `\b`).FindStringSubmatch(text)
	if m == nil || strings.EqualFold(m[1], "from") {
		return name
	}
	return m[1]
}

// beside are statements that ask of each of their rows whether another one waits
// before it. PostgreSQL may make a join of that, and as its statistics mostly see an
// empty queue it goes through all that waits for each row that waits: a backlog
// of five thousand took ten seconds to claim sixteen of.
var beside = []string{"intake/claim", "outbox/claim", "segments/due"}

func TestQueuesAreAskedByTheirIndex(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	conn, err := db.SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	run := func(sql string) (lines []string) {
		t.Helper()
		rows, err := conn.QueryContext(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	run("SET plan_cache_mode = force_generic_plan")
	found := 0
	for _, q := range store.All() {
		if !slices.Contains(beside, q.Name()) {
			continue
		}
		found++
		text := q.Text(store.Postgres)
		run("PREPARE beside AS " + text)
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", strings.Count(q.Text(store.SQLite), "?")), ", ")
		plan := strings.Join(run("EXPLAIN EXECUTE beside ("+nulls+")"), "\n")
		if strings.Contains(plan, "Anti Join") || !strings.Contains(plan, "SubPlan") {
			t.Errorf("%s:\n%s", q.Name(), plan)
		}
		run("DEALLOCATE beside")
	}
	if found != len(beside) {
		t.Errorf("%d of %d statements are there", found, len(beside))
	}
}
