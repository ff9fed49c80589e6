package appliance

import (
	"time"

	"coterie/gdoi/keyserver"
)

// State is what a key server must not lose in a crash: reserved numbers, keys,
// pseudotime, members. Its methods are called by one goroutine at a time.
type State interface {
	// Load returns every record, and how much time has passed since the latest
	// was written, also while the host was off; 0 when that cannot be told. An
	// error says that the store was damaged or is not there yet: it has been
	// replaced by an empty one, and no number of before may be used again.
	Load() (records []keyserver.Record, elapsed time.Duration, err error)
	// Write stores records together. When it returns nil they survive a crash
	// of the host. An error leaves those of before.
	Write(records []keyserver.Record) error
	Close() error
}
