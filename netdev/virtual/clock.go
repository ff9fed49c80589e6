package virtual

import (
	"time"

	"coterie/internal/env"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// clock runs netstack's timers (ARP, reassembly, rate limits) on lab time.
type clock struct {
	*env.Clock
	start time.Time
}

func newClock(c *env.Clock) *clock { return &clock{c, c.Now()} }

func (c *clock) NowMonotonic() tcpip.MonotonicTime {
	return tcpip.MonotonicTime{}.Add(max(c.Now().Sub(c.start), 0))
}

func (c *clock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	return &timer{c.Clock.AfterFunc(d, f), c.Clock}
}

type timer struct {
	*time.Timer
	clock *env.Clock
}

func (t *timer) Reset(d time.Duration) { t.Timer.Reset(t.clock.Wall(d)) }
