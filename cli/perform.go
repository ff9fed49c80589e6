package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"coterie/cli/grammar"
	"coterie/cli/pipe"
	"coterie/cli/term"
)

// Execute runs one line as typed at the present prompt, without a terminal and
// without echo: output goes to out, dialogs are answered by the next lines of
// input (which may be nil), and out shows those. The error is nil, or the
// *grammar.SyntaxError or the error of the command, whose text out was given
// already, or ErrQuit when the line ended the session, or ctx's error, or
// io.EOF when a dialog found no answer.
func (s *Session) Execute(ctx context.Context, line string, out io.Writer, input LineSource) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.remember(line)
	text, end := strings.CutSuffix(line, "\x1a")
	return s.perform(&task{
		Session: s, ctx: ctx, cancel: cancel, prompt: s.Prompt(),
		out: out, source: script{out, input},
	}, term.Line{Text: text, End: end})
}

// task is the execution of one line.
type task struct {
	*Session
	ctx    context.Context
	cancel context.CancelFunc
	prompt string // that the line was typed at
	out    io.Writer
	source source
	reader term.LineReader // for the pager; nil for none
	before int             // octets of the line before the part in work (`do `)
	line   string          // as typed
}

// perform executes a line and does what it asked of the session.
func (s *Session) perform(t *task, l term.Line) error {
	t.line = l.Text
	s.quit, s.escape, s.configure = false, false, false
	var err error
	switch {
	case l.Long, len(l.Text) > longestLine:
		err = t.complain(errLongLine)
	case grammar.Blank(l.Text):
	case s.stack == nil:
		err = t.exec(l.Text)
	default:
		err = t.configuration(l.Text)
	}
	if l.End {
		s.leaveConfiguration(t.ctx)
	}
	switch {
	case s.quit:
		s.leaveConfiguration(t.ctx)
		return ErrQuit
	case s.escape:
		return ErrEscape
	}
	return err
}

// Bounds of what is typed, in octets.
const (
	longestLine  = 16 << 10  // of a program; the editor of a terminal takes less
	longestBlock = 256 << 10 // a banner, a certificate
)

var (
	errLongLine  = errors.New("% Line too long, and ignored")
	errLongBlock = errors.New("% Text too long, and ignored")
)

// exec executes a line of exec mode; line is t.line[t.before:].
func (t *task) exec(line string) error {
	mode := t.cfg.Device.Exec()
	command, at, piped := pipe.Split(line)
	m, err := mode.Parse(command, t.Level())
	if err != nil {
		return t.refuse(err)
	}
	var filter *pipe.Filter
	if piped {
		if filter, err = pipe.Parse(line, at); err != nil {
			return t.refuse(err)
		}
	}
	t.cfg.Device.BeforeExec(t.ctx)
	o, err := t.destination(filter, t.pages(command))
	if err != nil {
		return t.complain(err)
	}
	err = t.run(m, o)
	if err == nil && t.configure && t.stack == nil {
		t.stack = grammar.NewStack(t.cfg.Device.Configuration())
		_, err = io.WriteString(t.out, "Enter configuration commands, one per line.  End with CNTL/Z.\n")
	}
	return err
}

// configuration executes a line of configuration mode.
func (t *task) configuration(line string) error {
	r, line, err := t.resolve(line)
	if err != nil {
		return t.refuse(err)
	}
	switch r.Command {
	case grammar.Exit:
		if !t.stack.Exit() {
			t.leaveConfiguration(t.ctx)
		}
		return nil
	case grammar.End:
		t.leaveConfiguration(t.ctx)
		return nil
	case grammar.Do:
		at, _ := afterDo(line)
		t.before = at
		return t.exec(line[at:])
	}
	if r.Command.Before != nil {
		if ok, err := t.ask(r.Match); !ok {
			return err
		}
	}
	apply := func(root any) error { return t.stack.Apply(root, r) }
	if r.Command.Bind == nil { // an action: the tree stays as it is
		t.cfg.Device.View(func(root any) { err = apply(root) })
	} else {
		err = t.cfg.Device.Edit(apply)
	}
	if err != nil {
		return t.complain(err)
	}
	if r.Command.Run != nil && !r.No && !r.Default {
		if err = t.run(r.Match, t.output(nil, false)); err != nil {
			return err
		}
	}
	t.cfg.Device.Accepted(t.ctx, r.Match)
	if d, ok := t.cfg.Device.(Recorder); ok {
		depth := t.stack.Depth() - 1
		if r.Command.Enter != nil && !r.No && !r.Default {
			depth-- // the mode that the line itself opened
		}
		d.Typed(t.Session, r.Match, depth)
	}
	return nil
}

