//go:build !unix

package modes

import (
	"runtime/metrics"
	"time"
)

// used is what the Go runtime knows of the program's use of processors.
func used() usage {
	s := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}}
	metrics.Read(s)
	return usage{at: time.Now(), user: time.Duration(s[0].Value.Float64() * float64(time.Second))}
}
