package term

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/chzyer/readline"
)

// Config of a Terminal.
type Config struct {
	// Peer is the keyboard and the screen. It is closed by Close if it can be.
	Peer io.ReadWriter
	// Size, when set, is asked for columns and rows at each prompt.
	Size func() (columns, rows int)
	// KeepLF leaves LF alone: a local tty adds the CR itself.
	KeepLF bool
	// EndOnCtrlD makes Ctrl-D in an empty line the end of the input, as in
	// other programs; a router rings the bell.
	EndOnCtrlD bool
}

// defaultColumns is the width of a peer that does not tell.
const defaultColumns = 80

// longestLine is how many characters a line may have; more ring the bell. IOS
// takes 254. What a key costs grows with the line and its rows, as the editor
// draws them all again, so this also bounds what a hostile peer can ask for.
const longestLine = 512

// activity is what stands on the last row of the screen.
type activity uint8

const (
	running  activity = iota // output of a command, or nothing
	lineOpen                 // prompt and line, redrawn by the editor
	keyOpen                  // the prompt of ReadKey or ReadSecret
)

// Terminal edits lines for a peer that shows octets as they come and sends
// them as they are typed: a tty in raw mode, an SSH channel with a pty.
type Terminal struct {
	cfg   Config
	gate  *gate
	queue *queue
	done  chan struct{}
	once  sync.Once

	columns, rows atomic.Int32 // by SetSize; 0 = ask
	editColumns   atomic.Int32 // what the editor is told

	read   sync.Mutex // held by the ReadLine that is open; guards editor
	editor *readline.Instance
	width  func() // tells the editor that its width changed

	screen   screen // its mu guards what follows
	frame    frame
	activity activity
	prompt   string // of lineOpen and keyOpen
	logged   int    // 2 = log lines were shown, 1 = and the prompt below them, nothing since

	// Owned by whoever holds the line: ReadLine before the prompt is shown,
	// then the editor's goroutine.
	options Options
	line    []rune // as the editor last told
	pos     int
	literal bool   // the rune in work came after Ctrl-V
	recall  int    // position in options.History, len = the line itself
	draft   []rune // the line itself, while history is shown
}

// NewTerminal starts to read the peer.
func NewTerminal(cfg Config) *Terminal {
	t := &Terminal{
		cfg: cfg, gate: newGate(), queue: newQueue(), done: make(chan struct{}),
		screen: screen{w: cfg.Peer, crlf: !cfg.KeepLF},
	}
	t.frame.reset()
	go t.gate.feed(cfg.Peer)
	go t.queue.pump(t.done, t.showLog)
	return t
}

// Write shows output of a command.
func (t *Terminal) Write(p []byte) (int, error) { return t.screen.Write(p) }

// Interactive is true.
func (t *Terminal) Interactive() bool { return true }

// Size is what SetSize said, else what the peer says.
func (t *Terminal) Size() (columns, rows int) {
	columns, rows = int(t.columns.Load()), int(t.rows.Load())
	if columns > 0 && rows > 0 || t.cfg.Size == nil {
		return columns, rows
	}
	c, r := t.cfg.Size()
	if columns <= 0 {
		columns = c
	}
	if rows <= 0 {
		rows = r
	}
	return columns, rows
}

// SetSize overrides the size of the peer; 0 asks the peer again.
func (t *Terminal) SetSize(columns, rows int) {
	t.columns.Store(int32(columns))
	t.rows.Store(int32(rows))
	t.gate.requestWake()
}

// Resized says that Config.Size has changed.
func (t *Terminal) Resized() { t.gate.requestWake() }

// Interrupted has f called for each Ctrl-C and Ctrl-^ outside of a read.
func (t *Terminal) Interrupted(f func()) (stop func()) {
	t.gate.mu.Lock()
	t.gate.onBreak = f
	t.gate.mu.Unlock()
	return func() {
		t.gate.mu.Lock()
		t.gate.onBreak = nil
		t.gate.mu.Unlock()
	}
}

// Async shows a log line.
func (t *Terminal) Async(line string) { t.queue.put(line) }

// showLog runs in the pump.
func (t *Terminal) showLog() {
	s := &t.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	switch t.activity {
	case lineOpen:
		t.gate.requestWake() // the editor's goroutine shows them
	case keyOpen:
		if lines := t.queue.take(); len(lines) > 0 {
			t.erasePrompt()
			s.lines(lines)
			s.print(t.prompt)
		}
	default:
		s.lines(t.queue.take())
	}
}

// erasePrompt backs up over the prompt of a key.
func (t *Terminal) erasePrompt() {
	n := len(t.prompt)
	t.screen.print(strings.Repeat("\b", n) + strings.Repeat(" ", n) + strings.Repeat("\b", n))
}

