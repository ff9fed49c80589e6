// Package secret holds the type of every key, pass phrase and private value.
// Printing one, in any format or encoding, gives <hidden>.
package secret

import (
	"crypto/subtle"
	"fmt"
)

const hidden = "<hidden>"

// Bytes is a secret value. The zero value is empty. It is comparable only with
// Equal; copying a Bytes shares the memory that Wipe clears.
type Bytes struct{ b []byte }

// New takes ownership of b.
func New(b []byte) Bytes { return Bytes{b} }

// Of copies the text of a pass phrase or pre-shared key.
func Of(s string) Bytes { return Bytes{[]byte(s)} }

// Reveal returns the value itself, for a cipher or a codec. The caller must
// not print or keep it.
func (s Bytes) Reveal() []byte { return s.b }

// Len is the length in octets.
func (s Bytes) Len() int { return len(s.b) }

// Equal compares in constant time.
func (s Bytes) Equal(o Bytes) bool { return subtle.ConstantTimeCompare(s.b, o.b) == 1 }

// Wipe clears the memory shared by all copies.
func (s Bytes) Wipe() { clear(s.b) }

// String, GoString, Format and the marshalers never show the value.
func (s Bytes) String() string               { return hidden }
func (s Bytes) GoString() string             { return hidden }
func (s Bytes) Format(f fmt.State, _ rune)   { fmt.Fprint(f, hidden) }
func (s Bytes) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (s Bytes) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
