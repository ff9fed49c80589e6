package term

import "unicode/utf8"

// action is what a key asks for, as far as the gate must know.
type action uint8

const (
	actNone      action = iota // dropped
	actText                    // goes to the editor as it is
	actEnter                   // CR, LF, CR LF
	actEnd                     // Ctrl-Z
	actInterrupt               // Ctrl-C
	actEscape                  // Ctrl-^ x
	actDelete                  // Ctrl-D: delete, or the end of an empty line
	actHelp                    // ?
	actTab                     // Tab
	actPrevious                // Ctrl-P
	actNext                    // Ctrl-N
	actRedraw                  // Ctrl-R, Ctrl-L
)

// Control octets that have a name here.
const (
	ctrlC     = 0x03
	ctrlD     = 0x04
	ctrlZ     = 0x1a
	esc       = 0x1b
	ctrlCaret = 0x1e
)

// Private runes carry keys through the editor to our filter. The peer cannot
// type them: decode drops the private use area.
const (
	runeWake     = '\ue000'
	runeDelete   = '\ue001'
	runePrevious = '\ue002'
	runeNext     = '\ue003'
	runeRedraw   = '\ue004'
	runeLiteral  = '\ue100' // plus the character after Ctrl-V
	privateFirst = '\ue000'
	privateLast  = '\uf8ff'
)

// key is one keystroke.
type key struct {
	act  action
	text string // what the editor gets
}

// editing maps control octets that the editor knows by the same meaning.
// Ctrl-T is missing on purpose: the editor runs off the end of a line of one
// character.
var editing = map[byte]string{
	0x01: "\x01", // Ctrl-A: start of line
	0x02: "\x02", // Ctrl-B: left
	0x05: "\x05", // Ctrl-E: end of line
	0x06: "\x06", // Ctrl-F: right
	0x08: "\x7f", // Backspace
	0x0b: "\x0b", // Ctrl-K: kill to the end
	0x15: "\x15", // Ctrl-U: kill to the start
	0x17: "\x17", // Ctrl-W: kill a word
	0x18: "\x15", // Ctrl-X: kill to the start
	0x19: "\x19", // Ctrl-Y: yank
	0x7f: "\x7f", // Delete
}

// decode takes one keystroke from the front of b. n is 0 when b holds only
// the beginning of one.
func decode(b []byte) (k key, n int) {
	if len(b) == 0 {
		return key{}, 0
	}
	switch c := b[0]; c {
	case '\r', '\n':
		return key{act: actEnter}, 1
	case ctrlC:
		return key{act: actInterrupt}, 1
	case ctrlD:
		return key{act: actDelete}, 1
	case ctrlZ:
		return key{act: actEnd}, 1
	case '\t':
		return key{act: actTab}, 1
	case '?':
		return key{actHelp, "?"}, 1
	case 0x0c, 0x12:
		return key{act: actRedraw}, 1
	case 0x0e:
		return key{act: actNext}, 1
	case 0x10:
		return key{act: actPrevious}, 1
	case 0x16: // Ctrl-V: the next character stands for itself
		if len(b) < 2 {
			return key{}, 0
		}
		if b[1] < ' ' || b[1] > '~' {
			return key{}, 2
		}
		return key{actText, string(runeLiteral + rune(b[1]))}, 2
	case ctrlCaret:
		if len(b) < 2 {
			return key{}, 0
		}
		if b[1] == 'x' || b[1] == 'X' {
			return key{act: actEscape}, 2
		}
		return key{}, 1
	case esc:
		return decodeEscape(b)
	default:
		if s, ok := editing[c]; ok {
			return key{actText, s}, 1
		}
		if c < ' ' {
			return key{}, 1
		}
	}
	if !utf8.FullRune(b) {
		return key{}, 0
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError || r >= privateFirst && r <= privateLast || r >= 0x80 && r < 0xa0 {
		return key{}, n
	}
	return key{actText, string(r)}, n
}

// longestSequence bounds a CSI sequence; what is longer is no key.
const longestSequence = 32

// decodeEscape reads the sequences of VT100 keyboards.
func decodeEscape(b []byte) (key, int) {
	if len(b) < 2 {
		return key{}, 0
	}
	switch b[1] {
	case 'b', 'f', 'd', 0x7f: // back, forward, delete a word
		return key{actText, string(b[:2])}, 2
	case 'O':
		if len(b) < 3 {
			return key{}, 0
		}
		return cursorKey("", b[2]), 3
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return cursorKey(string(b[2:i]), b[i]), i + 1
			}
			if b[i] < ' ' || i >= longestSequence {
				return key{}, i
			}
		}
		return key{}, 0
	case esc:
		return key{}, 1
	}
	return key{}, 2
}

// cursorKey is the meaning of ESC [ parameter final. The marks of a bracketed
// paste (200~, 201~) are nobody's key and fall through.
func cursorKey(parameter string, final byte) key {
	switch final {
	case 'A':
		return key{act: actPrevious}
	case 'B':
		return key{act: actNext}
	case 'C':
		return key{actText, "\x06"}
	case 'D':
		return key{actText, "\x02"}
	case 'H':
		return key{actText, "\x01"}
	case 'F':
		return key{actText, "\x05"}
	case '~':
		switch parameter {
		case "1", "7":
			return key{actText, "\x01"}
		case "4", "8":
			return key{actText, "\x05"}
		case "3":
			return key{act: actDelete}
		}
	}
	return key{}
}
