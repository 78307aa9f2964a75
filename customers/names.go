package customers

import (
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
)

// MaxNewNames is how many events of a name that nobody has said before a browser
// key may bring in a day (UTC): its key is public, and names are kept for ever.
const MaxNewNames = 1000

// admit leaves out the calls of a browser key whose names are new and too many.
func (k *keeper) admit(group []int) (taken []int, err error) {
	if k.key.Kind != BrowserKey {
		return group, nil
	}
	may := map[string]bool{"": true}
	for _, i := range group {
		c := k.calls[i]
		if _, asked := may[c.Event]; !asked {
			if may[c.Event], err = k.roomFor(c.Event); err != nil {
				return nil, err
			}
		}
		if may[c.Event] {
			taken = append(taken, i)
			continue
		}
		k.out[i] = outcome{status: CallRefused, reasons: append(slices.Clone(c.Reasons), fault.Field{Field: "event", Code: "event_names_full", Params: fault.Params{"max": MaxNewNames}})}
	}
	return taken, nil
}

// roomFor tells whether an event's name is known or may still be added.
func (k *keeper) roomFor(name string) (bool, error) {
	if _, ours := k.s.names[name]; ours {
		return true, nil
	}
	if _, known := k.s.numbers.of(name); known {
		return true, nil
	}
	var id int64
	err := k.tx.QueryRow(qEventName, name).Scan(&id)
	if !isNoRows(err) {
		k.names[name] = id
		return err == nil, err
	}
	n, err := k.tx.Exec(qNewName, k.key.ID, clock.Millis(k.now)/int64(day/time.Millisecond), MaxNewNames)
	return n > 0, err
}

var qNewName = queries.Get("count-new-name")

// number is that of an event's name.
func (k *keeper) number(name string) (int64, error) {
	if id, there := k.names[name]; there {
		return id, nil
	}
	id, known := k.s.numbers.of(name)
	if !known {
		var err error
		if id, err = k.s.internTx(k.tx, name); err != nil {
			return 0, err
		}
	}
	k.names[name] = id
	return id, nil
}
