//go:build unix

package modes

import (
	"syscall"
	"time"
)

// used asks the operating system what the program has used so far.
func used() usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return usage{at: time.Now()}
	}
	return usage{
		at: time.Now(), user: time.Duration(r.Utime.Nano()), system: time.Duration(r.Stime.Nano()),
		switches: int64(r.Nvcsw) + int64(r.Nivcsw),
	}
}
