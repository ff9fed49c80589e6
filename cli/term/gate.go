package term

import (
	"io"
	"sync"
)

// typeAheadLimit is how much the gate holds before it stops reading the peer.
const typeAheadLimit = 256 << 10

// gate owns the octets of the peer. Its Read is the input of the editor: one
// keystroke a call, nothing before the prompt is on the screen, nothing after
// the end of a line until the next one is begun. That order is what makes the
// editor's own goroutines safe to use: they are never ahead of ReadLine.
//
// Keys that our own code answers (?, Tab, history, log lines) close the gate
// until it has done so.
type gate struct {
	mu   sync.Mutex
	cond *sync.Cond

	buf     []byte // typed and not yet released
	eof     bool   // the peer has gone
	closed  bool
	skipLF  bool // the last key was CR
	caret   bool // Ctrl-^ interrupted a command, an x may follow
	onBreak func()

	reads   int   // reads that are open: a ReadLine, and a ReadKey in its help
	serial  int   // of the outermost read, for late cancellations
	aborted error // the read shall end with it

	// The open line.
	waiting bool // for the prompt
	armed   bool // keys may pass
	wake    bool // log lines are waiting
	help    bool // ? is a key
	ended   bool // the key that ends it was released
	end     bool // that was Ctrl-Z
	full    bool // the line takes no more text until an edit makes room
	long    bool // text was dropped because of that
	err     error
}

func newGate() *gate {
	g := new(gate)
	g.cond = sync.NewCond(&g.mu)
	return g
}

// feed reads the peer until its end.
func (g *gate) feed(r io.Reader) {
	b := make([]byte, 4096)
	for {
		n, err := r.Read(b)
		if !g.put(b[:n]) {
			return
		}
		if err != nil {
			g.mu.Lock()
			g.eof = true
			g.mu.Unlock()
			g.cond.Broadcast()
			return
		}
	}
}

// put takes octets of the peer; false when nobody wants more.
func (g *gate) put(b []byte) bool {
	g.mu.Lock()
	for len(g.buf) > typeAheadLimit && !g.closed {
		g.cond.Wait()
	}
	breaks := 0
	for _, c := range b {
		if g.caret {
			g.caret = false
			if c == 'x' || c == 'X' {
				g.buf = append(g.buf, ctrlCaret, c)
				continue
			}
		}
		if g.reads == 0 && g.onBreak != nil && (c == ctrlC || c == ctrlCaret) {
			g.buf = g.buf[:0] // the user does not want what was typed ahead either
			g.caret = c == ctrlCaret
			breaks++
			continue
		}
		g.buf = append(g.buf, c)
	}
	f, more := g.onBreak, !g.closed
	g.mu.Unlock()
	g.cond.Broadcast()
	if breaks > 0 {
		f()
	}
	return more
}

// begin opens a read and gives its serial number.
func (g *gate) begin() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reads == 0 {
		g.serial++
		g.aborted = nil
	}
	g.reads++
	return g.serial
}

// finish closes a read.
func (g *gate) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reads--
	if g.reads == 0 {
		g.serial++
	}
}

// abort ends the read of that number, if it is still open.
func (g *gate) abort(serial int, err error) {
	g.mu.Lock()
	if g.serial == serial && g.aborted == nil {
		g.aborted = err
	}
	g.mu.Unlock()
	g.cond.Broadcast()
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cond.Broadcast()
}

// openLine readies the gate for the editor: keys pass after prompted.
func (g *gate) openLine(help bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting, g.armed, g.help = true, false, help
	g.ended, g.end, g.err = false, false, nil
	g.full, g.long = false, false
}

// fill is told that the line is full. What is typed on is dropped here: the
// editor would draw the whole line again for each character.
func (g *gate) fill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.full, g.long = true, true
}

// wasLong tells whether text of the line was dropped.
func (g *gate) wasLong() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.long
}

// closeLine says how the line ended.
func (g *gate) closeLine() (end bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting, g.armed, g.wake = false, false, false
	return g.end, g.err
}

