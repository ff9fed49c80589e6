package grammar

import (
	"context"
	"io"
	"sync/atomic"
)

// A Command is one line of one mode.
type Command struct {
	Syntax Node
	// Level is the privilege it takes: 0, 1 (user) or 15. Zero in a
	// configuration mode means 15.
	Level  int
	Hidden bool // works, and `?` does not show it
	// Bind is set for a configuration line, Run for an action. A line with
	// both binds first and then runs.
	Bind Binding
	Run  func(ctx context.Context, t Terminal, a Args) error
	// Before is asked before a line typed at a terminal binds, `no` and
	// `default` included: a dialog. False, or an error, leaves everything as it
	// is. Files are loaded without asking.
	Before func(ctx context.Context, t Terminal, m Match) (bool, error)
	// Enter is the mode that the line opens; Bind then is an Opener.
	Enter *Mode
	// Immediate lines are reconciled as soon as they are accepted.
	Immediate bool
	// NoEffect is set for a line that is only kept; it is said once.
	NoEffect bool
	// Switch marks a command whose `no` is a value of its own and is printed.
	Switch bool
	// Sample gives lines for the law tests where they cannot be made from the
	// syntax alone (a WORD that must be an interface, say).
	Sample []string
	// Bang says where `!` lines stand in the printed configuration.
	Bang     Bang
	prepared atomic.Pointer[sheet] // for printing
}

// Bang places the `!` lines around what a command prints at the outermost
// level. Two never follow each other.
type Bang uint8

// Places of `!`. Zero is BangEach.
const (
	BangEach   Bang = 1 << iota // after each block of a sub-mode
	BangBefore                  // before the first line of the command
	BangAfter                   // after its last line
	BangNone                    // nowhere: blocks follow one another
)

// Mode is a command mode. Commands are printed by un-parse in order.
type Mode struct {
	Name   string // "config", "config-if"
	Parent *Mode  // nil for exec and for global configuration
	// Prompt is what stands between the host name and '#': "(config-if)". It
	// sees the tree and the open frames, of which its own is the last.
	Prompt   func(root any, path []Frame) string
	Commands []*Command
	// ExitHelp is the help of `exit`: "Exit from interface configuration mode".
	ExitHelp string
	engine   engine // compiled on first use
}

// Add appends commands. It must not run while the mode is in use.
func (m *Mode) Add(cs ...*Command) { m.Commands = append(m.Commands, cs...) }

// A Frame is one open mode of a session: the line that entered it. It holds
// names, not pointers, so that a replaced tree does no harm.
type Frame struct {
	Mode    *Mode
	Command *Command // that entered it; nil for global configuration
	Args    Args
}

// A Binding ties a configuration line to the tree. target is the object of the
// mode the line stands in (the root, in global configuration).
//
// Laws, tested for every command: Set of each of Lines changes nothing; after
// Unset with a line's Args, Lines no longer has it; Set leaves the tree as it
// was when it returns an error.
type Binding interface {
	// Set makes the line so.
	Set(target any, a Args) error
	// Unset is `no`: a may lack everything that does not identify the line.
	Unset(target any, a Args) error
	// Lines gives what prints the present value; all includes defaults.
	Lines(target any, all bool) []Line
}

// Resetter is a Binding whose `default` differs from its `no`.
type Resetter interface {
	Default(target any, a Args) error
}

// Opener is the Binding of a line that enters a mode: Open finds the object
// that Set made or found.
type Opener interface {
	Binding
	Open(target any, a Args) (sub any, ok bool)
}

// Line is one line of un-parsed configuration.
type Line struct {
	No   bool
	Args Args
	Sub  any // target of the mode it enters, printed below it
}

// Terminal is what a running command sees of the session that typed it. Its
// Writer is the command's output, behind pipe and pager.
type Terminal interface {
	io.Writer
	// Ask prints prompt and takes the next line of the same source. It returns
	// ctx's error when interrupted and io.EOF when the source has ended.
	Ask(ctx context.Context, prompt string) (string, error)
	// AskSecret is Ask without echo and history.
	AskSecret(ctx context.Context, prompt string) (string, error)
	// Collect takes lines as typed, without grammar or history, until done
	// says that the given line is the last.
	Collect(ctx context.Context, done func(line string) bool) ([]string, error)
	Session() Session
}

// Session is what a command may do to the session that typed it.
type Session interface {
	Level() int
	SetLevel(int)  // enable, disable
	Configure()    // configure terminal
	Quit()         // exit, logout
	SetLength(int) // rows of the pager, 0 = none
	SetWidth(int)  // columns
	Length() int
	Width() int
	SetMonitor(bool) // terminal monitor
	Monitor() bool
	History() []string
	SetHistorySize(int)
	Line() string // "console", "vty 0"
	User() string // "" on an open console
}
