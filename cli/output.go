package cli

import (
	"context"
	"errors"
	"io"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/pipe"
	"coterie/cli/term"
)

// output is the way from a command to the screen: filter, then pager.
type output struct {
	io.Writer
	closers []io.Closer // from the command on
	json    *jsonOutput // of `| json`
	file    *fileOutput // of `| redirect` and its kin
}

// output builds the way; filter may be nil.
func (t *task) output(filter *pipe.Filter, paged bool) *output {
	o := &output{Writer: t.out}
	if t.reader != nil && t.reader.Interactive() && paged {
		p := pipe.NewPager(o.Writer, keys{t.ctx, t.Session}, t.Length(), t.Width())
		o.Writer, o.closers = p, []io.Closer{p}
	}
	if filter != nil {
		w := filter.Writer(o.Writer)
		o.Writer, o.closers = w, append([]io.Closer{w}, o.closers...)
	}
	return o
}

// close lets filter and pager write what they hold.
func (o *output) close() error {
	var err error
	for _, c := range o.closers {
		if cerr := c.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

// terminal is the grammar.Terminal of a running command.
type terminal struct {
	*task
	output *output
}

// Write shows output. When nobody wants more, the command is cancelled.
func (c *terminal) Write(p []byte) (int, error) {
	n, err := c.output.Write(p)
	if err != nil {
		c.cancel()
	}
	return n, err
}

// Ask shows prompt and takes the answer from the source of the command.
func (c *terminal) Ask(ctx context.Context, prompt string) (string, error) {
	line, err := c.source.line(ctx, prompt)
	return answer(line), c.interrupted(err)
}

// answer is a line without what no terminal could have typed.
func answer(line string) string {
	if len(line) > longestLine {
		line = line[:longestLine]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, ""))
}

// AskSecret is Ask without echo.
func (c *terminal) AskSecret(ctx context.Context, prompt string) (string, error) {
	line, err := c.source.secret(ctx, prompt)
	return line, c.interrupted(err)
}

// Collect takes lines as they are until done.
func (c *terminal) Collect(ctx context.Context, done func(line string) bool) ([]string, error) {
	var lines []string
	for octets := 0; ; {
		line, err := c.source.raw(ctx)
		if err != nil {
			return lines, c.interrupted(err)
		}
		if octets += len(line) + 1; octets <= longestBlock {
			lines = append(lines, line)
		}
		switch {
		case !done(line):
		case octets > longestBlock:
			return nil, errLongBlock
		default:
			return lines, nil
		}
	}
}

// Session is the session that typed the command.
func (c *terminal) Session() grammar.Session { return c.task.Session }

// interrupted turns Ctrl-C and Ctrl-^ x in a dialog into the cancellation of
// the command.
func (t *task) interrupted(err error) error {
	switch {
	case errors.Is(err, term.ErrEscape):
		t.escape = true
	case !errors.Is(err, term.ErrInterrupt):
		return err
	}
	t.cancel()
	return context.Canceled
}

// source is where the lines of a dialog come from.
type source interface {
	line(ctx context.Context, prompt string) (string, error)
	secret(ctx context.Context, prompt string) (string, error)
	raw(ctx context.Context) (string, error)
}

// keyboard answers from a terminal.
type keyboard struct{ reader term.LineReader }

func (k keyboard) line(ctx context.Context, prompt string) (string, error) {
	l, err := k.reader.ReadLine(ctx, prompt, term.Options{})
	return l.Text, err
}

func (k keyboard) secret(ctx context.Context, prompt string) (string, error) {
	return k.reader.ReadSecret(ctx, prompt)
}

func (k keyboard) raw(ctx context.Context) (string, error) { return k.line(ctx, "") }

// A LineSource gives the lines that answer the dialogs of an executed line.
type LineSource interface {
	// NextLine takes the next line; false at the end.
	NextLine() (string, bool)
}

// Lines is a LineSource of what it holds.
type Lines []string

// NextLine takes the first line.
func (l *Lines) NextLine() (string, bool) {
	if l == nil || len(*l) == 0 {
		return "", false
	}
	line := (*l)[0]
	*l = (*l)[1:]
	return line, true
}

// script answers from lines known beforehand and shows the answers, as a
// terminal would.
type script struct {
	out   io.Writer
	input LineSource
}

func (s script) next(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if s.input != nil {
		if line, ok := s.input.NextLine(); ok {
			return line, nil
		}
	}
	return "", io.EOF
}

func (s script) line(ctx context.Context, prompt string) (string, error) {
	line, err := s.next(ctx)
	if err != nil {
		io.WriteString(s.out, prompt+"\n")
		return "", err
	}
	line = strings.TrimRight(grammar.StripComment(line), " \t\r\n")
	_, err = io.WriteString(s.out, prompt+line+"\n")
	return line, err
}

func (s script) secret(ctx context.Context, prompt string) (string, error) {
	io.WriteString(s.out, prompt+"\n")
	return s.next(ctx)
}

func (s script) raw(ctx context.Context) (string, error) {
	line, err := s.next(ctx)
	if err == nil {
		_, err = io.WriteString(s.out, line+"\n")
	}
	return line, err
}
