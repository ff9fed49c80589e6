package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"coterie/appliance"
	"coterie/internal/env"
	"coterie/netdev"
	"coterie/netdev/virtual"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is what a command writes, for a test to wait for.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	new  *sync.Cond
}

func newOutput() *output {
	o := new(output)
	o.new = sync.NewCond(&o.mu)
	return o
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.new.Broadcast()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the text is there n times.
func (o *output) await(t *testing.T, text string, n int) {
	t.Helper()
	late := false
	timer := time.AfterFunc(30*time.Second, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		late = true
		o.new.Broadcast()
	})
	defer timer.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for strings.Count(o.text.String(), text) < n {
		if late {
			t.Fatalf("%q never came:\n%s", text, o.text.String())
		}
		o.new.Wait()
	}
}

// running is a `coterie run` in this process, over a network of its own.
type running struct {
	stdout, stderr *output
	state          string
	cancel         context.CancelFunc
	ended          chan error
}

func loneNetwork(runOptions) (netdev.Stack, error) {
	return virtual.New(virtual.Config{Name: "R", Clock: new(env.Clock), Interfaces: []virtual.Port{{Name: "Ethernet0/0", MAC: [6]byte{2}}}, Rand: env.System().Rand})
}

func startRun(t *testing.T, o runOptions) *running {
	t.Helper()
	r := &running{stdout: newOutput(), stderr: newOutput(), state: o.state, ended: make(chan error, 1)}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	o.network, o.dataplane = loneNetwork, "auto"
	go func() { r.ended <- o.run(ctx, r.stdout, r.stderr) }()
	t.Cleanup(r.cancel)
	r.stdout.await(t, "runs; its console", 1)
	return r
}

// stop ends it as SIGTERM does.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		t.Errorf("run: %v\n%s", err, r.stderr)
	}
	if _, err := os.Stat(appliance.ConsoleSocket(r.state)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// console types lines at the console, as `coterie console <file` does.
func (r *running) console(t *testing.T, lines ...string) string {
	t.Helper()
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	io.WriteString(w, strings.Join(lines, "\n")+"\n")
	w.Close()
	var out bytes.Buffer
	if err := attach(t.Context(), r.state, in, &out); err != nil {
		t.Errorf("console: %v", err)
	}
	return out.String()
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "first.cfg")
	if err := os.WriteFile(file, []byte("hostname KS1\nbogus line\ninterface Ethernet0/0\n ip address 192.0.2.1 255.255.255.0\n no shutdown\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := runOptions{config: file, state: filepath.Join(dir, "state")}
	r := startRun(t, o)
	if want := file + ":2: % Invalid input detected"; !strings.Contains(r.stderr.String(), want) {
		t.Errorf("no %q in\n%s", want, r.stderr)
	}
	if err := o.run(t.Context(), io.Discard, io.Discard); !errors.Is(err, appliance.ErrInUse) {
		t.Errorf("a second run from the same directory: %v", err)
	}
	got := r.console(t, "show ip interface brief", "enable", "configure terminal", "hostname KS2", "end", "write memory", "exit")
	for _, want := range []string{"KS1>show ip interface brief", "192.0.2.1", "KS2#write memory\nBuilding configuration...\n[OK]\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if b, err := os.ReadFile(filepath.Join(o.state, "startup-config")); err != nil || !strings.Contains(string(b), "hostname KS2") {
		t.Errorf("startup-config: %v\n%s", err, b)
	}
	r.stop(t)

	// What was saved counts from now on, and -config no longer.
	r = startRun(t, o)
	if !strings.Contains(r.stdout.String(), "KS2 runs") || !strings.Contains(r.stderr.String(), file+" is not read") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	r.console(t, "enable", "configure terminal", "hostname LOST", "end", "reload", "n", "")
	r.stdout.await(t, "KS2 runs; its console", 2)
	if got := r.console(t, "exit"); got != "KS2>exit\n" {
		t.Errorf("after the reload the console reads %q", got)
	}
	r.stop(t)
}

func TestRunUsage(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"run", "-help"}, exitOK, "Usage: coterie run"},
		{[]string{"run", "-bogus"}, exitUsage, "not defined: -bogus"},
		{[]string{"run", "-dataplane", "magic"}, exitUsage, "auto, user or kernel"},
		{[]string{"run", "-ssh", "nowhere"}, exitUsage, "-ssh"},
		{[]string{"run", "-map", "Ethernet0/0"}, exitUsage, "IOSNAME=LINUXNAME"},
		{[]string{"run", "-map", "Ethernet0/0=eth0", "Ethernet0/0=eth1"}, exitUsage, "eth0 already"},
		{[]string{"run", "-state", dir, "-config", dir + "/none"}, exitFailed, "no such file"},
		{[]string{"console", "-help"}, exitOK, "Usage: coterie console"},
		{[]string{"console", "x"}, exitUsage, "x"},
		{[]string{"console", "-state", dir}, exitFailed, "no appliance runs from " + dir},
	} {
		var out, errs bytes.Buffer
		if code := dispatch(t.Context(), tt.args, os.Stdin, &out, &errs); code != tt.code || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: status %d, want %d; %s", tt.args, code, tt.code, errs.String())
		}
	}
}
