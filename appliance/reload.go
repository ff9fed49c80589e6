package appliance

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"coterie/internal/syslog"
	"coterie/modes"
)

// restart is the reload that is scheduled.
type restart struct {
	mu    sync.Mutex
	plan  *modes.ScheduledReload
	timer *time.Timer // of the reload, or of the next warning before it
	ended bool
}

func (r *restart) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	stopTimer(r.timer)
}

// warnings are how long before a reload the terminals are told.
var warnings = []time.Duration{time.Hour, 30 * time.Minute, 5 * time.Minute, time.Minute}

// errNoReload is returned by a device that nobody can start again.
var errNoReload = errors.New("% This device cannot be reloaded from here")

// clockTime is a time of day as messages about a reload write it.
const clockTime = "15:04:05 UTC Mon Jan 2 2006"

// ScheduleReload reloads at a time, in place of what was scheduled.
func (a *Appliance) ScheduleReload(p modes.ScheduledReload) error {
	if a.cfg.Reload == nil {
		return errNoReload
	}
	r := &a.life.reload
	r.mu.Lock()
	stopTimer(r.timer)
	r.plan = &p
	left := r.wait(a)
	r.mu.Unlock()
	a.shutdownIn(left)
	a.log.add(syslog.ScheduledReload.With(p.At.UTC().Format(clockTime), a.Now().UTC().Format(clockTime), p.User, p.Reason))
	return nil
}

// wait sets the timer to the next warning or to the reload itself, and returns
// what is left until that. It runs under the lock.
func (r *restart) wait(a *Appliance) time.Duration {
	left, pause := r.plan.At.Sub(a.Now()), r.plan.At.Sub(a.Now())
	for _, w := range warnings {
		if left > w {
			pause = left - w
			break
		}
	}
	plan := r.plan
	r.timer = a.cfg.Clock.AfterFunc(max(pause, 0), func() { r.due(a, plan) })
	return left
}

// due warns, or reloads.
func (r *restart) due(a *Appliance, plan *modes.ScheduledReload) {
	r.mu.Lock()
	if r.plan != plan || r.ended {
		r.mu.Unlock()
		return
	}
	left := plan.At.Sub(a.Now()).Round(time.Second)
	if left > 0 {
		r.wait(a)
	} else {
		r.plan = nil
	}
	r.mu.Unlock()
	a.shutdownIn(left)
	if left <= 0 {
		a.reload(plan.User, plan.Reason)
	}
}

// shutdownIn tells the terminals how long the device goes on.
func (a *Appliance) shutdownIn(left time.Duration) {
	left = left.Round(time.Second)
	text := "NOW"
	if left > 0 {
		text = fmt.Sprintf("in %d:%02d:%02d", left/time.Hour, left%time.Hour/time.Minute, left%time.Minute/time.Second)
	}
	a.broadcast("", "", "***", "*** --- SHUTDOWN "+text+" ---", "***", "")
}

// CancelReload forgets the scheduled reload; false when there is none.
func (a *Appliance) CancelReload() bool {
	r := &a.life.reload
	r.mu.Lock()
	had := r.plan != nil
	stopTimer(r.timer)
	r.plan = nil
	r.mu.Unlock()
	if had {
		a.broadcast("", "", "***", "*** --- SHUTDOWN ABORTED ---", "***", "")
		a.log.add(syslog.ReloadCancelled.With(a.Now().UTC().Format(clockTime)))
	}
	return had
}

// ReloadScheduled is the reload that is scheduled.
func (a *Appliance) ReloadScheduled() (modes.ScheduledReload, bool) {
	r := &a.life.reload
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plan == nil {
		return modes.ScheduledReload{}, false
	}
	return *r.plan, true
}

// Reload restarts the device, if what runs it can.
func (a *Appliance) Reload(context.Context) error {
	if a.cfg.Reload == nil {
		return errNoReload
	}
	a.reload("console", "Reload Command")
	return nil
}

func (a *Appliance) reload(user, reason string) {
	a.log.add(syslog.Reload.With(user, reason))
	a.cfg.Reload()
}
