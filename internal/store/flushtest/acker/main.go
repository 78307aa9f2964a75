// Command acker writes rows through the store and says so: the smallest program
// whose acknowledgements the flush test watches.
//
// usage: acker FOLDER N WRITERS
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/fanward/fanward/internal/store"
)

var qPut = store.Load("acker", "-- name: put\nINSERT INTO settings (name, value) VALUES (?, '')").Get("put")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: acker FOLDER N WRITERS")
	}
	n, err1 := strconv.Atoi(args[1])
	writers, err2 := strconv.Atoi(args[2])
	if err1 != nil || err2 != nil {
		return fmt.Errorf("N and WRITERS are numbers")
	}
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Dir: args[0]})
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	failed := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				name := fmt.Sprintf("marker-%06d;", i)
				if err := db.Write(ctx, func(tx *store.Tx) error { _, err := tx.Exec(qPut, name); return err }); err != nil {
					failed <- err
					return
				}
				if _, err := os.Stdout.WriteString("ack " + name + "\n"); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return err
	}
	return db.Close()
}