// ReadLine edits a line.
func (t *Terminal) ReadLine(ctx context.Context, prompt string, o Options) (Line, error) {
	t.read.Lock()
	defer t.read.Unlock()
	serial := t.gate.begin()
	defer t.gate.finish()
	if err := t.ended(ctx); err != nil {
		return Line{}, err
	}
	if text, ok := t.pasted(prompt, o); ok {
		return Line{Text: text}, nil
	}
	if err := t.start(); err != nil {
		return Line{}, err
	}
	t.resize(prompt)
	t.options, t.line, t.pos, t.recall, t.literal = o, nil, 0, len(o.History), false
	t.editor.SetPrompt(prompt)

	s := &t.screen
	s.mu.Lock()
	t.frame.reset()
	t.frame.prompt, t.frame.tail = prompt, ""
	s.lines(t.queue.take())
	s.freshLine()
	t.activity, t.prompt, t.logged = lineOpen, prompt, 0
	s.mu.Unlock()
	if o.Initial != "" {
		t.line = []rune(o.Initial)
		t.pos = len(t.line)
		t.editor.Operation.SetBuffer(o.Initial)
	}
	t.gate.openLine(o.Help != nil)

	stop := context.AfterFunc(ctx, func() { t.gate.abort(serial, ctx.Err()) })
	text, _ := t.editor.Readline() // why it ended is for the gate to say
	end, err := t.gate.closeLine()
	stop()

	s.mu.Lock()
	defer s.mu.Unlock()
	t.activity = running
	t.frame.reset()
	s.lines(t.queue.take())
	if err != nil {
		return Line{Text: text}, err
	}
	if s.err != nil {
		return Line{}, io.EOF
	}
	return Line{Text: text, End: end, Long: t.gate.wasLong()}, nil
}

// ended is why no read can begin.
func (t *Terminal) ended(ctx context.Context) error {
	select {
	case <-t.done:
		return io.EOF
	default:
		return ctx.Err()
	}
}

// ReadSecret reads a line without echo, past the editor.
func (t *Terminal) ReadSecret(ctx context.Context, prompt string) (string, error) {
	var secret []byte
	err := t.readKeys(ctx, prompt, func(k key) (bool, error) {
		switch k.act {
		case actEnter, actEnd:
			return true, nil
		case actInterrupt:
			return true, ErrInterrupt
		case actText, actHelp:
			switch k.text {
			case "\x7f":
				if n := len(secret); n > 0 {
					secret = secret[:n-1]
				}
			case "\x15":
				secret = secret[:0]
			default:
				if len(secret) >= longestLine {
					t.bell()
					break
				}
				secret = append(secret, plain(k.text)...)
			}
		}
		return false, nil
	}, func() { t.screen.print("\n") })
	if err != nil {
		return "", err
	}
	return string(secret), nil
}

// plain is the text of a key outside the editor.
func plain(s string) string {
	for _, r := range s {
		if r >= runeLiteral && r < runeLiteral+0x80 {
			return string(r - runeLiteral)
		}
		if r < ' ' || r == 0x7f {
			return ""
		}
	}
	return s
}

// ReadKey shows prompt, waits for one key and erases the prompt. Keys without
// a character give their control character.
func (t *Terminal) ReadKey(ctx context.Context, prompt string) (r rune, err error) {
	err = t.readKeys(ctx, prompt, func(k key) (bool, error) {
		switch k.act {
		case actEnter:
			r = '\r'
		case actInterrupt:
			r = ctrlC
		case actText, actHelp:
			for _, c := range k.text {
				r = c
			}
			if s := plain(k.text); s != "" {
				r = []rune(s)[0]
			}
		default:
			r = ctrlZ
		}
		return true, nil
	}, t.erasePrompt)
	return r, err
}

// readKeys gives keys to take until it says that it is done; then leave
// tidies the row.
func (t *Terminal) readKeys(ctx context.Context, prompt string, take func(key) (bool, error), leave func()) error {
	serial := t.gate.begin()
	defer t.gate.finish()
	if err := t.ended(ctx); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { t.gate.abort(serial, ctx.Err()) })
	defer stop()

	s := &t.screen
	s.mu.Lock()
	before, outer := t.activity, t.prompt
	s.lines(t.queue.take())
	s.freshLine()
	t.activity, t.prompt = keyOpen, prompt
	s.print(prompt)
	s.mu.Unlock()

	var done bool
	var err error
	for !done && err == nil {
		var k key
		if k, err = t.gate.readKey(); err == nil && k.act == actEscape {
			err = ErrEscape
		} else if err == nil {
			done, err = take(k)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	leave()
	t.activity, t.prompt = before, outer
	if before == running {
		s.lines(t.queue.take())
	}
	return err
}

// Close ends a read in progress and the goroutines. It must not be called from
// a callback of Options.
func (t *Terminal) Close() error {
	var err error
	t.once.Do(func() {
		close(t.done)
		t.gate.close()
		if c, ok := t.cfg.Peer.(io.Closer); ok {
			err = c.Close()
		}
		t.read.Lock()
		defer t.read.Unlock()
		t.stop()
	})
	return err
}
