package grammar

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Lister is a Type whose `?` shows other rows than its placeholder: the types
// of interface, for instance. typed holds the complete words of the value that
// stand before the cursor, none or one.
type Lister interface {
	List(typed []string) []HelpEntry
}

// Sampler is a Type that names values for the law tests, as text.
type Sampler interface {
	Samples() []string
}

// Closer is a Type of RankLine whose value may go on over several lines.
type Closer interface {
	// Closes tells whether line is the last of the value that begins with text.
	Closes(text, line string) bool
}

// Int is a decimal number from lo to hi; its value is an int.
func Int(lo, hi int) Type { return intType{lo, hi} }

type intType struct{ lo, hi int }

func (t intType) Placeholder() string { return fmt.Sprintf("<%d-%d>", t.lo, t.hi) }
func (t intType) Rank() int           { return RankTyped }
func (t intType) Format(v any) string { return formatInteger(v) }
func (t intType) Samples() []string   { return ends(strconv.Itoa(t.lo), strconv.Itoa(t.hi)) }
func (t intType) Parse(tokens []string) (any, int, bool) {
	s := tokens[0]
	if s[0] == '+' || len(s) > 20 {
		return nil, 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < t.lo || n > t.hi {
		return nil, 0, false
	}
	return n, 1, true
}

// Uint32 is a decimal number from lo to hi; its value is a uint32.
func Uint32(lo, hi uint32) Type { return uint32Type{lo, hi} }

type uint32Type struct{ lo, hi uint32 }

func (t uint32Type) Placeholder() string { return fmt.Sprintf("<%d-%d>", t.lo, t.hi) }
func (t uint32Type) Rank() int           { return RankTyped }
func (t uint32Type) Format(v any) string { return formatInteger(v) }
func (t uint32Type) Samples() []string {
	return ends(strconv.FormatUint(uint64(t.lo), 10), strconv.FormatUint(uint64(t.hi), 10))
}
func (t uint32Type) Parse(tokens []string) (any, int, bool) {
	if len(tokens[0]) > 20 {
		return nil, 0, false
	}
	n, err := strconv.ParseUint(tokens[0], 10, 32)
	if err != nil || cmp.Compare(uint32(n), t.lo) < 0 || uint32(n) > t.hi {
		return nil, 0, false
	}
	return uint32(n), 1, true
}

func ends(lo, hi string) []string {
	if lo == hi {
		return []string{lo}
	}
	return []string{lo, hi}
}

// formatInteger prints any kind of integer, "" for anything else.
func formatInteger(v any) string {
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return strconv.FormatInt(r.Int(), 10)
	case r.CanUint():
		return strconv.FormatUint(r.Uint(), 10)
	}
	return ""
}

// IPv4 is an address in dotted decimal; its value is a netip.Addr.
func IPv4() Type { return addrType{samples: []string{"192.168.1.1", "10.0.0.254"}} }

// Mask is a contiguous network mask; its value is a netip.Addr.
func Mask() Type {
	return addrType{contiguous, []string{"255.255.255.0", "255.255.255.255"}}
}

// Wildcard is the inverse mask of an access list, any four octets; its value
// is a netip.Addr.
func Wildcard() Type { return addrType{samples: []string{"0.0.0.255", "0.0.255.255"}} }

type addrType struct {
	valid   func(netip.Addr) bool // nil: every address
	samples []string
}

func (t addrType) Placeholder() string { return "A.B.C.D" }
func (t addrType) Rank() int           { return RankTyped }
func (t addrType) Samples() []string   { return t.samples }
func (t addrType) Parse(tokens []string) (any, int, bool) {
	a, ok := parseIPv4(tokens[0])
	if !ok || t.valid != nil && !t.valid(a) {
		return nil, 0, false
	}
	return a, 1, true
}
func (t addrType) Format(v any) string {
	if a, ok := v.(netip.Addr); ok && a.IsValid() {
		return a.String()
	}
	return ""
}