// prompted is told of each frame on the screen; the first opens the gate.
func (g *gate) prompted() {
	g.mu.Lock()
	if g.waiting {
		g.waiting, g.armed = false, true
	}
	g.mu.Unlock()
	g.cond.Broadcast()
}

// rearm reopens the gate after a key that was answered here.
func (g *gate) rearm() {
	g.mu.Lock()
	g.armed = !g.ended
	g.mu.Unlock()
	g.cond.Broadcast()
}

// requestWake has the filter called.
func (g *gate) requestWake() {
	g.mu.Lock()
	g.wake = true
	g.mu.Unlock()
	g.cond.Broadcast()
}

// endEmpty ends the open line from the filter, which turns the key into the
// editor's interrupt.
func (g *gate) endEmpty(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed, g.ended, g.err = false, true, err
}

// Read gives the editor its next keystroke.
func (g *gate) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		if g.armed {
			if s := g.release(); s != "" {
				return copy(p, s), nil
			}
		} else if g.closed && (g.reads == 0 || g.ended) {
			return 0, io.EOF
		}
		g.cond.Wait()
	}
}

// release gives the octets of the next key for the editor, "" for none yet.
func (g *gate) release() string {
	switch {
	case g.closed:
		return g.finishLine(string(rune(ctrlC)), io.EOF)
	case g.aborted != nil:
		return g.finishLine(string(rune(ctrlC)), g.aborted)
	case g.wake:
		g.wake, g.armed = false, false
		return string(runeWake)
	}
	for {
		k, ok := g.next()
		if !ok {
			if g.eof { // hung up: a line that was not finished is not run
				return g.finishLine(string(rune(ctrlC)), io.EOF)
			}
			return ""
		}
		if k.act == actText || k.act == actHelp {
			if g.full && k.text >= " " && k.text[0] != 0x7f {
				g.long = true
				continue
			}
			g.full = false
		}
		switch k.act {
		case actNone:
			continue
		case actEnter:
			return g.finishLine("\r", nil)
		case actEnd:
			g.end = true
			return g.finishLine("\r", nil)
		case actInterrupt:
			return g.finishLine(string(rune(ctrlC)), ErrInterrupt)
		case actEscape:
			return g.finishLine(string(rune(ctrlC)), ErrEscape)
		case actHelp:
			g.armed = !g.help
		case actDelete:
			g.armed, k.text = false, string(runeDelete)
		case actTab:
			g.armed, k.text = false, "\t"
		case actPrevious:
			g.armed, k.text = false, string(runePrevious)
		case actNext:
			g.armed, k.text = false, string(runeNext)
		case actRedraw:
			g.armed, k.text = false, string(runeRedraw)
		}
		return k.text
	}
}

func (g *gate) finishLine(s string, err error) string {
	g.armed, g.ended, g.err = false, true, err
	return s
}

// next takes a whole keystroke from the buffer.
func (g *gate) next() (key, bool) {
	for len(g.buf) > 0 {
		if g.skipLF {
			g.skipLF = false
			if g.buf[0] == '\n' || g.buf[0] == 0 {
				g.buf = g.buf[1:]
				continue
			}
		}
		k, n := decode(g.buf)
		if n == 0 {
			break
		}
		g.skipLF = g.buf[0] == '\r'
		g.buf = g.buf[n:]
		if len(g.buf) <= typeAheadLimit {
			g.cond.Broadcast() // the feeder may wait for room
		}
		if k.act != actNone {
			return k, true
		}
	}
	return key{}, false
}

// readKey waits for a key past the editor: for the pager and for secrets.
func (g *gate) readKey() (key, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		switch {
		case g.closed:
			return key{}, io.EOF
		case g.aborted != nil:
			return key{}, g.aborted
		}
		if k, ok := g.next(); ok {
			return k, nil
		}
		if g.eof {
			return key{}, io.EOF
		}
		g.cond.Wait()
	}
}

// Close is for the editor, which closes its input.
func (g *gate) Close() error {
	g.close()
	return nil
}
