package telnet

import (
	"bytes"
	"io"
	"testing"
)

// wire is a connection of octets known beforehand, a few at a time.
type wire struct {
	in    []byte
	piece int
	out   bytes.Buffer
}

func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, w.in[:min(w.piece, len(w.in))])
	w.in = w.in[n:]
	return n, nil
}

func (w *wire) Write(p []byte) (int, error) { return w.out.Write(p) }

func TestConn(t *testing.T) {
	for _, c := range []struct{ in, text, answer string }{
		{"R1>\r\nx\r\x00y\rz", "R1>\nx\ry\rz", ""},
		{"\xff\xfb\x01\xff\xfb\x03hi", "hi", "\xff\xfd\x01\xff\xfd\x03"},         // WILL ECHO, WILL SGA
		{"\xff\xfb\x01\xff\xfb\x01", "", "\xff\xfd\x01"},                         // once is enough
		{"\xff\xfd\x18a\xff\xfd\x1f", "a", "\xff\xfc\x18\xff\xfc\x1f"},           // DO TTYPE, DO NAWS: no
		{"\xff\xfb\x05\xff\xfe\x01", "", "\xff\xfe\x05"},                         // WILL STATUS: do not; DONT ECHO: never did
		{"a\xff\xffb\xff\xf1c\xff\xfa\x18\x01\xff\xff\xff\xf0d", "a\xffbcd", ""}, // quoted octet, NOP, subnegotiation
		{"\xff\xfb\x01\xff\xfc\x01", "", "\xff\xfd\x01\xff\xfe\x01"},             // WILL, then WONT
		{"cut\xff", "cut", ""},
	} {
		for _, piece := range []int{1, 2, 1000} {
			w := &wire{in: []byte(c.in), piece: piece}
			text, err := io.ReadAll(New(w))
			if err != nil || string(text) != c.text || w.out.String() != c.answer {
				t.Errorf("%q in %ds: %q, answer %q, %v", c.in, piece, text, w.out.String(), err)
			}
		}
	}
	w := &wire{}
	if n, err := New(w).Write([]byte("a\r\xff")); n != 3 || err != nil || w.out.String() != "a\r\x00\xff\xff" {
		t.Errorf("%q %v", w.out.String(), err)
	}
}

// Whatever a host sends: no more text than it sent, no endless negotiation.
func FuzzConn(f *testing.F) {
	f.Add([]byte("\xff\xfb\x01\xff\xfa\xff\xf0\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		w := &wire{in: in, piece: 3}
		text, _ := io.ReadAll(New(w))
		if len(text) > len(in) || w.out.Len() > len(in) {
			t.Errorf("%d octets gave %d of text and %d of answer", len(in), len(text), w.out.Len())
		}
	})
}
