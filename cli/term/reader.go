package term

import (
	"context"
	"errors"
	"io"
)

// Why a read ended without a line. Besides these a read returns io.EOF when
// the peer has gone and the context's error when it was cancelled.
var (
	// ErrInterrupt is Ctrl-C: what had been typed is dropped.
	ErrInterrupt = errors.New("interrupted")
	// ErrEscape is Ctrl-^ x: the user wants another console.
	ErrEscape = errors.New("escape sequence")
)

// Line is a line as typed, without its end.
type Line struct {
	Text string
	End  bool // ended by Ctrl-Z instead of Enter
	Long bool // longer than a line can be; Text is only its beginning
}

// Options of one ReadLine. The callbacks run while the line is open and get
// the text left of the cursor.
type Options struct {
	// Help answers `?`; it may Write and ReadKey. Without it `?` is a
	// character like any other.
	Help func(before string)
	// Complete answers Tab with what is to be added; false rings the bell.
	Complete func(before string) (rest string, ok bool)
	// History is offered by Ctrl-P and the arrow keys, oldest first.
	History []string
	// Initial is text that stands in the line already.
	Initial string
	// EchoControl shows ^Z and ^C at the end of the line, as configuration
	// mode does.
	EchoControl bool
}

// LineReader is the keyboard and the screen of one line. Write shows the
// output of commands; its lines end in LF whatever the peer wants.
type LineReader interface {
	io.Writer
	// ReadLine shows prompt and reads a line. With ErrInterrupt comes what had
	// been typed.
	ReadLine(ctx context.Context, prompt string, o Options) (Line, error)
	// ReadSecret is ReadLine without echo; the text is kept nowhere.
	ReadSecret(ctx context.Context, prompt string) (string, error)
	// ReadKey shows prompt, waits for one key and erases the prompt.
	ReadKey(ctx context.Context, prompt string) (rune, error)
	// Async shows a log line. It never blocks: what a slow peer does not take
	// is dropped and counted.
	Async(line string)
	// Interrupted calls f, from another goroutine, for each Ctrl-C or Ctrl-^
	// that arrives while nothing is being read, until stop.
	Interrupted(f func()) (stop func())
	// Interactive tells whether there is a person to ask for more: no pager
	// for a peer that cannot edit.
	Interactive() bool
	// Size is columns and rows; 0 where not known.
	Size() (columns, rows int)
	// SetSize overrides the size (window-change of SSH).
	SetSize(columns, rows int)
	// Close ends a read in progress with io.EOF and leaves no goroutine,
	// provided that the peer's Read returns: Close closes it if it can.
	Close() error
}
