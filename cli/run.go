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

// Run reads and executes lines until the user leaves: ErrQuit, ErrInterrupted,
// ErrEscape, io.EOF, or ctx's error. The session keeps its mode, so that Run
// may be called again after ErrEscape.
func (s *Session) Run(ctx context.Context) error {
	r := s.cfg.Reader
	if r == nil {
		return errors.New("cli: session without a reader")
	}
	s.attach(true)
	defer s.attach(false)
	interrupts := 0
	for {
		prompt := s.Prompt()
		l, err := r.ReadLine(ctx, prompt, s.options(ctx, prompt))
		switch {
		case errors.Is(err, term.ErrInterrupt) && s.stack != nil:
			s.leaveConfiguration(ctx)
			continue
		case errors.Is(err, term.ErrInterrupt):
			if interrupts++; l.Text != "" {
				interrupts = 0
			}
			if interrupts == 2 {
				return ErrInterrupted
			}
			continue
		case err != nil:
			return err
		}
		interrupts = 0
		s.remember(l.Text)
		err = s.typed(ctx, prompt, l)
		switch {
		case errors.Is(err, ErrQuit), errors.Is(err, ErrEscape):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// typed executes a line of the reader; Ctrl-C and Ctrl-^ cancel it.
func (s *Session) typed(ctx context.Context, prompt string, l term.Line) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.cfg.Reader.Interrupted(cancel)()
	return s.perform(&task{
		Session: s, ctx: ctx, cancel: cancel, prompt: prompt,
		out: s.cfg.Reader, source: keyboard{s.cfg.Reader}, reader: s.cfg.Reader,
	}, l)
}

// options are what the reader may ask while the line is open.
func (s *Session) options(ctx context.Context, prompt string) term.Options {
	return term.Options{
		Help:        func(before string) { s.showHelp(ctx, before) },
		Complete:    s.complete,
		History:     s.History(),
		EchoControl: s.stack != nil,
	}
}

// showHelp answers `?`.
func (s *Session) showHelp(ctx context.Context, before string) {
	r := s.cfg.Reader
	h, err := s.help(before)
	if err != nil {
		io.WriteString(r, err.Error()+"\n")
		return
	}
	text := h.Text(s.Width()) + "\n"
	if strings.TrimSpace(before) == "" && len(h.Entries) > 0 {
		title := "Exec commands:\n"
		if s.stack != nil {
			title = "Configure commands:\n"
		}
		if s.stack == nil || s.stack.Depth() == 1 {
			text = title + text
		}
	}
	length := 0
	if r.Interactive() {
		length = s.Length()
	}
	p := pipe.NewPager(r, keys{ctx, s}, length, s.Width())
	io.WriteString(p, text)
	p.Close()
}

// help finds what `?` shows for the text before the cursor.
func (s *Session) help(before string) (h grammar.Help, err error) {
	if s.stack == nil {
		return s.execHelp(before)
	}
	if rest, ok := afterDo(before); ok {
		return s.execHelp(before[rest:])
	}
	s.cfg.Device.View(func(root any) { h, err = s.stack.Help(before, s.Level(), root) })
	return h, err
}

func (s *Session) execHelp(before string) (h grammar.Help, err error) {
	command, at, piped := pipe.Split(before)
	if piped {
		if _, err := s.cfg.Device.Exec().Parse(command, s.Level()); err != nil {
			return h, unrecognized(err)
		}
		return pipe.Help(before, at)
	}
	s.cfg.Device.View(func(root any) { h, err = s.cfg.Device.Exec().Help(before, s.Level(), root) })
	if err == nil && h.CR && s.pages(before) {
		h.Entries = append(h.Entries, grammar.HelpEntry{Word: "|", Help: "Output modifiers"})
	}
	return h, err
}

// unrecognized is the error of `?` behind a line that is wrong itself.
func unrecognized(err error) error {
	var e *grammar.SyntaxError
	if !errors.As(err, &e) || e.Kind == grammar.Ambiguous {
		return err
	}
	u := *e
	u.Kind = grammar.Unknown
	return &u
}

// complete answers Tab.
func (s *Session) complete(before string) (rest string, ok bool) {
	exec := s.stack == nil
	if at, do := afterDo(before); do && !exec {
		before, exec = before[at:], true
	}
	if _, at, piped := pipe.Split(before); piped && exec {
		return pipe.Complete(before, at)
	}
	s.cfg.Device.View(func(root any) {
		if exec {
			rest, ok = s.cfg.Device.Exec().Complete(before, s.Level(), root)
		} else {
			rest, ok = s.stack.Complete(before, s.Level(), root)
		}
	})
	return rest, ok
}

// afterDo is where the exec command of a `do` line begins.
func afterDo(line string) (at int, ok bool) {
	text := strings.TrimLeft(line, " \t")
	at = len(line) - len(text)
	if len(text) < 3 || !strings.EqualFold(text[:2], "do") || text[2] != ' ' && text[2] != '\t' {
		return 0, false
	}
	return len(line) - len(strings.TrimLeft(text[2:], " \t")), true
}

// keys is the terminal as the pager sees it.
type keys struct {
	ctx context.Context
	s   *Session
}

func (k keys) Key(prompt string) (rune, error) {
	r, err := k.s.cfg.Reader.ReadKey(k.ctx, prompt)
	if errors.Is(err, term.ErrEscape) {
		k.s.escape = true
	}
	return r, err
}

func (k keys) Pattern(prompt string) (string, error) {
	l, err := k.s.cfg.Reader.ReadLine(k.ctx, prompt, term.Options{})
	if errors.Is(err, term.ErrInterrupt) {
		err = pipe.ErrQuit
	}
	return l.Text, err
}
