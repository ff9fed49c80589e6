package term

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// screen is the output side of a line: it turns LF into CR LF where the peer
// wants that, knows the cursor's column, and keeps the first error of the
// peer. Methods in small letters need mu.
type screen struct {
	mu   sync.Mutex
	w    io.Writer
	crlf bool
	col  int  // octets that are no continuation since the row began
	cr   bool // the last octet was CR
	seq  int  // inside an escape sequence: 1 after ESC, 2 after ESC [
	err  error
}

// emit writes b as one Write of the peer.
func (s *screen) emit(b []byte) error {
	if len(b) == 0 || s.err != nil {
		return s.err
	}
	out := make([]byte, 0, len(b)+8)
	for _, c := range b {
		if c == '\n' && s.crlf && !s.cr {
			out = append(out, '\r')
		}
		out = append(out, c)
		s.track(c)
		s.cr = c == '\r'
	}
	_, s.err = s.w.Write(out)
	return s.err
}

func (s *screen) print(text string) error { return s.emit([]byte(text)) }

// track follows the cursor.
func (s *screen) track(c byte) {
	switch {
	case s.seq == 1:
		s.seq = 0
		if c == '[' {
			s.seq = 2
		}
	case s.seq == 2:
		if c >= 0x40 {
			s.seq = 0
		}
	case c == esc:
		s.seq = 1
	case c == '\r' || c == '\n':
		s.col = 0
	case c == '\b':
		s.col = max(0, s.col-1)
	case c >= ' ' && c != 0x7f && c&0xc0 != 0x80:
		s.col++
	}
}

// freshLine ends a row that something stands in.
func (s *screen) freshLine() error {
	if s.col == 0 {
		return s.err
	}
	return s.print("\n")
}

// lines writes log lines, each on its own row.
func (s *screen) lines(lines []string) {
	if len(lines) == 0 {
		return
	}
	s.freshLine()
	s.print(strings.Join(lines, "\n") + "\n")
}

// Write is command output.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.emit(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// queueLimit is how many log lines wait for a slow peer.
const queueLimit = 512

// queue holds the log lines that are not on the screen yet. It is all that a
// caller of Async touches.
type queue struct {
	mu      sync.Mutex
	lines   []string
	dropped int
	kick    chan struct{} // one slot: there is something to show
}

func newQueue() *queue { return &queue{kick: make(chan struct{}, 1)} }

// put never blocks.
func (q *queue) put(line string) {
	line = strings.TrimRight(line, "\r\n")
	q.mu.Lock()
	if len(q.lines) < queueLimit {
		q.lines = append(q.lines, line)
	} else {
		q.dropped++
	}
	q.mu.Unlock()
	select {
	case q.kick <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (q *queue) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines := q.lines
	if q.dropped > 0 {
		lines = append(lines, fmt.Sprintf("%% %d log messages were dropped: this line is too slow", q.dropped))
	}
	q.lines, q.dropped = nil, 0
	return lines
}

// pump calls show whenever there is something in the queue, until done.
func (q *queue) pump(done <-chan struct{}, show func()) {
	for {
		select {
		case <-q.kick:
			show()
		case <-done:
			return
		}
	}
}
