package grammar

import "fmt"

// What the engine gives, implemented beside the types it works on:
//
//	func (m *Mode) Parse(line string, level int) (Match, error)         // match.go; error is *SyntaxError
//	func (m *Mode) Help(line string, level int, root any) (Help, error) // help.go
//	func (m *Mode) Complete(line string, level int, root any) (rest string, ok bool)
//	func Unparse(n Node, a Args) (string, bool)                         // unparse.go
//	func Print(w io.Writer, m *Mode, target any, all bool) error        // print.go: indentation, "!" separators
//	func NewStack(global *Mode) *Stack                                  // stack.go: walk-up, prompts, apply
//	func Load(global *Mode, root any, text string) []LineError          // load.go: indentation first, then walk-up
//
//	// bind.go: bindings by field name. A struct value takes each Arg from the
//	// field of the same name; a scalar value from the Arg named "". The zero
//	// value is "not configured".
//	func Leaf[C, V any](field func(*C) *V, opts ...LeafOption) Binding
//	func Multi[C, V any](list func(*C) *[]V, keys ...string) Binding    // a list of values, one line each
//	func Object[C, S any](list func(*C) *[]*S, keys ...string) Opener   // a keyed sub-mode; `no` deletes the object
//	func Sub[C, S any](field func(*C) **S) Opener                       // a sub-mode without a key (server local)
//
//	// types.go: Int(lo, hi) Type (int), Uint32(lo, hi) Type (uint32), IPv4() (netip.Addr), Word() (string),
//	// Rest() (LINE, string), Mask() and Wildcard() (netip.Addr), OneOf ... as needed

// Match is a parsed line.
type Match struct {
	Command *Command
	Args    Args
	No      bool // typed with `no`
	Default bool // typed with `default`
}

// SyntaxKind is why a line was not accepted.
type SyntaxKind uint8

// Kinds of SyntaxError.
const (
	Invalid    SyntaxKind = iota // % Invalid input detected at '^' marker.
	Incomplete                   // % Incomplete command.
	Ambiguous                    // % Ambiguous command:  "..."
	Unknown                      // % Unrecognized command (of `?`)
)

// SyntaxError says why and where. Progress is how many tokens were consumed.
type SyntaxError struct {
	Kind     SyntaxKind
	Line     string
	Offset   int // octet of Line that the caret marks
	Progress int
}

// Error is the text after the caret line, as IOS prints it.
func (e *SyntaxError) Error() string {
	switch e.Kind {
	case Incomplete:
		return "% Incomplete command."
	case Ambiguous:
		return fmt.Sprintf("%% Ambiguous command:  %q", e.Line)
	case Unknown:
		return "% Unrecognized command"
	}
	return "% Invalid input detected at '^' marker."
}

// Help is the answer to `?`. Words is set for `fo?` (matching words only),
// Entries for `foo ?`.
type Help struct {
	Words   []string
	Entries []HelpEntry
	CR      bool // the line is complete as it stands
}

// HelpEntry is one row of `?`.
type HelpEntry struct{ Word, Help string }

// LineError is a line of a file that was not accepted; the rest was applied.
type LineError struct {
	Number int // from 1
	Text   string
	Err    error
}
