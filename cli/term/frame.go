package term

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// frame turns what the editor writes into the smallest update of the screen.
//
// Per key the editor writes twice: an erasure of the rows of the line, up to
// that of its cursor,
//
//	ESC [J  (ESC [2K CR ESC [A)*  ESC [2K CR
//
// and then the prompt with the whole line, followed by " \b" when the cursor
// would hang at the right edge and by backspaces when it is not at the end.
// As long as the old and the new line have the cursor at their end, a frame
// sends only what was added, or backs up over what changed; everything else
// passes as the editor wrote it. So typing and pasting echo octet by octet,
// without an escape sequence, which is what a program at the other end needs.
type frame struct {
	prompt  string // the editor takes an empty line for one at the edge
	shown   string // text of the row the line began in, up to the cursor
	simple  bool   // the cursor is at the end of shown
	edge    bool   // shown fills its last row, the cursor is on the next
	erasure []byte // held back until the frame that follows it
	swallow bool   // the next erasure is for a line that shall stay
	tail    string // goes between the line and its end (^Z)
}

// reset forgets the line: the cursor stands at the start of an empty row.
func (f *frame) reset() { *f = frame{simple: true, prompt: f.prompt, tail: f.tail} }

// isErasure recognises the first of the two writes and counts the rows that it
// goes up.
func isErasure(b []byte) (up int, ok bool) {
	rest, ok := bytes.CutPrefix(b, []byte("\x1b[J"))
	if !ok {
		return 0, false
	}
	for {
		if rest, ok = bytes.CutPrefix(rest, []byte("\x1b[2K\r")); !ok {
			return 0, false
		}
		if len(rest) == 0 {
			return up, true
		}
		if rest, ok = bytes.CutPrefix(rest, []byte("\x1b[A")); !ok {
			return 0, false
		}
		up++
	}
}

// update takes one write of the editor and gives what goes to the screen, and
// whether the write was a frame, not an erasure.
func (f *frame) update(b []byte) (out []byte, isFrame bool) {
	if _, ok := isErasure(b); ok {
		if f.swallow {
			f.swallow = false
			return nil, false
		}
		f.erasure = append(f.erasure, b...)
		return nil, false
	}
	erasure := f.erasure
	f.erasure = nil

	text, edge := strings.CutSuffix(string(b), " \b")
	edge = edge && text != f.prompt
	body, ended := strings.CutSuffix(text, "\n")
	simple := !strings.ContainsAny(body, "\b\x1b\n")
	switch {
	case !simple || !f.simple:
		out = f.finish(append(erasure, body...), edge, ended)
	case len(erasure) == 0:
		out = append(out, body...)
		out = f.finish(out, edge, ended)
	default:
		out = f.difference(erasure, body, edge, ended)
	}
	f.shown, f.simple, f.edge = body, simple, edge
	if ended {
		f.reset()
	}
	return out, true
}

// difference goes from the simple line shown to the simple line body.
func (f *frame) difference(erasure []byte, body string, edge, ended bool) []byte {
	same := commonPrefix(f.shown, body)
	old, add := f.shown[same:], body[same:]
	if old == "" {
		if add == "" {
			if ended && f.edge && f.tail == "" {
				return nil // the cursor is on a fresh row already
			}
			if !ended {
				return nil
			}
		}
		return f.finish([]byte(add), edge && add != "", ended)
	}
	if up, _ := isErasure(erasure); up > 0 || f.edge || !isASCII(old) {
		return f.finish(append(erasure, body...), edge, ended)
	}
	out := []byte(strings.Repeat("\b", len(old)))
	out = append(out, add...)
	if pad := len(old) - utf8.RuneCountInString(add); pad > 0 {
		out = append(out, strings.Repeat(" ", pad)+strings.Repeat("\b", pad)...)
	}
	return f.finish(out, edge, ended)
}

// finish adds what follows the text of a frame.
func (f *frame) finish(out []byte, edge, ended bool) []byte {
	switch {
	case ended:
		return append(out, f.takeTail()+"\n"...)
	case edge:
		return append(out, " \b"...)
	}
	return out
}

func (f *frame) takeTail() string {
	t := f.tail
	f.tail = ""
	return t
}

// commonPrefix is the length of the longest common prefix of whole runes.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
