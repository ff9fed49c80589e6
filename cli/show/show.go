// Package show builds the text of show commands: aligned "label : value"
// blocks with IOS indentation, and plain tables for our own extensions (the
// only importer of tablewriter).
package show

import (
	"fmt"
	"io"
	"strings"
)

// Doc is what a show command prints: text, and the typed snapshot behind it.
type Doc struct {
	Data any
	text strings.Builder
}

// Line adds a formatted line.
func (d *Doc) Line(format string, args ...any) {
	if len(args) == 0 {
		d.text.WriteString(format)
	} else {
		fmt.Fprintf(&d.text, format, args...)
	}
	d.text.WriteByte('\n')
}

// Pair adds "label : value": label padded to width behind indent blanks, then
// ": " and the value. IOS puts the colon directly behind a label that fills
// its column.
func (d *Doc) Pair(indent, width int, label string, value any) {
	fmt.Fprintf(&d.text, "%*s%-*s: %v\n", indent, "", width, label, value)
}

// Blank adds an empty line.
func (d *Doc) Blank() { d.text.WriteByte('\n') }

// String is the text so far.
func (d *Doc) String() string { return d.text.String() }

// WriteTo writes the text.
func (d *Doc) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, d.text.String())
	return int64(n), err
}
