package grammar

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word of a line and the octet it starts at.
type token struct {
	text string
	at   int
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// lex appends the words of line to dst.
func lex(dst []token, line string) []token {
	for i := 0; i < len(line); {
		for i < len(line) && blank(line[i]) {
			i++
		}
		j := i
		for j < len(line) && !blank(line[j]) {
			j++
		}
		if j > i {
			dst = append(dst, token{line[i:j], i})
		}
		i = j
	}
	return dst
}

// unprintable is where the first character stands that no line may hold: a
// control character, an octet that is no UTF-8, or a space that only Unicode
// knows; -1 when there is none. What is typed or loaded is shown to others
// later, and must not be able to move their cursors, nor to look like words
// that it is not. ETX is the delimiter of a banner in the files of IOS.
func unprintable(line string) int {
	for i := 0; i < len(line); {
		c := line[i]
		if c < utf8.RuneSelf {
			if c < ' ' && !blank(c) && c != 0x03 || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(line[i:])
		if r == utf8.RuneError && size == 1 || r < 0xa0 || unicode.IsSpace(r) || unicode.Is(unicode.Bidi_Control, r) {
			return i
		}
		i += size
	}
	return -1
}

// Blank tells whether a line holds no command: empty, or a comment whose first
// character is `!`.
func Blank(line string) bool {
	line = strings.TrimLeft(line, " \t\r\n")
	return line == "" || line[0] == '!'
}

// StripComment removes a trailing comment, a `!` standing alone between blanks
// (or between a blank and the end), and the blanks before it. It knows no
// grammar and is meant for answers to a dialog: Parse itself ends a line at
// such a `!` once the command is complete, so that the text of a description
// or a pre-shared key keeps its exclamation marks.
func StripComment(line string) string {
	for i := 1; i < len(line); i++ {
		if line[i] == '!' && blank(line[i-1]) && (i+1 == len(line) || blank(line[i+1])) {
			return strings.TrimRight(line[:i], " \t\r\n")
		}
	}
	return line
}

// lower is strings.ToLower for ASCII without allocating when there is nothing
// to do.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; 'A' <= c && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// common is the length of the longest common prefix.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
