package appliance

import (
	"context"
	"strings"
	"time"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// The Device behind a session.
var _ cli.Device = (*Appliance)(nil)

// idleReconcile is how long after the last line an edit takes effect by itself.
const idleReconcile = 100 * time.Millisecond

// Exec is the exec grammar.
func (a *Appliance) Exec() *grammar.Mode { return a.exec }

// Configuration is global configuration mode.
func (a *Appliance) Configuration() *grammar.Mode { return a.config }

// Edit runs f on the live tree.
func (a *Appliance) Edit(f func(root any) error) error {
	err := a.store.Edit(func(c *runningconfig.Config) error { return f(c) })
	if err == nil {
		a.dirty.Store(true)
	}
	return err
}

// View runs f on the live tree for reading.
func (a *Appliance) View(f func(root any)) {
	a.store.View(func(c *runningconfig.Config) { f(c) })
}

// Accepted is told of every accepted configuration line.
func (a *Appliance) Accepted(ctx context.Context, m grammar.Match) {
	if text, ok := a.without(m); ok {
		a.withoutEffect(text)
	}
	a.mu.Lock()
	a.editing = true
	if a.idle == nil {
		a.idle = a.cfg.Clock.AfterFunc(idleReconcile, func() { a.reconcile(context.Background()) })
	} else {
		a.idle.Reset(a.cfg.Clock.Wall(idleReconcile))
	}
	a.mu.Unlock()
	if m.Command != nil && m.Command.Immediate {
		a.reconcile(ctx)
	}
}

// without gives the text of a line that has no effect here, the first time
// that its command is used.
func (a *Appliance) without(m grammar.Match) (text string, ok bool) {
	if m.Command == nil || !m.Command.NoEffect {
		return "", false
	}
	if text, ok = grammar.Unparse(m.Command.Syntax, m.Args); !ok {
		return "", false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept[m.Command] {
		return "", false
	}
	a.kept[m.Command] = true
	if m.No {
		text = "no " + text
	}
	return "'" + modes.Redact(text) + "'", true
}

// withoutEffect says that lines are only kept, in one message.
func (a *Appliance) withoutEffect(lines ...string) {
	switch len(lines) {
	case 0:
	case 1:
		a.log.add(syslog.NoEffect.With(lines[0]+" is", "has"))
	default:
		a.log.add(syslog.NoEffect.With(strings.Join(lines, ", ")+" are", "have"))
	}
}

// LeftConfiguration reconciles and logs who configured from where.
func (a *Appliance) LeftConfiguration(ctx context.Context, s *cli.Session) {
	a.life.leftConfiguration(s.Line())
	a.log.add(syslog.ConfigI.With("console", configurer(s)))
	a.reconcile(ctx)
	a.mu.Lock()
	held := a.held
	a.held, a.editing = nil, false
	a.mu.Unlock()
	for _, m := range held {
		a.log.add(m)
	}
}

// BeforeExec makes pending edits effective.
func (a *Appliance) BeforeExec(ctx context.Context) { a.reconcile(ctx) }

// Opened and Closed keep the list of sessions that log lines go to.
func (a *Appliance) Opened(s *cli.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[s] = struct{}{}
}

// Closed forgets a session.
func (a *Appliance) Closed(s *cli.Session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sessions, s)
}

// watchData logs what the data plane reports, until it closes.
func (a *Appliance) watchData() {
	for e := range a.cfg.Dataplane.Events() {
		a.dataEvent(e)
	}
}
