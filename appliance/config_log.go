package appliance

import (
	"slices"
	"strings"
	"sync"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// configLog is the log of configuration lines: `archive log config`.
type configLog struct {
	mu       sync.Mutex
	most     int // lines kept; 0: off
	lines    []modes.LoggedCommand
	index    int
	sessions int            // stays in configuration mode so far
	open     map[string]int // stay of a line that is there now
}

// limit is `logging enable` and `logging size`.
func (l *configLog) limit(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = n
	l.trim()
}

func (l *configLog) trim() {
	if n := len(l.lines) - l.most; n > 0 {
		l.lines = slices.Delete(l.lines, 0, n)
	}
}

// left ends the stay of a line in configuration mode.
func (l *configLog) left(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, line)
}

// add logs one line; false while the log is off.
func (l *configLog) add(c modes.LoggedCommand) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most == 0 {
		return false
	}
	if l.open == nil {
		l.open = make(map[string]int)
	}
	if l.open[c.Line] == 0 {
		l.sessions++
		l.open[c.Line] = l.sessions
	}
	l.index++
	c.Index, c.Session = l.index, l.open[c.Line]
	l.lines = append(l.lines, c)
	l.trim()
	return true
}

// ConfigLog is the log, oldest first.
func (a *Appliance) ConfigLog() []modes.LoggedCommand {
	l := &a.life.log
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// Typed is told of every line that a session typed in configuration mode and
// that was accepted, with the number of modes around it.
func (a *Appliance) Typed(s *cli.Session, m grammar.Match, depth int) {
	a.life.rollback.touch(a)
	var most int
	var notify bool
	a.store.View(func(c *runningconfig.Config) { // a snapshot per line would be slow
		if most = c.Archive.Lines(); most > 0 {
			notify = c.Archive.Log.Notify
		}
	})
	if most == 0 {
		return
	}
	a.life.log.limit(most) // before the reconcile that the line itself leads to
	entry := modes.LoggedCommand{User: s.User(), Line: strings.ReplaceAll(s.Line(), " ", ""), Depth: depth, Text: commandText(m)}
	if entry.User == "" {
		if entry.User = "unknown user"; entry.Line == consoleLine {
			entry.User = "console"
		}
	}
	if a.life.log.add(entry) && notify {
		a.log.add(syslog.ConfigLogged.With(entry.User, entry.Text))
	}
}

// commandText is a line as it prints, without any secret.
func commandText(m grammar.Match) string {
	text, ok := grammar.LineText(m.Command, grammar.Line{No: m.No, Args: m.Args})
	if !ok {
		text = grammar.Syntax(m.Command.Syntax)
	}
	text, _, _ = strings.Cut(text, "\n") // of a block the first line tells what it is
	if m.Default {
		text = "default " + text
	}
	return strings.ReplaceAll(modes.Redact(text), "<hidden>", "*****") // as hidekeys shows it
}
