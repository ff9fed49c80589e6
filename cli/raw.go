package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"coterie/cli/grammar"
	"coterie/cli/term"
)

// rawReader is a LineReader that gives single keys as they are.
type rawReader interface {
	ReadRaw(ctx context.Context) (string, error)
}

// errNoKeys is the answer of a reader that has only lines.
var errNoKeys = fmt.Errorf("cli: %w", errors.ErrUnsupported)

// ReadRaw passes on to the reader, if it can.
func (w *watchedReader) ReadRaw(ctx context.Context) (string, error) {
	r, ok := w.LineReader.(rawReader)
	if !ok {
		return "", errNoKeys
	}
	defer w.wait()()
	return r.ReadRaw(ctx)
}

var _ grammar.KeyTerminal = (*terminal)(nil)

// Keys gives what is typed while the terminal is joined to another host.
func (c *terminal) Keys(ctx context.Context) (string, error) {
	if r, ok := c.reader.(rawReader); ok {
		keys, err := r.ReadRaw(ctx)
		switch {
		case errors.Is(err, term.ErrEscape):
			return "", io.EOF // the connection ends, and the session goes on
		case !errors.Is(err, errNoKeys):
			return keys, err
		}
	}
	line, err := c.source.raw(ctx)
	if err != nil {
		return "", c.interrupted(err)
	}
	return line + "\r", nil
}
