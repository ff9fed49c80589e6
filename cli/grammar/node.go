package grammar

// A Node is a piece of syntax. Nodes are values: shared prefixes are Go
// variables.
type Node interface{ isNode() }

// Keyword is a literal word. With a Name it also puts Value under that name
// into the Args when it is matched, so that
//
//	Kw("unicast", "Unicast transport").Sets("Unicast", true)
//
// is a flag and an Alt of such keywords is an enumeration.
type Keyword struct {
	Text, Help string
	Name       string
	Value      any
	// Printed is what un-parse writes instead of Text: `encr` for encryption.
	Printed string
	// Hidden words work and `?` does not show them; as a prefix they give way
	// to any visible keyword.
	Hidden bool
}

// Kw makes a keyword; help starts with a capital and has at most 60 characters.
func Kw(text, help string) Keyword { return Keyword{Text: text, Help: help} }

// Sets returns the keyword with a value.
func (k Keyword) Sets(name string, value any) Keyword { k.Name, k.Value = name, value; return k }

// Prints returns the keyword with another printed form, an unambiguous prefix
// of Text.
func (k Keyword) Prints(text string) Keyword { k.Printed = text; return k }

// Hide returns the keyword hidden from `?` and Tab.
func (k Keyword) Hide() Keyword { k.Hidden = true; return k }

// Token is a typed argument; its value goes under Name into the Args. The
// empty name is the whole value of a scalar binding.
type Token struct {
	Name, Help string
	Type       Type
	// Complete names existing values for Tab and `?` (group names, ACLs): it
	// gets the root of the tree.
	Complete func(root any) []string
}

// Arg makes a token.
func Arg(name string, t Type, help string) Token { return Token{Name: name, Help: help, Type: t} }

// From returns the token with completion.
func (t Token) From(f func(root any) []string) Token { t.Complete = f; return t }

// Type reads and prints one kind of argument.
type Type interface {
	// Placeholder is what `?` shows: WORD, A.B.C.D, <1-10>.
	Placeholder() string
	// Parse reads a value from the front of tokens (never empty) and says how
	// many it used, 1 or 2 (`Ethernet 0/0`). A use beyond the end of tokens
	// says that more must follow, which makes the line incomplete. A type of
	// RankLine is given one element: the rest of the line as typed, inner
	// blanks included; using 2 of it says that the value goes on in the next
	// line of the source (SyntaxError.More; see Closer).
	Parse(tokens []string) (v any, used int, ok bool)
	// Format prints v so that Parse reads it back.
	Format(v any) string
	// Rank orders kinds of value: RankTyped before RankWord before RankLine.
	Rank() int
}

// Ranks of a Type.
const (
	RankLine = iota + 1
	RankWord
	RankTyped
)

// Seq is one node after another.
type Seq []Node

// Alt is exactly one of its nodes. Un-parse takes the first whose names all
// have values and that leaves no given value of the Alt unprinted.
type Alt []Node

// Opt is a node or nothing. Un-parse prints it when any of its names has a value.
type Opt struct{ Node Node }

// Rep is its node one to Max times (0: any number); the values under its
// names become []any.
type Rep struct {
	Node Node
	Max  int
}

// AnyOrder is each of its nodes at most once, in any order; un-parse prints
// them in the order given. One command has room for 64 such nodes.
type AnyOrder []Node

// Only is accepted and never printed: an old or foreign spelling. As a branch
// of an Alt it is another way to write the line; elsewhere it may be left out.
type Only struct{ Node Node }

// OptionalUnderNo is a node that may be left out after `no` and `default`.
// Everything behind the last Key of a Leaf is so without being told.
type OptionalUnderNo struct{ Node Node }

func (Keyword) isNode()         {}
func (Token) isNode()           {}
func (Seq) isNode()             {}
func (Alt) isNode()             {}
func (Opt) isNode()             {}
func (Rep) isNode()             {}
func (AnyOrder) isNode()        {}
func (Only) isNode()            {}
func (OptionalUnderNo) isNode() {}

// Args are the values of a parsed line by name; an absent name was not given.
type Args map[string]any

// Has tells whether a name was given.
func (a Args) Has(name string) bool { _, ok := a[name]; return ok }

// String gives a text, "" when it is none or was not given.
func (a Args) String(name string) string { s, _ := a[name].(string); return s }

// Int gives a number, 0 when it is none or was not given.
func (a Args) Int(name string) int { n, _ := a[name].(int); return n }

// Bool gives a flag, false when it is none or was not given.
func (a Args) Bool(name string) bool { b, _ := a[name].(bool); return b }