// resolve finds the command of a line, and takes further lines from the source
// as long as the line is a block without its end.
func (t *task) resolve(line string) (r grammar.Resolved, whole string, err error) {
	for first := true; ; first = false {
		t.cfg.Device.View(func(root any) { r, err = t.stack.Resolve(line, t.Level(), root) })
		var e *grammar.SyntaxError
		if err == nil || !errors.As(err, &e) || !e.More {
			return r, line, err
		}
		if delimiter := bannerDelimiter(line); first && delimiter != "" {
			fmt.Fprintf(t.out, "Enter TEXT message.  End with the character '%s'.\n", delimiter)
		}
		block, cause := t.block(line, e)
		if cause != nil {
			if errors.Is(cause, errLongBlock) {
				return r, line, cause
			}
			t.interrupted(cause)
			return r, line, err
		}
		line = block
	}
}

// block takes the lines of a block that line opens, up to the one that closes
// it. The rest of a block that is too long is not taken for commands.
func (t *task) block(line string, e *grammar.SyntaxError) (string, error) {
	var b strings.Builder
	b.WriteString(line)
	long := false
	for {
		next, err := t.source.raw(t.ctx)
		if err != nil {
			return "", err
		}
		if long = long || b.Len()+len(next) >= longestBlock; !long {
			b.WriteByte('\n')
			b.WriteString(next)
		}
		switch {
		case e.Closes != nil && !e.Closes(next):
		case long:
			return "", errLongBlock
		default:
			return b.String(), nil
		}
	}
}

// bannerDelimiter is the character that ends the banner of this line, or "".
func bannerDelimiter(line string) string {
	f := strings.Fields(line)
	if len(f) < 2 || len(f[0]) < 2 || !strings.HasPrefix("banner", strings.ToLower(f[0])) {
		return ""
	}
	text := f[len(f)-1]
	if len(f) > 2 {
		text = f[2]
	}
	if strings.HasPrefix(text, "^") && len(text) > 1 {
		return text[:2]
	}
	return string([]rune(text)[:1])
}

// ask asks what a command wants to know before it binds.
func (t *task) ask(m grammar.Match) (bool, error) {
	o := t.output(nil, false)
	ok, err := m.Command.Before(t.ctx, &terminal{t, o}, m)
	if cerr := o.close(); err == nil {
		err = cerr
	}
	switch {
	case err == nil:
		return ok, nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF):
		return false, err // whoever interrupted it knows
	}
	return false, t.complain(err)
}

// run runs a command into o.
func (t *task) run(m grammar.Match, o *output) error {
	if m.Command.Run == nil {
		return nil
	}
	err := o.finish(m.Command.Run(t.ctx, &terminal{t, o}, m.Args))
	switch {
	case err == nil, errors.Is(err, pipe.ErrQuit):
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF):
		return err // whoever interrupted it knows
	}
	return t.complain(err)
}

// complain prints the error of a command, behind `% ` unless it is Verbatim.
func (t *task) complain(err error) error {
	text := strings.TrimRight(err.Error(), "\n")
	var v interface{ Verbatim() bool }
	if !strings.HasPrefix(text, "%") && !(errors.As(err, &v) && v.Verbatim()) {
		text = "% " + text
	}
	io.WriteString(t.out, text+"\n")
	return err
}

// refuse prints why a line is not a command.
func (t *task) refuse(err error) error {
	var e *grammar.SyntaxError
	if !errors.As(err, &e) {
		return t.complain(err)
	}
	typed := *e
	typed.Line, typed.Offset = t.line, min(t.before+e.Offset, len(t.line))
	var b strings.Builder
	switch {
	case e.Kind == grammar.Invalid:
		column := utf8.RuneCountInString(t.prompt) + utf8.RuneCountInString(t.line[:typed.Offset])
		fmt.Fprintf(&b, "%s^\n%s\n\n", strings.Repeat(" ", column), typed.Error())
	case e.Kind == grammar.Incomplete && isShow(t.line[t.before:]):
		b.WriteString("% Type \"show ?\" for a list of subcommands\n")
	case e.Kind == grammar.Incomplete:
		b.WriteString(typed.Error() + "\n\n")
	default:
		b.WriteString(typed.Error() + "\n")
	}
	io.WriteString(t.out, b.String())
	return &typed
}

// isShow recognises `show` and nothing else.
func isShow(line string) bool {
	w := strings.ToLower(strings.TrimSpace(line))
	return len(w) >= 2 && strings.HasPrefix("show", w)
}

// pages tells whether the output of an exec command goes through the pager,
// and its help offers the pipe: that of commands that show.
func (s *Session) pages(command string) bool {
	full, err := s.cfg.Device.Exec().Expand(command, s.Level())
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(full, " ")
	return first == "show" || first == "more" || first == "dir"
}
