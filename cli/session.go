package cli

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/term"
)

// Config is what a session is made of.
type Config struct {
	Device Device
	// Reader is the keyboard and the screen; nil for a session that only
	// Executes. Many sessions may share one reader, when one at a time Runs.
	Reader term.LineReader
	Line   string     // "console", "vty 0"; empty means console
	User   string     // "" on an open console
	From   netip.Addr // of the peer; invalid on the console
	Level  int        // privilege at the start: 1 or 15; 0 means 1
	// Monitor is what `terminal monitor` turns on; the console needs it not.
	Monitor bool
}

// Why Run returned, and what Execute returns when a line ends the session.
var (
	ErrQuit        = errors.New("session closed by exit")
	ErrInterrupted = errors.New("interrupted twice at an empty prompt")
	ErrEscape      = term.ErrEscape // Ctrl-^ x, or Escape: another console
)

// Sizes of a history: `terminal history size`.
const (
	defaultHistory = 20
	longestHistory = 256
)

// defaultLength and defaultWidth are those of a terminal that does not tell.
const (
	defaultLength = 24
	defaultWidth  = 80
)

// unset marks a size that the terminal is asked for.
const unset = -1

// Session is one user at one line. One goroutine at a time Runs or Executes;
// Log, and the methods that only ask, may be called from any.
type Session struct {
	cfg    Config
	stack  *grammar.Stack // open modes of configuration; nil in exec mode
	closed bool

	// Set by the command that runs, for when it is done.
	quit, escape, configure bool

	mu       sync.Mutex // guards what follows; the device is never called under it
	attached bool       // it Runs: the reader is ours
	level    int
	width    int
	length   int
	monitor  bool
	history  []string
	limit    int
	waiting  int       // reads that are open
	since    time.Time // when the first of them was opened
}

// New opens a session and tells the device of it. Close it after use.
func New(cfg Config) *Session {
	if cfg.Line == "" {
		cfg.Line = "console"
	}
	if cfg.Level == 0 {
		cfg.Level = 1
	}
	s := &Session{
		cfg: cfg, level: cfg.Level, monitor: cfg.Monitor,
		width: unset, length: unset, limit: defaultHistory,
	}
	if cfg.Reader != nil {
		s.cfg.Reader = &watchedReader{LineReader: cfg.Reader, s: s}
	}
	s.since = time.Now()
	cfg.Device.Opened(s)
	return s
}

// Close leaves configuration mode and tells the device that the session is
// over. The reader stays open.
func (s *Session) Close() {
	if s.closed {
		return
	}
	s.closed = true
	s.leaveConfiguration(context.Background())
	s.cfg.Device.Closed(s)
}

// leaveConfiguration is the way back to exec mode.
func (s *Session) leaveConfiguration(ctx context.Context) {
	if s.stack == nil {
		return
	}
	s.stack = nil
	s.cfg.Device.LeftConfiguration(ctx, s)
}

// hostInPrompt is how much of the host name a configuration prompt shows.
const hostInPrompt = 20

// Prompt is what stands before the next line: R2#, R2(config-if)#, R2>.
func (s *Session) Prompt() string {
	host := s.cfg.Device.Hostname()
	if s.stack != nil {
		if r := []rune(host); len(r) > hostInPrompt {
			host = string(r[:hostInPrompt])
		}
		s.cfg.Device.View(func(root any) { host += s.stack.Prompt(root) })
		return host + "#"
	}
	if s.Level() > 1 {
		return host + "#"
	}
	return host + ">"
}

// Log shows a log line (without its end) to the user while the session Runs.
// It never blocks. Whether the line is wanted (console, monitor) is for the
// device to say.
func (s *Session) Log(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached {
		s.cfg.Reader.Async(line)
	}
}

// attach makes the reader ours, or gives it back.
func (s *Session) attach(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attached = on
	if s.width > 0 {
		if on {
			s.cfg.Reader.SetSize(s.width, 0)
		} else {
			s.cfg.Reader.SetSize(0, 0)
		}
	}
}

// remember adds a line to the history.
func (s *Session) remember(line string) {
	line = strings.TrimSpace(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == "" || len(line) > longestLine || len(s.history) > 0 && s.history[len(s.history)-1] == line {
		return
	}
	s.history = append(s.history, line)
	s.trimHistory()
}

func (s *Session) trimHistory() {
	if n := len(s.history) - s.limit; n > 0 {
		s.history = slices.Delete(s.history, 0, n)
	}
}

// What commands may do to the session that typed them.
var _ grammar.Session = (*Session)(nil)

// Level is the privilege level, 1 to 15.
func (s *Session) Level() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.level
}

// SetLevel is `enable` and `disable`.
func (s *Session) SetLevel(level int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level = level
}

// Configure is `configure terminal`: configuration mode begins when the
// command is done.
func (s *Session) Configure() { s.configure = true }

// Quit is `exit` and `logout`: the session ends when the command is done.
func (s *Session) Quit() { s.quit = true }

// Escape makes Run return ErrEscape when the command that calls it is done.
func (s *Session) Escape() { s.escape = true }

// SetLength is `terminal length`: rows of the pager, 0 for none, less than 0
// for those of the terminal.
func (s *Session) SetLength(rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.length = max(rows, unset)
}

// Length is the rows of the pager, 0 for none.
func (s *Session) Length() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.length != unset {
		return s.length
	}
	if !s.attached {
		return 0
	}
	if _, rows := s.cfg.Reader.Size(); rows > 0 {
		return rows
	}
	return defaultLength
}

// SetWidth is `terminal width`: columns, 0 for endless, less than 0 for those
// of the terminal.
func (s *Session) SetWidth(columns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width = max(columns, unset)
	if s.attached {
		s.cfg.Reader.SetSize(max(columns, 0), 0)
	}
}

// Width is the columns of the terminal.
func (s *Session) Width() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.width != unset {
		return s.width
	}
	if s.attached {
		if columns, _ := s.cfg.Reader.Size(); columns > 0 {
			return columns
		}
	}
	return defaultWidth
}

// SetMonitor is `terminal monitor`.
func (s *Session) SetMonitor(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.monitor = on
}

// Monitor tells whether a line that is not the console wants log lines.
func (s *Session) Monitor() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.monitor
}

// History is the lines typed, oldest first.
func (s *Session) History() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.history)
}

// SetHistorySize is `terminal history size`, 0 to 256.
func (s *Session) SetHistorySize(lines int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = min(max(lines, 0), longestHistory)
	s.trimHistory()
}

// HistorySize is how many lines the history holds.
func (s *Session) HistorySize() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit
}

// Line names the line: "console", "vty 0".
func (s *Session) Line() string { return s.cfg.Line }

// User is who logged in, "" on an open console.
func (s *Session) User() string { return s.cfg.User }

// From is the address of the peer, invalid on the console.
func (s *Session) From() netip.Addr { return s.cfg.From }