func parseIPv4(s string) (netip.Addr, bool) {
	if len(s) < len("0.0.0.0") || len(s) > len("255.255.255.255") || s[0] < '0' || s[0] > '9' {
		return netip.Addr{}, false // most words, without the cost of an error
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is4()
}

func contiguous(a netip.Addr) bool {
	b := a.As4()
	n := binary.BigEndian.Uint32(b[:])
	return bits.LeadingZeros32(^n)+bits.TrailingZeros32(n) >= 32
}

// Word is one word; its value is a string, as typed.
func Word() Type { return wordType{} }

type wordType struct{}

func (wordType) Placeholder() string { return "WORD" }
func (wordType) Rank() int           { return RankWord }
func (wordType) Format(v any) string { return formatString(v) }
func (wordType) Samples() []string   { return []string{"Xy-1"} }
func (wordType) Parse(tokens []string) (any, int, bool) {
	return tokens[0], 1, true
}

// Rest is LINE: the rest of the line as typed, inner blanks included and blanks
// at the end removed; its value is a string.
func Rest() Type { return restType{} }

type restType struct{}

func (restType) Placeholder() string { return "LINE" }
func (restType) Rank() int           { return RankLine }
func (restType) Format(v any) string { return formatString(v) }
func (restType) Samples() []string   { return []string{"Two  words!", "one"} }
func (restType) Parse(tokens []string) (any, int, bool) {
	s := strings.Join(tokens, " ")
	if strings.ContainsAny(s, "\r\n") {
		return nil, 0, false
	}
	return s, len(tokens), true
}

// HostOrAddress is the name or address of a host; its value is a string.
func HostOrAddress() Type { return hostType{} }

type hostType struct{ wordType }

func (hostType) Placeholder() string { return "Hostname or A.B.C.D" }
func (hostType) Samples() []string   { return []string{"192.168.1.1", "ks-1.example.net"} }

// formatString prints any kind of string, "" for anything else.
func formatString(v any) string {
	if r := reflect.ValueOf(v); r.Kind() == reflect.String {
		return r.String()
	}
	return ""
}

// Convert is base with another Go type for its value: from takes what base
// parsed and says whether it is acceptable, to is the way back for printing.
// So a WORD becomes a secret, and a number an algorithm.
func Convert[B, V any](base Type, from func(B) (V, bool), to func(V) B) Type {
	return convertType[B, V]{base, from, to}
}

type convertType[B, V any] struct {
	base Type
	from func(B) (V, bool)
	to   func(V) B
}

func (t convertType[B, V]) Placeholder() string { return t.base.Placeholder() }
func (t convertType[B, V]) Rank() int           { return t.base.Rank() }
func (t convertType[B, V]) Samples() []string   { return samples(t.base) }
func (t convertType[B, V]) Parse(tokens []string) (any, int, bool) {
	v, used, ok := t.base.Parse(tokens)
	if !ok || used > len(tokens) {
		return nil, used, ok
	}
	b, ok := v.(B)
	if !ok {
		return nil, 0, false
	}
	out, ok := t.from(b)
	return out, used, ok
}
func (t convertType[B, V]) Format(v any) string {
	if x, ok := v.(V); ok {
		return t.base.Format(t.to(x))
	}
	return ""
}

func samples(t Type) []string {
	if s, ok := t.(Sampler); ok {
		return s.Samples()
	}
	return nil
}

// Banner is the text between two delimiters, the first character being the
// delimiter (`^C` counts as one); it may go on over several lines. Its value is
// the string between them; it prints with `^C` and must not hold that.
func Banner() Type { return bannerType{} }

type bannerType struct{}

func (bannerType) Placeholder() string { return "LINE" }
func (bannerType) Rank() int           { return RankLine }
func (bannerType) Samples() []string   { return []string{"^Chello\nworld^C", "#one#"} }
func (bannerType) Closes(text, line string) bool {
	return strings.Contains(line, delimiter(text))
}
func (bannerType) Parse(tokens []string) (any, int, bool) {
	s := strings.Join(tokens, " ")
	delimiter := delimiter(s)
	text, rest, ok := strings.Cut(s[len(delimiter):], delimiter)
	if !ok {
		return nil, 2, true
	}
	text = strings.ReplaceAll(text, "\r", "")
	if text == "" || strings.Contains(text, "^C") || strings.TrimSpace(rest) != "" {
		return nil, 0, false
	}
	return text, 1, true
}
func (bannerType) Format(v any) string {
	if s := formatString(v); s != "" {
		return "^C" + s + "^C"
	}
	return ""
}

// delimiter is what a banner begins and ends with.
func delimiter(text string) string {
	switch {
	case strings.HasPrefix(text, "^C"):
		return "^C"
	case text == "":
		return "\n"
	}
	_, size := utf8.DecodeRuneInString(text)
	return text[:size]
}

// Block is the lines after the present one up to a line that holds only the
// word last (`quit`), which is part of the syntax and not of the value. Its
// value is the lines joined by newlines, each as typed but for carriage
// returns. Nothing may follow on the present line.
func Block(last string) Type { return blockType{last} }

type blockType struct{ last string }

// nextLiner is a Type whose value starts in the line after the command.
type nextLiner interface{ nextLine() }

func (blockType) Placeholder() string { return "LINE" }
func (blockType) Rank() int           { return RankLine }
func (blockType) nextLine()           {}
func (t blockType) Closes(_, line string) bool {
	return strings.TrimSpace(line) == t.last
}
func (t blockType) Samples() []string   { return []string{"\n 30820122\n 0500\n" + t.last} }
func (t blockType) Format(v any) string { return "\n" + formatString(v) + "\n" + t.last }
func (t blockType) Parse(tokens []string) (any, int, bool) {
	s := strings.Join(tokens, " ")
	i := strings.LastIndexByte(s, '\n')
	if strings.TrimSpace(s[i+1:]) != t.last {
		return nil, 2, true
	}
	return strings.ReplaceAll(s[:max(i, 0)], "\r", ""), 1, true
}
