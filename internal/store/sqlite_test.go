package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// openDir opens the SQLite database of a folder.
func openDir(t testing.TB, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(background, store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(background); err != nil {
		t.Fatal(err)
	}
	return db
}

// onEngine runs a statement that no domain has: schema, pragmas.
func onEngine(db *store.DB, text string) error {
	if db.Engine() == store.Postgres {
		_, err := db.SQL().Exec(text)
		return err
	}
	return store.OnWriter(db, func(c *sql.Conn) error {
		_, err := c.ExecContext(background, text)
		return err
	})
}

func TestWriterIsReadBack(t *testing.T) {
	dir := t.TempDir()
	db := openDir(t, dir)
	check := func(when string) {
		t.Helper()
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
			var got string
			err := store.OnWriter(db, func(c *sql.Conn) error { return c.QueryRowContext(background, "PRAGMA "+pragma).Scan(&got) })
			if err != nil || got != want {
				t.Errorf("%s: %s is %q (%v)", when, pragma, got, err)
			}
		}
	}
	check("at first")
	loseBetween(t, db)
	write(t, db, put("a"))
	check("after a reconnect")
}

func loseBetween(t testing.TB, db *store.DB) {
	t.Helper()
	if err := store.OnWriter(db, func(*sql.Conn) error { store.LoseWriter(db); return nil }); err != nil {
		t.Fatal(err)
	}
}

// A connection with less than full durability is refused, whoever asked for it.
func TestWeakWriterIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weak.db")
	if err := store.TrustWriter(background, store.WriterDSN(path)); err != nil {
		t.Fatalf("the writer's own DSN: %v", err)
	}
	for _, pragma := range []string{"synchronous(OFF)", "synchronous(NORMAL)", "foreign_keys(0)", "journal_mode(DELETE)", "journal_mode(MEMORY)"} {
		name, _, _ := strings.Cut(pragma, "(")
		strong := regexp.MustCompile("_pragma=" + name + "%28[A-Z0-9]+%29")
		weak := strong.ReplaceAllLiteralString(store.WriterDSN(path), "_pragma="+url.QueryEscape(pragma))
		err := store.TrustWriter(background, weak)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("with %s: %v", pragma, err)
		}
	}
	for _, value := range []string{"full", "1", "", "FULL);PRAGMA foreign_keys(0"} {
		restore := store.SetSynchronous(value)
		if err := store.TrustWriter(background, store.WriterDSN(path)); err == nil {
			t.Errorf("synchronous set to %q at link time was accepted", value)
		}
		restore()
	}
}

// The name of the data folder cannot change how the database is opened.
func TestFolderNamesAreOnlyNames(t *testing.T) {
	for _, name := range []string{"a?_pragma=synchronous(OFF)", "b#c", "d%41", "e&_txlock=x", "f g", "粉丝"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			db := openDir(t, dir)
			write(t, db, put("a"))
			if _, err := os.Stat(filepath.Join(dir, store.FileName)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReadersCannotWrite(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	if _, err := db.Reader(background).Exec(qPut, "a", "a"); err == nil {
		t.Error("a reader wrote")
	}
	if present(t, db, "a") {
		t.Error("a reader's row is stored")
	}
}

// The disk is full: the write is refused with its own code, nothing stored is
// harmed, reading goes on, and so does writing when there is room again.
func TestStorageFull(t *testing.T) {
	t.Run("pages", func(t *testing.T) {
		db := testkit.Open(t, store.SQLite)
		var pages int
		if err := db.SQL().QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
			t.Fatal(err)
		}
		storageFull(t, db,
			func() error { return onEngine(db, fmt.Sprintf("PRAGMA max_page_count(%d)", pages+40)) },
			func() error { return onEngine(db, "PRAGMA max_page_count(1000000)") })
	})
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
			testkit.Missing(t, "mounting a small file system needs root: "+err.Error())
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
		db := openDir(t, dir)
		ballast := filepath.Join(dir, "ballast")
		storageFull(t, db,
			func() error { _ = os.WriteFile(ballast, make([]byte, 4<<20), 0o600); return nil },
			func() error { return os.Remove(ballast) })
	})
}

func storageFull(t *testing.T, db *store.DB, fill, empty func() error) {
	t.Helper()
	write(t, db, put("before"))
	if err := fill(); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 8000)
	stored := map[string]bool{"before": true}
	var full error
	for i := 0; full == nil && i < 1000; i++ {
		name := fmt.Sprint("big", i)
		full = db.Write(background, func(tx *store.Tx) error {
			_, err := tx.Exec(qPut, name, big)
			return err
		})
		if full == nil {
			stored[name] = true
		}
	}
	if fault.CodeOf(full) != "storage_full" || fault.KindOf(full) != fault.Unavailable {
		t.Fatalf("a full disk gives %v", full)
	}
	if got := names(t, db.Reader(background)); len(got) != len(stored) {
		t.Errorf("%d rows are stored and %d were acknowledged", len(got), len(stored))
	}
	if err := empty(); err != nil {
		t.Fatal(err)
	}
	write(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec(qPut, "after", big)
		return err
	})
	var verdict string
	if err := db.SQL().QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %q, %v", verdict, err)
	}
}

