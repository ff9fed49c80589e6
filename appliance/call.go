package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"coterie/cli"
	"coterie/cli/term"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// The Shell behind the console socket and SSH.
var _ cli.Shell = (*Appliance)(nil)

// calls are the lines in use.
type calls struct {
	mu     sync.Mutex
	byLine map[string]*call // by name: "console", "vty 3"
}

// call is one caller on one line.
type call struct {
	a      *Appliance
	line   string
	kind   string
	number int // of its kind
	caller cli.Caller

	mu      sync.Mutex
	session *cli.Session // nil until the login on the line is over
	timer   *time.Timer  // exec-timeout
	hungUp  bool
	asking  bool      // a command waits for an answer of the caller
	asked   time.Time // since then
}

// Refusals of a caller.
var (
	errVTYsBusy    = errors.New("% All vty lines are busy; try again later")
	errConsoleBusy = errors.New("% The console is in use: 'clear line console 0' from another line frees it")
)

// answer gives a caller a line.
func (a *Appliance) answer(caller cli.Caller) (*call, lineSettings, error) {
	kind, free := "con", []int{0}
	var set lineSettings
	a.calls.mu.Lock()
	defer a.calls.mu.Unlock()
	a.store.View(func(c *runningconfig.Config) {
		if !caller.Console {
			kind, free = "vty", vtys(c, "ssh")
		}
		free = slices.DeleteFunc(free, func(n int) bool { return a.calls.byLine[lineName(kind, n)] != nil })
		if len(free) > 0 {
			set = settings(c, kind, free[0])
		}
	})
	if len(free) == 0 {
		if caller.Console {
			return nil, set, errConsoleBusy
		}
		return nil, set, errVTYsBusy
	}
	k := &call{a: a, kind: kind, number: free[0], line: lineName(kind, free[0]), caller: caller}
	if a.calls.byLine == nil {
		a.calls.byLine = make(map[string]*call)
	}
	a.calls.byLine[k.line] = k
	return k, set, nil
}

// over frees the line.
func (k *call) over() {
	k.mu.Lock()
	k.hungUp = true
	if k.timer != nil {
		k.timer.Stop()
	}
	s := k.session
	k.mu.Unlock()
	if s != nil {
		s.Close()
	}
	k.a.calls.mu.Lock()
	defer k.a.calls.mu.Unlock()
	delete(k.a.calls.byLine, k.line)
}

// Serve gives a caller a line and runs a session on it.
func (a *Appliance) Serve(ctx context.Context, caller cli.Caller, r term.LineReader) {
	k, set, err := a.answer(caller)
	if err != nil {
		fmt.Fprintln(r, err)
		return
	}
	defer k.over()
	k.watch()
	login := caller.Login
	k.greet(r, "motd")
	if caller.Console {
		if a.firstBoot(ctx, r); ctx.Err() != nil {
			return
		}
		if set.asks() {
			k.greet(r, "login")
		}
		if login, err = a.consoleLogin(ctx, set, caller.Login, r); err != nil {
			return
		}
	}
	k.greet(r, "exec")
	s := k.open(login, set, r)
	for {
		err := s.Run(ctx)
		switch {
		case caller.Console && errors.Is(err, cli.ErrEscape):
			return
		case errors.Is(err, cli.ErrEscape), errors.Is(err, cli.ErrInterrupted):
			// There is nothing behind this session to go back to.
		default:
			return
		}
	}
}

// Command gives a caller a line for one command.
func (a *Appliance) Command(ctx context.Context, caller cli.Caller, line string, input cli.LineSource, out io.Writer) error {
	k, set, err := a.answer(caller)
	if err != nil {
		fmt.Fprintln(out, err)
		return err
	}
	defer k.over()
	s := k.open(caller.Login, set, nil)
	k.watch()
	if input != nil {
		input = answers{k, input}
	}
	err = s.Execute(ctx, line, out, input)
	if errors.Is(err, cli.ErrQuit) {
		return nil
	}
	return err
}

// answers are the lines of a caller for the dialogs of a command. To wait for
// one is to wait for the user.
type answers struct {
	k     *call
	lines cli.LineSource
}

// NextLine takes the next line.
func (a answers) NextLine() (string, bool) {
	a.k.ask(true)
	defer a.k.ask(false)
	return a.lines.NextLine()
}

func (k *call) ask(asking bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asking, k.asked = asking, time.Now()
}

