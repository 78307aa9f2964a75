package inbox

import "time"

// AwaitNumbers lets transactions wait for their numbers however busy the machine is.
func (b *Inbox) AwaitNumbers() { b.numbers.patience = time.Hour }
