package cli

import (
	"context"
	"time"

	"coterie/cli/term"
)

// Waiting says whether the session waits for its user, in a line, a dialog or
// the pager, and since when.
func (s *Session) Waiting() (since time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since, s.waiting > 0
}

// watchedReader is a reader whose session knows that it is being read.
type watchedReader struct {
	term.LineReader
	s *Session
}

// wait counts a read, until done.
func (w *watchedReader) wait() (done func()) {
	s := w.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting++; s.waiting == 1 {
		s.since = time.Now()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.waiting--
	}
}

func (w *watchedReader) ReadLine(ctx context.Context, prompt string, o term.Options) (term.Line, error) {
	defer w.wait()()
	return w.LineReader.ReadLine(ctx, prompt, o)
}

func (w *watchedReader) ReadSecret(ctx context.Context, prompt string) (string, error) {
	defer w.wait()()
	return w.LineReader.ReadSecret(ctx, prompt)
}

func (w *watchedReader) ReadKey(ctx context.Context, prompt string) (rune, error) {
	defer w.wait()()
	return w.LineReader.ReadKey(ctx, prompt)
}
