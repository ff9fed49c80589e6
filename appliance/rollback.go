package appliance

import (
	"context"
	"sync"
	"time"

	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// rollback is a change of configuration that goes back unless somebody
// confirms it in time.
type rollback struct {
	mu      sync.Mutex
	pending *pending
	ended   bool
}

type pending struct {
	modes.Rollback
	tree           *runningconfig.Config
	timer, warning *time.Timer
}

func (p *pending) stop() {
	stopTimer(p.timer)
	stopTimer(p.warning)
}

func (r *rollback) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.pending != nil {
		r.pending.stop()
	}
}

// take ends what is pending and gives it; nil when nothing is.
func (r *rollback) take() *pending {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pending
	if r.pending = nil; p != nil {
		p.stop()
	}
	return p
}

// arm starts the time of p anew. It runs under the lock.
func (r *rollback) arm(a *Appliance, p *pending) {
	if p.stop(); r.ended {
		return
	}
	all := time.Duration(p.Minutes) * time.Minute
	p.Since = a.Now()
	p.timer = a.cfg.Clock.AfterFunc(all, func() { r.fire(a, p) })
	p.warning = nil
	if all > time.Minute {
		p.warning = a.cfg.Clock.AfterFunc(all-time.Minute, func() { r.warn(a, p) })
	}
}

// touch starts the time of an idle timer anew.
func (r *rollback) touch(a *Appliance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.pending; p != nil && p.Idle {
		r.arm(a, p)
	}
}

func (r *rollback) warn(a *Appliance, p *pending) {
	r.mu.Lock()
	due := r.pending == p && !r.ended
	user, to, idle := p.User, p.To, p.Idle
	r.mu.Unlock()
	switch {
	case !due:
	case idle:
		a.log.add(syslog.RollbackIdleNotice.With(user, to))
	default:
		a.log.add(syslog.RollbackWarning.With(to))
	}
}

// fire goes back because nobody confirmed.
func (r *rollback) fire(a *Appliance, p *pending) {
	r.mu.Lock()
	due := r.pending == p && !r.ended
	// An idle timer that was started anew while this one went off has it wait.
	if due && a.Now().Sub(p.Since) < time.Duration(p.Minutes)*time.Minute-time.Second {
		due = false
	}
	if due {
		r.pending = nil
	}
	r.mu.Unlock()
	if due {
		a.goBack(context.Background(), p)
	}
}

func (a *Appliance) goBack(ctx context.Context, p *pending) (modes.Difference, error) {
	p.stop()
	a.log.add(syslog.RollbackStart.With(p.To))
	return a.swap(ctx, p.tree.Clone())
}

// BeginRollback saves the running configuration in the archive and starts the
// time. One that is pending already goes on to the same configuration, with
// the new time.
func (a *Appliance) BeginRollback(want modes.Rollback) (modes.File, error) {
	r := &a.life.rollback
	tree := a.Config()
	f, err := a.ArchiveConfig()
	if err != nil {
		return f, err
	}
	a.log.add(syslog.RollbackBackup.With(f))
	r.mu.Lock()
	if old := r.pending; old != nil {
		old.stop()
		tree, f = old.tree, old.To
	}
	p := &pending{Rollback: want, tree: tree}
	p.To, r.pending = f, p
	r.arm(a, p)
	r.mu.Unlock()
	a.sayRollback(want, f)
	return f, nil
}

func (a *Appliance) sayRollback(r modes.Rollback, to modes.File) {
	event := syslog.RollbackTimer
	if r.Idle {
		event = syslog.RollbackIdle
	}
	a.log.add(event.With(r.User, r.Level, to, r.Minutes))
}

// ChangeRollback gives what is pending another time.
func (a *Appliance) ChangeRollback(want modes.Rollback) error {
	r := &a.life.rollback
	r.mu.Lock()
	p := r.pending
	if p == nil {
		r.mu.Unlock()
		return modes.ErrNoRollback
	}
	to := p.To
	want.To = to
	p.Rollback = want
	r.arm(a, p)
	r.mu.Unlock()
	a.sayRollback(want, to)
	return nil
}

// ConfirmRollback keeps the running configuration.
func (a *Appliance) ConfirmRollback(user string) error {
	if a.life.rollback.take() == nil {
		return modes.ErrNoRollback
	}
	if user != "" {
		a.log.add(syslog.RollbackConfirmed.With(user))
	}
	return nil
}

// RollbackNow goes back at once.
func (a *Appliance) RollbackNow(ctx context.Context) (modes.File, modes.Difference, error) {
	p := a.life.rollback.take()
	if p == nil {
		return modes.File{}, modes.Difference{}, modes.ErrNoRollback
	}
	d, err := a.goBack(ctx, p)
	return p.To, d, err
}

// PendingRollback is what is pending.
func (a *Appliance) PendingRollback() (modes.Rollback, bool) {
	r := &a.life.rollback
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending == nil {
		return modes.Rollback{}, false
	}
	return r.pending.Rollback, true
}