// One member that does not fit does not take the others down.
func TestStorageFullHitsOnlyWhoeverDoesNotFit(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	var pages int
	if err := db.SQL().QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if err := onEngine(db, fmt.Sprintf("PRAGMA max_page_count(%d)", pages+4)); err != nil {
		t.Fatal(err)
	}
	out := together(t, db, put("a"), func(tx *store.Tx) error {
		_, err := tx.Exec(qPut, "huge", strings.Repeat("x", 1<<20))
		return err
	}, put("b"))
	if out[0] != nil || fault.CodeOf(out[1]) != "storage_full" || out[2] != nil {
		t.Errorf("outcomes %v", out)
	}
	if got := names(t, db.Reader(background)); !got["a"] || !got["b"] || len(got) != 2 {
		t.Errorf("stored %v", got)
	}
}

const lockHelper = "FANWARD_TEST_HOLD_LOCK"

// TestMain lets this program also be the other process that holds a folder.
func TestMain(m *testing.M) {
	if dir := os.Getenv(lockHelper); dir != "" {
		if _, err := store.Lock(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	os.Exit(m.Run())
}

func TestLockKeepsOtherProcessesOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), lockHelper+"="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := store.Lock(dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a held folder was locked again: %v", err)
	}
	_ = other.Process.Kill()
	_ = other.Wait()
	release, err := store.Lock(dir)
	if err != nil {
		t.Fatalf("the folder of a killed process: %v", err)
	}
	if _, err := store.Lock(dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("the same process locked twice: %v", err)
	}
	release()
	if again, err := store.Lock(dir); err != nil {
		t.Error(err)
	} else {
		again()
	}
}

// Under readers that never pause the log is still begun anew, and no write
// fails for it.
func TestLogStaysShort(t *testing.T) {
	dir := t.TempDir()
	db := openDir(t, dir)
	ctx, stop := context.WithCancel(background)
	var wg sync.WaitGroup
	var failed atomic.Value
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				rows, err := db.Reader(background).Query(qNames)
				if _, err = store.Collect(rows, err, func(r store.Row) (s string, err error) { return s, r.Scan(&s) }); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := db.Write(background, func(tx *store.Tx) error {
					name := fmt.Sprintf("%d-%d", w, i%50)
					n, err := tx.Exec(qChange, strings.Repeat("x", 3000), name)
					if n == 0 && err == nil {
						return put(name)(tx)
					}
					return err
				}); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	restarted := 0
	for start := time.Now(); restarted < 3 && time.Since(start) < 60*time.Second; {
		ok, err := store.Checkpoint(db, filepath.Join(dir, store.FileName), 256<<10)
		if err != nil {
			t.Error(err)
		}
		if ok {
			restarted++
		}
	}
	stop()
	wg.Wait()
	if err := failed.Load(); err != nil {
		t.Error(err)
	}
	if restarted < 3 {
		t.Errorf("the log was begun anew %d times", restarted)
	}
}

// A reader that stays keeps the log, but holds no write up for longer than the
// writer may wait; when it goes, the log is begun anew.
func TestLongReaderDoesNotStopWrites(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, store.FileName)
	db := openDir(t, dir)
	write(t, db, put("first"))
	err := db.Snapshot(background, func(q store.Querier) error {
		if got := names(t, q); len(got) != 1 {
			t.Errorf("%v", got)
		}
		for i := range 50 {
			write(t, db, put(fmt.Sprint(i)))
		}
		start := time.Now()
		restarted, err := store.Checkpoint(db, path, 1)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the writer stood still for %v", took)
		}
		if err != nil || restarted {
			t.Errorf("restarted below a reader: %v, %v", restarted, err)
		}
		write(t, db, put("meanwhile"))
		if got := names(t, q); len(got) != 1 {
			t.Errorf("the snapshot moved: %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The database's own checkpointer may be at work at this very moment.
	testkit.Eventually(t, 20*time.Second, "the log is begun anew without a reader", func() bool {
		restarted, err := store.Checkpoint(db, path, 1)
		if err != nil {
			t.Fatal(err)
		}
		return restarted
	})
	write(t, db, put("last"))
	if frames, err := store.LogFrames(path); err != nil || frames > 10 {
		t.Errorf("%d frames after the reader has gone, %v", frames, err)
	}
}

// A clean end leaves one file: the log has been moved into it.
func TestCloseLeavesNoLog(t *testing.T) {
	dir := t.TempDir()
	db := openDir(t, dir)
	write(t, db, put("a"))
	if !present(t, db, "a") {
		t.Fatal("missing")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(filepath.Join(dir, store.FileName+suffix)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", suffix, err)
		}
	}
}
