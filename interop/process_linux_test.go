package interop

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// output is what a process writes, for a test to wait for.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more *sync.Cond
}

func newOutput() *output {
	o := new(output)
	o.more = sync.NewCond(&o.mu)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.more.Broadcast()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// count is how often text has been written.
func (o *output) count(text string) int { return strings.Count(o.String(), text) }

// patience is how long anything may take that usually takes milliseconds.
const patience = 15 * time.Second

// await waits until text has been written n times.
func (o *output) await(t testing.TB, text string, n int) {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.more.Broadcast()
	})
	defer timer.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for strings.Count(o.text.String(), text) < n {
		if late {
			t.Fatalf("%q never came:\n%s", text, tail(o.text.String()))
		}
		o.more.Wait()
	}
}

// tail is the end of a long text.
func tail(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "")
}

// process is a program that runs until the test ends.
type process struct {
	*output
	cmd  *exec.Cmd
	once sync.Once
}

// start runs cmd until the end of the test, or of this process however it
// comes.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{output: newOutput(), cmd: cmd}
	cmd.Stdout, cmd.Stderr = p, p
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

func (p *process) stop() {
	p.once.Do(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		hard := time.AfterFunc(5*time.Second, func() { p.cmd.Process.Kill() })
		defer hard.Stop()
		p.cmd.Wait()
	})
}

// run is one command to its end: what it wrote, and whether it succeeded.
func run(t testing.TB, cmd *exec.Cmd, input ...string) (string, bool) {
	t.Helper()
	if len(input) > 0 {
		cmd.Stdin = strings.NewReader(strings.Join(input, "\n") + "\n")
	}
	out := newOutput()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hard := time.AfterFunc(2*patience, func() { cmd.Process.Kill() })
	defer hard.Stop()
	err := cmd.Wait()
	return out.String(), err == nil
}

// must is a command that has to succeed.
func must(t testing.TB, cmd *exec.Cmd, input ...string) string {
	t.Helper()
	out, ok := run(t, cmd, input...)
	if !ok {
		t.Fatalf("%v failed:\n%s", cmd.Args, out)
	}
	return out
}

// write makes a file of a daemon's.
func write(t testing.TB, name, text string) string {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = io.WriteString(f, text)
		err = firstError(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
