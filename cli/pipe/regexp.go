package pipe

import (
	"errors"
	"regexp"
	"strings"
)

// ErrRegexp is the answer to a regular expression that does not compile.
var ErrRegexp = errors.New("% Failed to compile regular expression.")

// delimiter is what `_` matches: the start or end of the line, a blank, one of
// , { } ( ), or itself: the mnemonics of log messages are full of it, and
// nobody who types `include GM_RECV_REKEY` means anything else.
const delimiter = `(?:^|$|[ ,{}()_])`

// Compile reads a regular expression of IOS: . * + ? ^ $ [ ] ( ) | as
// everywhere, _ for a delimiter, and a backslash that takes the meaning from
// the next character. Braces are ordinary characters.
func Compile(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '_':
			b.WriteString(delimiter)
		case '{', '}':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\\':
			i++
			if i == len(pattern) || pattern[i] >= '1' && pattern[i] <= '9' {
				return nil, ErrRegexp // a back-reference, which RE2 has not
			}
			b.WriteString(quote(pattern[i:], &i))
		case '[':
			n := class(&b, pattern[i:])
			if n == 0 {
				return nil, ErrRegexp
			}
			i += n - 1
		case '(':
			b.WriteByte(c)
			if i+1 < len(pattern) && pattern[i+1] == '?' {
				return nil, ErrRegexp
			}
		default:
			b.WriteByte(c)
		}
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, ErrRegexp
	}
	return re, nil
}

// quote is the first character of s for itself; i moves to its last octet.
func quote(s string, i *int) string {
	for j, r := range s {
		*i += j + len(string(r)) - 1
		return regexp.QuoteMeta(string(r))
	}
	return ""
}

// class copies the set in brackets at the front of s and says how long it is;
// 0 when it has no end.
func class(b *strings.Builder, s string) int {
	i := 1
	b.WriteByte('[')
	if i < len(s) && s[i] == '^' {
		b.WriteByte('^')
		i++
	}
	for first := true; i < len(s); first = false {
		switch c := s[i]; {
		case c == ']' && !first:
			b.WriteByte(']')
			return i + 1
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte('\\')
			b.WriteByte(s[i])
			if s[i] >= '0' && s[i] <= '9' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 0x80 {
				return 0
			}
		case c == '\\':
			return 0
		case c == ']' || c == '[':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
		i++
	}
	return 0
}
