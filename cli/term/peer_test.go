package term

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// peer is the other end of a Terminal, in memory: what is typed goes through a
// pipe, what is shown is kept.
type peer struct {
	r    *io.PipeReader
	w    *io.PipeWriter
	mu   sync.Mutex
	cond *sync.Cond
	out  bytes.Buffer
	hook func(p []byte)
}

func newPeer() *peer {
	p := new(peer)
	p.r, p.w = io.Pipe()
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *peer) Read(b []byte) (int, error) { return p.r.Read(b) }
func (p *peer) Close() error               { p.w.Close(); return p.r.Close() }
func (p *peer) typed(s string)             { io.WriteString(p.w, s) }

func (p *peer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	if p.hook != nil {
		p.hook(b)
	}
	p.cond.Broadcast()
	return len(b), nil
}

func (p *peer) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// await waits until the screen ends in s.
func (p *peer) await(t *testing.T, s string) {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.out.WriteString("<never came>")
		p.cond.Broadcast()
	})
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !strings.HasSuffix(p.out.String(), s) {
		if strings.HasSuffix(p.out.String(), "<never came>") {
			t.Fatalf("screen never ended in %q:\n%q", s, p.out.String())
		}
		p.cond.Wait()
	}
}

// glued counts log lines that stand behind something on their row, and all.
func glued(screen, log string) (bad, all int) {
	for row := range strings.SplitSeq(screen, "\n") {
		i := strings.Index(row, log)
		if i < 0 {
			continue
		}
		all++
		before := row[:i]
		if j := strings.LastIndex(before, "\r"); j >= 0 {
			before = before[j+1:]
		}
		if before != "" {
			bad++
		}
	}
	return bad, all
}
