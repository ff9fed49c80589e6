package modes

import (
	"context"
	"fmt"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// Defaults of a line.
const (
	usualHistory = 20
	asTerminal   = -1 // whatever the terminal says
)

// terminals declares the settings of the session's terminal beyond the usual.
func (x *execCommands) terminals() {
	terminal := grammar.Kw("terminal", "Set terminal line parameters")
	no := grammar.Kw("no", "Negate a command or set its defaults")
	def := grammar.Kw("default", "Set a command to its defaults")
	length := grammar.Kw("length", "Set number of lines on a screen")
	width := grammar.Kw("width", "Set width of the display terminal")
	monitor := grammar.Kw("monitor", "Copy debug output to the current terminal line")
	history := grammar.Kw("history", "Enable and control the command history function")
	size := grammar.Kw("size", "Set history buffer size")
	set := func(f func(s grammar.Session), words ...grammar.Node) {
		x.run(userLevel, append(grammar.Seq{terminal}, words...), func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			f(t.Session())
			return nil
		})
	}
	set(func(s grammar.Session) { s.SetHistorySize(usualHistory) }, history)
	set(func(s grammar.Session) { s.SetHistorySize(0) }, no, history)
	set(func(s grammar.Session) { s.SetHistorySize(usualHistory) }, no, history, size)
	set(func(s grammar.Session) { s.SetHistorySize(usualHistory) }, def, history, grammar.Opt{Node: size})
	set(func(s grammar.Session) { s.SetLength(0) }, no, length)
	set(func(s grammar.Session) { s.SetLength(asTerminal) }, def, length)
	set(func(s grammar.Session) { s.SetWidth(0) }, no, width)
	set(func(s grammar.Session) { s.SetWidth(asTerminal) }, def, width)
	set(func(s grammar.Session) { s.SetMonitor(false) }, def, monitor)
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("terminal", "Display terminal configuration parameters")}, x.showTerminal)
}

// TerminalSettings is what `show terminal` prints.
type TerminalSettings struct {
	Line          int
	Length, Width int
	Monitor       bool
	HistorySize   int
}

func (x *execCommands) showTerminal(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
	s := t.Session()
	data := TerminalSettings{Length: s.Length(), Width: s.Width(), Monitor: s.Monitor(), HistorySize: usualHistory}
	if h, ok := s.(interface{ HistorySize() int }); ok {
		data.HistorySize = h.HistorySize()
	}
	for _, l := range x.view.Sessions() {
		if l.Line == s.Line() {
			data.Line = l.Number
		}
	}
	d := show.Doc{Data: data}
	d.Line("Line %d, Location: \"\", Type: \"\"", data.Line)
	d.Line("Length: %d lines, Width: %d columns", data.Length, data.Width)
	d.Line("Status: PSI Enabled, Ready, Active, Automore On")
	d.Line("Capabilities: none")
	d.Line("Special Chars: Escape  Hold  Stop  Start  Disconnect  Activation")
	d.Line("                ^^x    none   -     -       none         ")
	d.Line("Editing is enabled.")
	if data.HistorySize > 0 {
		d.Line("History is enabled, history size is %d.", data.HistorySize)
	} else {
		d.Line("History is disabled.")
	}
	if data.Monitor {
		d.Line("Terminal monitor is on.")
	}
	return emit(t, &d)
}

// showHistory leaves out passwords that were typed in a line.
func showHistory(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
	lines := []string{}
	for _, line := range t.Session().History() {
		lines = append(lines, Redact(line))
	}
	d := show.Doc{Data: struct{ Commands []string }{lines}}
	for _, line := range lines {
		d.Line("  %s", line)
	}
	return emit(t, &d)
}

func showPrivilege(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
	d := show.Doc{Data: struct{ Level int }{t.Session().Level()}}
	d.Line("Current privilege level is %d", t.Session().Level())
	return emit(t, &d)
}

// errUnknownHost is the answer to a name that nothing stands for.
var errUnknownHost = fmt.Errorf("%% Unrecognized host or address, or protocol not running.")
