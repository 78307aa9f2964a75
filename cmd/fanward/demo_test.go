package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/cmd/fanward/demo"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
)

// played makes a small year and opens what it left.
func played(t *testing.T, language string, more ...string) *sql.DB {
	t.Helper()
	dir := installation(t)
	t.Setenv("FANWARD_HTTP_ADDR", "127.0.0.1:8080")
	args := append([]string{"demo", "--people", "100", "--until", "2026-11-22T10:00:00Z", "--language", language}, more...)
	if out, errs, err := run(args...); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "fanward.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// column is what a query of one text column answers, sorted.
func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// What every page of the console shows has rows behind it, and none of them lies
// outside the year.
func TestDemoFillsEveryPage(t *testing.T) {
	told := map[string]string{}
	languages := []string{locale.Chinese} // the commands in the documents make one in each
	if os.Getenv("FANWARD_SOAK") != "" {
		languages = locale.Languages
	}
	for _, language := range languages {
		t.Run(language, func(t *testing.T) {
			db := played(t, language)
			told[language] = tale(t, db)
			for query, want := range map[string]string{
				"SELECT DISTINCT status FROM conversations":                                                                              "open resolved snoozed",
				"SELECT DISTINCT channel FROM conversations":                                                                             "email webchat wechat",
				"SELECT DISTINCT kind FROM messages":                                                                                     "activity note text",
				"SELECT DISTINCT state FROM tasks":                                                                                       "done open",
				"SELECT DISTINCT state FROM journeys":                                                                                    "draft live",
				"SELECT DISTINCT state FROM segments":                                                                                    "ready",
				"SELECT DISTINCT locale FROM customers WHERE locale <> ''":                                                               language,
				"SELECT DISTINCT state FROM consents WHERE state = 'granted'":                                                            "granted",
				"SELECT 'made' FROM merges WHERE kind = 'manual' AND undone_at = 0 LIMIT 1":                                              "made",
				"SELECT 'undone' FROM merges WHERE kind = 'manual' AND undone_at > 0 LIMIT 1":                                            "undone",
				"SELECT 'proof' FROM contradictions LIMIT 1":                                                                             "proof",
				"SELECT 'draft' FROM drafts LIMIT 1":                                                                                     "draft",
				"SELECT 'long' FROM conversations WHERE last_seq > 25 LIMIT 1":                                                           "long",
				"SELECT 'file' FROM attachments WHERE message_id > 0 LIMIT 1":                                                            "file",
				"SELECT 'owner' FROM conversations c JOIN teammates t ON t.id = c.assignee_id WHERE t.role = 'owner' LIMIT 1":            "owner",
				"SELECT 'refused' FROM tracking_calls WHERE status = 'refused' LIMIT 1":                                                  "refused",
				"SELECT 'waits' FROM deliveries WHERE state NOT IN ('sent', 'delivered', 'read', 'failed', 'unknown', 'queued') LIMIT 1": "",
				"SELECT 'orphan' FROM segment_wakeups WHERE at <= 0 LIMIT 1":                                                             "",
			} {
				if got := strings.Join(column(t, db, query), " "); got != want {
					t.Errorf("%s: %q instead of %q", query, got, want)
				}
			}
			until := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
			for _, place := range []string{"events.at", "messages.created_at", "enrollments.started_at", "customers.created_at", "stage_changes.at"} {
				table, instant, _ := strings.Cut(place, ".")
				within := fmt.Sprintf("SELECT count(*) FROM %s WHERE %s < %d OR %s > %d", table, instant, until.Add(-demo.Year).UnixMilli(), instant, until.UnixMilli())
				if got := column(t, db, within); got[0] != "0" {
					t.Errorf("%s: %s rows outside the year", place, got[0])
				}
			}
		})
	}
	if os.Getenv("FANWARD_SOAK") != "" && tale(t, played(t, locale.English)) != told[locale.English] {
		t.Error("the same seed and instant have made another year")
	}
}

// tale is who was there and what was said.
func tale(t *testing.T, db *sql.DB) string {
	t.Helper()
	return strings.Join(append(column(t, db, "SELECT name || stage || created_at FROM customers"),
		column(t, db, "SELECT seq || body || created_at FROM messages WHERE kind <> 'activity'")...), "\n")
}

// A database that holds anything is left as it is.
func TestDemoNeedsAnEmptyDatabase(t *testing.T) {
	installation(t)
	t.Setenv("FANWARD_HTTP_ADDR", "127.0.0.1:8080")
	if _, _, err := run("writekey", "create", "--kind", "server"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run("demo"); fault.CodeOf(err) != "demo_needs_empty" {
		t.Errorf("%v", err)
	}
	t.Setenv("FANWARD_PUBLIC_URL", "https://hub.example")
	if _, _, err := run("demo"); fault.CodeOf(err) != "demo_needs_sandbox" {
		t.Errorf("%v", err)
	}
}
