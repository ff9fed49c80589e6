package env

import (
	"context"
	"time"
)

// A Clock tells the time of one lab or one appliance. Its zero value is the
// wall clock. Timers, lifetimes and log stamps of everything that shares a
// Clock scale together, so that speed is set in one place only.
type Clock struct {
	origin time.Time
	speed  float64
}

// NewClock returns a clock that starts at the present and runs speed times as
// fast as the wall clock; speed must be positive.
func NewClock(speed float64) *Clock {
	if speed <= 0 {
		panic("env: clock speed must be positive")
	}
	return &Clock{origin: time.Now(), speed: speed}
}

func (c *Clock) scaled() bool { return c != nil && c.speed != 0 && c.speed != 1 }

// Now is the clock's present time.
func (c *Clock) Now() time.Time {
	now := time.Now()
	if !c.scaled() {
		return now
	}
	return c.origin.Add(time.Duration(float64(now.Sub(c.origin)) * c.speed))
}

// Wall converts a span of this clock into the wall time it takes.
func (c *Clock) Wall(d time.Duration) time.Duration {
	if !c.scaled() {
		return d
	}
	return time.Duration(float64(d) / c.speed)
}

// NewTimer returns a timer that fires when d of this clock has passed.
func (c *Clock) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(c.Wall(d)) }

// AfterFunc calls f on its own goroutine when d of this clock has passed.
func (c *Clock) AfterFunc(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(c.Wall(d), f)
}

// Sleep waits for d of this clock or until ctx ends, whose error it returns.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	t := c.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
