package lab

import (
	"bytes"
	"io"
	"slices"
	"sync"
)

// transcript shows a script as a terminal would: one console at a time, with
// the log lines of that console between the lines of output and never inside
// one. What a console logs while another is shown waits until it is shown again.
type transcript struct {
	mu      sync.Mutex
	w       io.Writer
	err     error
	inLine  bool // the screen's last line has no end yet
	shown   string
	waiting map[string][]string // of consoles shown before
}

// waitingLimit is how many log lines a console keeps; the oldest make room.
const waitingLimit = 1000

func newTranscript(w io.Writer) *transcript {
	return &transcript{w: w, waiting: make(map[string][]string)}
}

func (t *transcript) print(b []byte) {
	if t.err == nil && len(b) > 0 {
		_, t.err = t.w.Write(b)
		t.inLine = b[len(b)-1] != '\n'
	}
}

// show turns to the console of node and types text at its prompt.
func (t *transcript) show(node, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.waiting[node]; !ok {
		t.waiting[node] = []string{}
	}
	t.shown = node
	t.logs()
	t.print([]byte(text + "\n"))
}

// say prints a line of the lab's own.
func (t *transcript) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh()
	t.print([]byte(text + "\n"))
}

// hide ends what show began: later log lines wait.
func (t *transcript) hide() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh()
	t.logs()
	t.shown = ""
}

func (t *transcript) fresh() {
	if t.inLine {
		t.print([]byte("\n"))
	}
}

// logs prints what waits for the console shown.
func (t *transcript) logs() {
	for _, line := range t.waiting[t.shown] {
		t.print([]byte(line + "\n"))
	}
	if w := t.waiting[t.shown]; len(w) > 0 {
		t.waiting[t.shown] = w[:0]
	}
}

// Write shows output of the line that runs.
func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cut := bytes.LastIndexByte(b, '\n') + 1
	t.print(b[:cut])
	if !t.inLine {
		t.logs()
	}
	t.print(b[cut:])
	if t.err != nil {
		return 0, t.err
	}
	return len(b), nil
}

// log takes a log line of a node.
func (t *transcript) log(node, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.waiting[node]
	if !ok {
		return
	}
	if len(w) >= waitingLimit {
		w = slices.Delete(w, 0, 1)
	}
	t.waiting[node] = append(w, line)
	if node == t.shown && !t.inLine {
		t.logs()
	}
}
