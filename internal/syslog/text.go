package syslog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds a message without its time stamp, in octets: a line with its
// header still fits in the 2048 that RFC 5424 section 6.1 asks receivers for.
const maxText = 1800

// printable makes text from anywhere fit for a line of a log: control
// characters (C0, C1, DEL), line and paragraph separators, everything that
// moves or hides its neighbours on a terminal (bidirectional controls,
// zero-width and other format characters), code points without a meaning and
// octets that are no UTF-8 become dots. What is longer than max octets is cut
// between two characters, and "..." says so.
func printable(s string, max int) string {
	if len(s) <= max && plain(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			r = '.'
		}
		if b.Len()+utf8.RuneLen(r)+len("...") > max && !(b.Len()+len(s)-i <= max && plain(s[i:])) {
			b.WriteString("...")
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// plain tells that s is printable ASCII, as nearly every line is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
