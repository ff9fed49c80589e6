package term

// A line that waits behind the gate as a whole, because it was pasted or sent
// by a program, needs no editing: it is echoed at once and handed on. That is
// some twenty times faster than key by key, and looks the same.

// pasted takes such a line and shows it behind prompt.
func (t *Terminal) pasted(prompt string, o Options) (string, bool) {
	if o.Initial != "" {
		return "", false
	}
	text, ok := t.gate.takeLine(o.Help != nil)
	if !ok {
		return "", false
	}
	s := &t.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines(t.queue.take())
	s.freshLine()
	t.logged = 0
	s.print(prompt + text + "\n")
	if s.err != nil {
		return "", false // the editor finds out in its own way
	}
	return text, true
}

// takeLine takes a whole line from the front of the buffer if nothing in it
// is a key that edits; with help, `?` is one.
func (g *gate) takeLine(help bool) (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.aborted != nil {
		return "", false
	}
	buf := g.buf
	if g.skipLF && len(buf) > 0 && (buf[0] == '\n' || buf[0] == 0) {
		buf = buf[1:]
	}
	for i, c := range buf {
		switch {
		case c == '\r' || c == '\n':
			g.skipLF = c == '\r'
			g.buf = buf[i+1:]
			if len(g.buf) <= typeAheadLimit {
				g.cond.Broadcast()
			}
			return string(buf[:i]), true
		case c < ' ' || c > '~' || c == '?' && help || i >= longestLine:
			return "", false
		}
	}
	return "", false
}
