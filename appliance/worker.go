package appliance

import (
	"runtime"
	"time"

	"coterie/internal/env"
)

// maxQueued is how many jobs wait for a worker; isakmp has no more under way.
const maxQueued = 1024

// compute runs a job outside the control goroutine and brings its result back.
// The workers stay: a Diffie-Hellman on a fresh stack spends a good part of its
// time growing it.
func (c *control) compute(j env.Job, back func(time.Time, env.JobDone)) {
	do := func() {
		result := j.Do()
		c.post(func(now time.Time) { back(now, env.JobDone{ID: j.ID, Result: result}) })
	}
	select {
	case c.jobs <- do:
	default:
		c.work.Go(do)
		return
	}
	if c.workers < runtime.GOMAXPROCS(0) {
		c.workers++
		c.work.Go(c.worker)
	}
}

// worker takes jobs until the device is closed.
func (c *control) worker() {
	for {
		select {
		case do := <-c.jobs:
			do()
		case <-c.done:
			return
		}
	}
}
