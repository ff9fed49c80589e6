package term

import (
	"errors"
	"io"
	"os"

	"github.com/chzyer/readline"
)

// ErrNotTTY is returned by OpenTTY when input or output is no terminal.
var ErrNotTTY = errors.New("not a terminal")

// TTY is a tty of this machine in raw mode.
type TTY struct {
	in, out *os.File
	state   *readline.State
}

// IsTTY tells whether f is a terminal.
func IsTTY(f *os.File) bool { return readline.IsTerminal(int(f.Fd())) }

// OpenTTY puts a tty into raw mode: keys come as they are pressed, Ctrl-C and
// Ctrl-Z are keys like others. Restore undoes it and must be called before the
// process ends. Output keeps turning LF into CR LF, so that what the process
// writes past us still reads.
func OpenTTY(in, out *os.File) (*TTY, error) {
	if !IsTTY(in) || !IsTTY(out) {
		return nil, ErrNotTTY
	}
	state, err := readline.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, err
	}
	return &TTY{in: in, out: out, state: state}, nil
}

// Restore leaves raw mode.
func (t *TTY) Restore() error { return readline.Restore(int(t.in.Fd()), t.state) }

// Size is the present size of the window, 0 when it is not known.
func (t *TTY) Size() (columns, rows int) {
	columns, rows, err := readline.GetSize(int(t.out.Fd()))
	if err != nil {
		return 0, 0
	}
	return columns, rows
}

// Read and Write reach the tty.
func (t *TTY) Read(p []byte) (int, error)  { return t.in.Read(p) }
func (t *TTY) Write(p []byte) (int, error) { return t.out.Write(p) }

// Terminal edits lines at the tty. Its Close leaves one goroutine in Read
// until the next key: an open tty cannot be called off.
func (t *TTY) Terminal(endOnCtrlD bool) *Terminal {
	peer := struct {
		io.Reader
		io.Writer
	}{t.in, t.out}
	return NewTerminal(Config{Peer: peer, Size: t.Size, KeepLF: true, EndOnCtrlD: endOnCtrlD})
}
