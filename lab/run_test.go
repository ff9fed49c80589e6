package lab

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coterie/cli/term"
	"coterie/internal/syslog"

	"github.com/google/go-cmp/cmp"
)

func TestFlags(t *testing.T) {
	fs := flag.NewFlagSet("lab", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var o Options
	Flags(fs, &o)
	if o.Speed != 1 {
		t.Errorf("the speed is %v by default, want 1", o.Speed)
	}
	args := []string{"-x", "R2# show clock", "-script", "demo", "-k", "-x", "@join R2", "-speed", "2.5", "-pcap", "dir", "-keylog", "-list"}
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	want := Options{
		Sources: []Source{{Line: "R2# show clock"}, {File: "demo"}, {Line: "@join R2"}},
		Keep:    true, Speed: 2.5, Pcap: "dir", KeyLog: true, List: true,
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"0", "-1", "NaN", "1e9", "fast"} {
		if err := fs.Parse([]string{"-speed", bad}); err == nil {
			t.Errorf("-speed %s was accepted", bad)
		}
	}
}

func TestRunUsage(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"unknown lab", Options{Name: "nowhere"}, "neither a lab"},
		{"bad line", Options{Sources: []Source{{Line: "R9# show clock"}}}, "-x 1: no node R9"},
		{"key log without captures", Options{KeyLog: true}, "-keylog"},
	}
	for _, tt := range tests {
		var out, errs bytes.Buffer
		if code := Run(t.Context(), tt.o, nil, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%s: status %d, %s", tt.name, code, errs.String())
		}
	}
	var out bytes.Buffer
	if code := Run(t.Context(), Options{List: true}, nil, &out, io.Discard); code != 0 || !strings.Contains(out.String(), "basic") {
		t.Errorf("-list: status %d, %q", code, out.String())
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := New(basic(t), Settings{Pcap: filepath.Join(file, "captures"), make: makeFake}); err == nil {
		t.Error("captures into a file were accepted")
	}
}

// TestConsole walks through the consoles as a person does.
func TestConsole(t *testing.T) {
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"exit leaves", []string{"echo one", "exit", "echo unreached"}, "A#echo one\none\nA#exit\n"},
		{"end of input leaves", []string{"echo one"}, "A#echo one\none\n"},
		{"connect keeps modes", []string{"mode (config)", "connect B", "echo b", "connect A", "echo a", "exit"},
			"A#mode (config)\nA(config)#connect B\nB#echo b\nb\nB#connect A\nA(config)#echo a\na\nA(config)#exit\n"},
		{"Ctrl-^ x asks", []string{"\x1ex", "X", "b", "echo b", "\x1ex", "", "exit"},
			"A#\n\nConsoles: A B C\nConnect to [A]: X\n% There is no X in this lab\nConnect to [A]: b\nB#echo b\nb\n" +
				"B#\n\nConsoles: A B C\nConnect to [B]: \nB#exit\n"},
		{"Ctrl-C at the question leaves", []string{"\x1ex", "\x03"}, "A#\n\nConsoles: A B C\nConnect to [A]: \n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &console{first: "A"}
				l, err := New(pairTopology(t), Settings{make: makeFake, Connect: c.connect})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				if err := l.Boot(t.Context()); err != nil {
					t.Fatal(err)
				}
				var screen bytes.Buffer
				c.lab, c.reader = l, term.NewScript(&screen, tt.lines...)
				if err := c.run(t.Context()); err != nil {
					t.Errorf("leaving: %v", err)
				}
				if diff := cmp.Diff(tt.want, screen.String()); diff != "" {
					t.Errorf("screen (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestConsoleOverReload: the console of a router that reloads comes back.
func TestConsoleOverReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var boot strings.Builder
		c := &console{first: "A", boot: &boot}
		l, err := New(pairTopology(t), Settings{make: makeFake, Connect: c.connect, Log: func(node string, r syslog.Record) { c.log(node, r.Line()) }})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c.lab = l
		if err := l.Boot(t.Context()); err != nil {
			t.Fatal(err)
		}
		const booted = "*Jan  2 03:04:05.000: LOG booted\n"
		if boot.String() != booted {
			t.Errorf("while A boots its console shows %q", boot.String())
		}
		in, keyboard := io.Pipe()
		var screen bytes.Buffer
		c.reader = term.NewPlain(in, &screen, true)
		go func() {
			for _, line := range []string{"mode (config)", "reload", "log its session shows", "connect B", "connect A", "echo back", "exit"} {
				io.WriteString(keyboard, line+"\n")
				time.Sleep(time.Second)
			}
		}()
		if err := c.run(t.Context()); err != nil {
			t.Error(err)
		}
		c.reader.Close()
		want := "A#mode (config)\nA(config)#reload\n" + booted + "A#log its session shows\nA#connect B\nB#connect A\nA#echo back\nback\nA#exit\n"
		if diff := cmp.Diff(want, screen.String()); diff != "" {
			t.Errorf("screen (-want +got):\n%s", diff)
		}
		time.Sleep(5 * time.Second)
	})
}

func TestNodeExecute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(pairTopology(t), Settings{make: makeFake})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Boot(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := l.Settle(t.Context(), time.Minute); err != nil || time.Since(start) > 4*time.Second {
			t.Errorf("settled after %v, %v; want 3s", time.Since(start), err)
		}
		var out strings.Builder
		for _, line := range []string{"mode (config)", "ping 10.0.0.2", "exit", "echo again"} {
			if err := l.Node("A").Execute(t.Context(), line, &out); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		if out.String() != "!.\nagain\n" {
			t.Errorf("output %q", out.String())
		}
		if l.Node("Z") != nil || l.Wire("Z") != nil || l.Wire("S") == nil {
			t.Error("nodes and wires are found by their names only")
		}
		if l.Node("A").Appliance() != nil {
			t.Error("a fake passes for an appliance")
		}
		if err := l.Link("B", "C", false); err == nil {
			t.Error("a wire that does not exist was cut")
		}
	})
}

// TestUnsettled: a member that never tells does not hold the lines up forever.
func TestUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(pairTopology(t), Settings{make: makeFake})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Boot(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := l.Settle(t.Context(), time.Second); err != nil || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}
