package appliance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// The Lifecycle of the configuration, and the log of its lines.
var (
	_ modes.Lifecycle = (*Appliance)(nil)
	_ cli.Recorder    = (*Appliance)(nil)
)

// lifecycle is what a device remembers of its configuration over time. Its
// timers run on the device's clock and end with it.
type lifecycle struct {
	archive  archiver
	log      configLog
	rollback rollback
	reload   restart

	mu     sync.Mutex
	saved  *runningconfig.Config // as booted or saved last
	lock   string                // line that has configuration mode to itself
	locker string                // its user
}

// close stops every timer.
func (l *lifecycle) close() {
	l.archive.stop()
	l.rollback.stop()
	l.reload.stop()
}

// keep remembers the running configuration as saved.
func (a *Appliance) keepSaved() {
	c := a.Config()
	a.life.mu.Lock()
	a.life.saved = c
	a.life.mu.Unlock()
}

// Modified tells whether the running configuration differs from what was
// booted or saved last.
func (a *Appliance) Modified() bool {
	a.life.mu.Lock()
	saved := a.life.saved
	a.life.mu.Unlock()
	now := a.Config()
	if saved == now {
		return false
	}
	if saved == nil {
		saved = new(runningconfig.Config)
	}
	d, err := modes.Compare(saved, now)
	return err != nil || len(d.Changes) > 0
}

// errUnchanged leaves a tree alone that is what it should become.
var errUnchanged = errors.New("unchanged")

// Replace makes the configuration that text says, in one step, and brings the
// engines there: what did not change is not touched. A text with a line that
// is not accepted, or without any line, changes nothing.
func (a *Appliance) Replace(ctx context.Context, text string) (modes.Difference, []grammar.LineError, error) {
	target := new(runningconfig.Config)
	var lines []string
	accepted := 0
	a.loading.Add(1)
	refused := grammar.Load(a.config, target, text, grammar.Accepted(func(_ int, m grammar.Match) {
		accepted++
		if line, ok := a.without(m); ok {
			lines = append(lines, line)
		}
	}))
	a.loading.Add(-1)
	if len(refused) > 0 || accepted == 0 {
		var err error
		if len(refused) == 0 {
			err = errors.New("%The input file is not a valid config file; the running configuration has not been changed")
		}
		return modes.Difference{}, refused, err
	}
	a.withoutEffect(lines...)
	d, err := a.swap(ctx, target)
	return d, nil, err
}

// swap makes target the running configuration; the store owns it then.
func (a *Appliance) swap(ctx context.Context, target *runningconfig.Config) (d modes.Difference, err error) {
	err = a.store.Edit(func(root *runningconfig.Config) error {
		target.KeepNumbers(root)
		var err error
		if d, err = modes.Compare(root, target); err != nil {
			return err
		}
		if len(d.Changes) == 0 {
			return errUnchanged
		}
		*root = *target
		return nil
	})
	switch {
	case errors.Is(err, errUnchanged):
		err = nil
	case err == nil:
		a.dirty.Store(true)
		a.reconcile(ctx)
	}
	if err == nil {
		a.log.add(syslog.ConfigReplaced.With())
	}
	return d, err
}

// EnterConfiguration lets a line into configuration mode, unless another has
// locked it.
func (a *Appliance) EnterConfiguration(line, user string, lock bool) error {
	lock = lock || a.Config().Exclusive == "auto"
	l := &a.life
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lock != "" && l.lock != line {
		return fmt.Errorf("Configuration mode is locked by process '%d' user '%s' from terminal '%d'. Please try later.",
			lockProcess, l.locker, lineNumber(l.lock))
	}
	if lock {
		if l.lock, l.locker = line, user; user == "" {
			l.locker = "unknown"
		}
	}
	return nil
}

// lockProcess stands for the process of the session in the message about a
// lock; there are no processes here.
const lockProcess = 3

// leftConfiguration gives back what a session held in configuration mode.
func (l *lifecycle) leftConfiguration(line string) {
	l.log.left(line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lock == line {
		l.lock, l.locker = "", ""
	}
}

// mostBadLines bounds what a boot logs of lines that are not accepted.
const mostBadLines = 20

// badLines logs where a configuration was not accepted. Their text may hold a
// secret, so it is not said.
func (a *Appliance) badLines(file string, errs []grammar.LineError) {
	for i, e := range errs {
		if i == mostBadLines {
			a.log.add(syslog.BadLines.With(file, len(errs)-i))
			return
		}
		why := strings.TrimSuffix(strings.TrimPrefix(e.Err.Error(), "% "), ".")
		var syntax *grammar.SyntaxError
		if errors.As(e.Err, &syntax) {
			switch syntax.Kind {
			case grammar.Ambiguous:
				why = "ambiguous command"
			case grammar.Incomplete:
				why = "incomplete command"
			default:
				why = fmt.Sprintf("invalid input in column %d", syntax.Offset+1)
			}
		}
		a.log.add(syslog.BadLine.With(file, e.Number, why))
	}
}

// broadcast shows lines on every terminal.
func (a *Appliance) broadcast(lines ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.sessions {
		for _, line := range lines {
			s.Log(line)
		}
	}
}

// stopTimer stops a timer that may be nil.
func stopTimer(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}
