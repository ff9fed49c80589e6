package appliance

import (
	"os"
	"runtime/debug"
)

// What a process that runs one device lets its heap grow to. Ten thousand
// members whose phase 1 is still there are some 30 MB of small things that live
// for an hour, and looking at them whenever as much has been allocated costs a
// tenth of the processor: memory is cheaper, as long as there is not much of it.
const (
	// CollectorPercent is the growth between collections, as GOGC counts.
	CollectorPercent = 400
	// CollectorLimit, in octets as GOMEMLIMIT counts, is where growth ends and
	// collections come as often as they must.
	CollectorLimit = 1 << 30
)

// TuneCollector applies them, unless GOGC or GOMEMLIMIT say what the operator
// wants.
func TuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(CollectorPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(CollectorLimit)
	}
}
