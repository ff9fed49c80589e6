package appliance

import (
	"os"
	"runtime/debug"
)

// CollectorPercent is how much a process that runs one device lets its heap
// grow between collections, as GOGC counts. Ten thousand members whose phase 1
// is still there are some 30 MB of small things that live for an hour, and
// looking at them whenever as much has been allocated costs a tenth of the
// processor. With much more the heap grows over memory that the kernel has yet
// to hand out, which costs as much.
const CollectorPercent = 200

// TuneCollector applies it, unless GOGC says what the operator wants.
func TuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(CollectorPercent)
	}
}