// open begins the session of a caller who has logged in.
func (k *call) open(login cli.Login, set lineSettings, r term.LineReader) *cli.Session {
	level := login.Level
	if level == 1 && set.Privilege > 1 {
		level = set.Privilege
	}
	s := cli.New(cli.Config{Device: k.a, Reader: r, Line: k.line, User: login.User, Level: level, From: k.caller.From})
	s.SetLevel(level) // 0 is a level too
	if set.Length >= 0 {
		s.SetLength(set.Length)
	}
	if set.Width >= 0 {
		s.SetWidth(set.Width)
	}
	if set.History >= 0 {
		s.SetHistorySize(set.History)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session = s
	return s
}

// hangup ends the call from this side.
func (k *call) hangup() {
	k.mu.Lock()
	k.hungUp = true
	k.mu.Unlock()
	k.caller.Hangup()
}

// idle is how long the line has waited for its user; ok is false while a
// command runs.
func (k *call) idle(now time.Time) (d time.Duration, ok bool) {
	k.mu.Lock()
	s, asking, asked := k.session, k.asking, k.asked
	k.mu.Unlock()
	since := k.caller.LastInput()
	ok = true
	if s != nil && !asking {
		asked, ok = s.Waiting()
	}
	if asked.After(since) {
		since = asked
	}
	return max(now.Sub(since), 0), ok
}

// watchInterval bounds how late a line notices that its exec-timeout counts
// from now on.
const watchInterval = time.Minute

// watch enforces exec-timeout, as the configuration has it at that moment.
func (k *call) watch() {
	var limit time.Duration
	k.a.store.View(func(c *runningconfig.Config) { limit = settings(c, k.kind, k.number).Timeout })
	next := watchInterval
	if limit > 0 {
		idle, waiting := k.idle(time.Now())
		if waiting && idle >= limit {
			k.a.log.add(syslog.TTYExpireTimer.With(lineNumber(k.line), cmp.Or(k.from(), "0.0.0.0"), k.user()))
			k.hangup()
			return
		}
		if waiting {
			next = min(limit-idle, watchInterval)
		} else {
			next = min(limit, watchInterval)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.hungUp:
	case k.timer == nil:
		k.timer = time.AfterFunc(next, k.watch)
	default:
		k.timer.Reset(next)
	}
}

// from is the caller's address, "" on the console.
func (k *call) from() string {
	if !k.caller.From.IsValid() {
		return ""
	}
	return k.caller.From.String()
}

func (k *call) user() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.session == nil {
		return k.caller.Login.User
	}
	return k.session.User()
}

// watchLines has every line look at its exec-timeout again.
func (a *Appliance) watchLines() {
	for _, k := range a.inUse() {
		k.watch()
	}
}

// inUse lists the calls by number of their line.
func (a *Appliance) inUse() []*call {
	a.calls.mu.Lock()
	defer a.calls.mu.Unlock()
	var out []*call
	for _, k := range a.calls.byLine {
		out = append(out, k)
	}
	slices.SortFunc(out, func(x, y *call) int { return cmp.Compare(lineNumber(x.line), lineNumber(y.line)) })
	return out
}

// Sessions lists the lines in use, console first.
func (a *Appliance) Sessions() (out []modes.SessionInfo) {
	listed := make(map[*cli.Session]bool)
	now := time.Now()
	for _, k := range a.inUse() {
		k.mu.Lock()
		listed[k.session] = true
		k.mu.Unlock()
		idle, waiting := k.idle(now)
		if !waiting {
			idle = 0
		}
		out = append(out, modes.SessionInfo{Line: k.line, Number: lineNumber(k.line), User: k.user(), From: k.from(), Idle: idle})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for s := range a.sessions { // of a lab, which has no calls
		if !listed[s] {
			out = append(out, modes.SessionInfo{Line: s.Line(), Number: lineNumber(s.Line()), User: s.User()})
		}
	}
	slices.SortFunc(out, func(x, y modes.SessionInfo) int {
		return cmp.Or(cmp.Compare(x.Number, y.Number), cmp.Compare(x.User, y.User))
	})
	return out
}

// ClearLine hangs up the line of that name ("console", "vty 3").
func (a *Appliance) ClearLine(_ context.Context, name string) error {
	a.calls.mu.Lock()
	k := a.calls.byLine[name]
	a.calls.mu.Unlock()
	if k != nil {
		k.hangup()
	}
	return nil // a line without a caller is clear
}

// configurer names who configured, as %SYS-5-CONFIG_I does: console, admin on
// console, vty0 (10.0.0.1), admin on vty0 (10.0.0.1).
func configurer(s *cli.Session) string {
	line := strings.ReplaceAll(s.Line(), " ", "")
	if s.From().IsValid() {
		line += " (" + s.From().String() + ")"
	}
	if s.User() != "" {
		return s.User() + " on " + line
	}
	return line
}
