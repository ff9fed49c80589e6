package term

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
)

// longestInput bounds a line of a Plain reader.
const longestInput = 1 << 20

// Plain reads lines from a pipe or a file: no editing, no `?`, no pager.
type Plain struct {
	in     io.Reader
	echo   bool
	lines  chan string
	queue  *queue
	done   chan struct{}
	once   sync.Once
	screen screen
	open   string // the prompt that stands on the screen; screen.mu

	columns, rows atomic.Int32
}

// NewPlain reads lines from in. With echo the lines are written to out behind
// their prompts, so that out reads like a session. Close closes in if it can
// be closed.
func NewPlain(in io.Reader, out io.Writer, echo bool) *Plain {
	p := &Plain{
		in: in, echo: echo, lines: make(chan string), queue: newQueue(),
		done: make(chan struct{}), screen: screen{w: out},
	}
	go p.scan()
	go p.queue.pump(p.done, p.showLog)
	return p
}

func (p *Plain) scan() {
	defer close(p.lines)
	sc := bufio.NewScanner(p.in)
	sc.Buffer(nil, longestInput)
	for sc.Scan() {
		select {
		case p.lines <- strings.TrimSuffix(sc.Text(), "\r"):
		case <-p.done:
			return
		}
	}
}

func (p *Plain) showLog() {
	p.screen.mu.Lock()
	defer p.screen.mu.Unlock()
	p.screen.lines(p.queue.take())
	if p.open != "" && p.screen.col == 0 {
		p.screen.print(p.open)
	}
}

// next waits for a line. A prompt whose line will be echoed is written with
// it, so that nothing can come between the two.
func (p *Plain) next(ctx context.Context, prompt string, secret bool) (string, error) {
	s := &p.screen
	s.mu.Lock()
	s.lines(p.queue.take())
	if !p.echo {
		s.freshLine()
		s.print(prompt)
		p.open = prompt
	}
	s.mu.Unlock()

	var line string
	var err error
	select {
	case <-p.done:
		err = io.EOF
	default:
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-p.done:
			err = io.EOF
		case l, ok := <-p.lines:
			if line = l; !ok {
				err = io.EOF
			}
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	p.open = ""
	switch {
	case err != nil && !p.echo:
		s.freshLine()
	case err != nil:
	case p.echo && secret:
		s.freshLine()
		s.print(prompt + "\n")
	case p.echo:
		s.freshLine()
		s.print(prompt + strings.TrimSuffix(line, string(rune(ctrlZ))) + "\n")
	default:
		s.col = 0 // the peer's own echo, if any, ended the row
	}
	return line, err
}

// ReadLine takes the next line.
func (p *Plain) ReadLine(ctx context.Context, prompt string, _ Options) (Line, error) {
	line, err := p.next(ctx, prompt, false)
	text, end := strings.CutSuffix(line, string(rune(ctrlZ)))
	return Line{Text: text, End: end}, err
}

// ReadSecret takes the next line and does not echo it.
func (p *Plain) ReadSecret(ctx context.Context, prompt string) (string, error) {
	return p.next(ctx, prompt, true)
}

// ReadKey has no keys to give.
func (p *Plain) ReadKey(context.Context, string) (rune, error) { return 0, io.EOF }

// Write shows output of a command.
func (p *Plain) Write(b []byte) (int, error) { return p.screen.Write(b) }

// Async shows a log line.
func (p *Plain) Async(line string) { p.queue.put(line) }

// Interrupted never calls f: there are no keys in a pipe.
func (p *Plain) Interrupted(func()) (stop func()) { return func() {} }

// Interactive is false.
func (p *Plain) Interactive() bool { return false }

// Size is what SetSize said.
func (p *Plain) Size() (columns, rows int) { return int(p.columns.Load()), int(p.rows.Load()) }

// SetSize is remembered for Size.
func (p *Plain) SetSize(columns, rows int) {
	p.columns.Store(int32(columns))
	p.rows.Store(int32(rows))
}

// Close ends a read in progress.
func (p *Plain) Close() error {
	var err error
	p.once.Do(func() {
		close(p.done)
		if c, ok := p.in.(io.Closer); ok {
			err = c.Close()
		}
	})
	return err
}
