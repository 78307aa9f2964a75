package main

import (
	"context"
	"fmt"

	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
)

// otherKey refuses a start with a key that is not the one under which the
// database's secrets were sealed: going on would lose them one by one.
type otherKey struct{ have, want string }

func (e otherKey) Error() string {
	return fmt.Sprintf("the secret key %s is not the one this database was sealed with (%s)", e.have, e.want)
}

// rememberKey notes at the first start which key seals this database's
// secrets, and refuses any other later.
func rememberKey(ctx context.Context, db *store.DB, keys *seal.Keys) error {
	return db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(qNoteKey, keys.ID()); err != nil {
			return err
		}
		var want string
		if err := tx.QueryRow(qReadKey).Scan(&want); err != nil {
			return err
		}
		if want != keys.ID() {
			return otherKey{have: keys.ID(), want: want}
		}
		return nil
	})
}
