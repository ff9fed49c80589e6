package grammar

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
	// More is set when the line opens a block (banner, certificate). The next
	// lines of the source belong to it, up to and with the first for which
	// Closes holds: join all by newlines and parse again.
	More   bool
	Closes func(line string) bool
}

// Error is the text after the caret line, as IOS prints it.
func (e *SyntaxError) Error() string {
	switch e.Kind {
	case Incomplete:
		return "% Incomplete command."
	case Ambiguous:
		return "% Ambiguous command:  \"" + e.Line + "\""
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
