package lab

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const pair = `
name: pair
topology:
  nodes:
    A: {}
    B: {}
    S: { kind: bridge }
    C: {}
  links:
    - endpoints: ["A:eth1", "S:a"]
    - endpoints: ["B:eth1", "S:b"]
    - endpoints: ["A:eth2", "C:eth1"]
`

func pairTopology(t *testing.T, more ...string) *Topology {
	t.Helper()
	more = append([]string{"A.cfg", "address 10.0.0.1/24\n", "B.cfg", "address 10.0.0.2/24\n"}, more...)
	top, err := Load(files(pair, more...))
	if err != nil {
		t.Fatal(err)
	}
	return top
}

// play runs a script on fakes, in a bubble, and gives transcript, errors and
// exit status.
func play(t *testing.T, top *Topology, keep bool, lines string) (stdout, stderr string, code int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		stdout, stderr, code = playWith(t, top, Settings{make: makeFake}, keep, lines)
	})
	return stdout, stderr, code
}

func playWith(t *testing.T, top *Topology, set Settings, keep bool, lines string) (stdout, stderr string, code int) {
	t.Helper()
	var sources []Source
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line != "" {
			sources = append(sources, Source{Line: line})
		}
	}
	steps, err := script(sources, top)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code = runScript(t.Context(), top, set, steps, keep, &out, &errs)
	return out.String(), errs.String(), code
}

func TestTranscript(t *testing.T) {
	tests := []struct {
		name, lines string
		keep        bool
		want        string
		stderr      string
		code        int
	}{
		{name: "lines start when all have settled", lines: "A# time", want: "A#time\n0s\n"},
		{name: "mode is kept, exit opens a new session", lines: `
			A# mode (config)
			B# echo other
			A(config)# echo one
			A# exit
			A# echo two`, want: "A#mode (config)\nB#echo other\nother\nA(config)#echo one\none\nA(config)#exit\nA#echo two\ntwo\n"},
		{name: "privileged console", lines: "A# level", want: "A#level\nconsole 15\n"},
		{name: "log lines never cut a row", lines: "A# slow\nA# echo on", want: "A#slow\n!!!!!\n*Jan  2 03:04:05.000: LOG in between\nend\nA#echo on\non\n"},
		{name: "log lines wait for their console", lines: `
			A# echo a
			B# log unseen
			B# echo b
			A# log seen
			B# log late`, want: "A#echo a\na\nB#log unseen\n*Jan  2 03:04:05.000: LOG unseen\nB#echo b\nb\n" +
			"A#log seen\n*Jan  2 03:04:05.000: LOG seen\nB#log late\n*Jan  2 03:04:05.000: LOG late\n"},
		{name: "dialog", lines: `
			A# ask
			A# one
			A# two
			B# echo not for A
			A# echo after`, want: "A#ask\nName: one\nName: two\nB#echo not for A\nnot for A\nA#echo after\nafter\n"},
		{name: "first error stops", lines: "A# wrong\nA# echo unreached", want: "A#wrong\n% Invalid input detected at '^' marker.\n",
			stderr: "coterie lab: -x 1: A# wrong: % Invalid input detected at '^' marker.\n", code: 1},
		{name: "-k goes on", keep: true, lines: "A# wrong\nA# echo reached", want: "A#wrong\n% Invalid input detected at '^' marker.\nA#echo reached\nreached\n"},
		{name: "background", lines: `
			A# work &
			A# time
			@join A
			A# time`, want: "A#work &\nA#time\n0s\nA#work\nworked\nA#time\n1m0s\n"},
		{name: "background without join", lines: "A# work &\nB# work &", want: "A#work &\nB#work &\nA#work\nworked\nB#work\nworked\n"},
		{name: "background that fails", lines: "A# wrong &\n@join A\nA# echo unreached", want: "A#wrong &\nA#wrong\n% Invalid input detected at '^' marker.\n",
			stderr: "coterie lab: -x 2: @join A: -x 1: A# wrong &: % Invalid input detected at '^' marker.\n", code: 1},
		{name: "an error ends what runs in the background", lines: "A# work &\nB# wrong", want: "A#work &\nB#wrong\n% Invalid input detected at '^' marker.\n",
			stderr: "coterie lab: -x 2: B# wrong: % Invalid input detected at '^' marker.\n", code: 1},
		{name: "sleep and wait", lines: `
			@sleep 2.5
			A# time
			@wait A /^4/ 10 time
			@wait A /never/ 1 echo x`, want: "A#time\n2.5s\nA#time\n4.1s\nA#echo x\nx\n% /(?m)never/ did not appear within 1 s\n",
			stderr: "coterie lab: -x 4: @wait A /(?m)never/ 1 echo x: /(?m)never/ did not appear within 1 s\n", code: 1},
		{name: "links", lines: `
			A# ping 10.0.0.2
			@link A S down
			A# ping 10.0.0.2
			@link S A up
			A# ping 10.0.0.2
			@link A C down`, want: "A#ping 10.0.0.2\n!.\nA#ping 10.0.0.2\n.\nA#ping 10.0.0.2\n!.\n"},
		{name: "crash and boot", lines: `
			B# save address 10.0.0.9/24
			B# mode (config)
			@crash B
			A# ping 10.0.0.2
			@boot B
			B# echo anew
			A# ping 10.0.0.2
			A# ping 10.0.0.9`, want: "B#save address 10.0.0.9/24\nB(config)#mode (config)\n"[:len("B#save address 10.0.0.9/24\n")] +
			"B#mode (config)\nA#ping 10.0.0.2\n.\n*Jan  2 03:04:05.000: LOG booted\nB#echo anew\nanew\nA#ping 10.0.0.2\n.\nA#ping 10.0.0.9\n!.\n"},
		{name: "a cut link stays cut over a boot", lines: `
			@link B S down
			@crash B
			@boot B
			A# ping 10.0.0.2
			@link B S up
			A# ping 10.0.0.2`, want: "A#ping 10.0.0.2\n.\nA#ping 10.0.0.2\n!.\n"},
		{name: "off", keep: true, lines: "@crash B\n@crash B\nB# echo\nB# echo &\n@wait B /x/ 1 echo x\n@boot B\n@boot B",
			want: "% B is off\n% B is off\n% B is off\n% B is off\n% B is on already\n"},
		{name: "reload", lines: "A# reload\nA# echo again", want: "A#reload\n*Jan  2 03:04:05.000: LOG booted\nA#echo again\nagain\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := play(t, pairTopology(t), tt.keep, tt.lines)
			if diff := cmp.Diff(tt.want, stdout); diff != "" {
				t.Errorf("transcript (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.stderr, stderr); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if code != tt.code {
				t.Errorf("exit status %d, want %d", code, tt.code)
			}
		})
	}
}

func TestExecRunsOnce(t *testing.T) {
	top := pairTopology(t, "A.exec", "ask\nfirst\n.\nlog exec\n")
	stdout, _, code := play(t, top, false, "A# echo x\n@crash A\n@boot A\nA# echo y")
	if want := "A#echo x\nx\n*Jan  2 03:04:05.000: LOG booted\nA#echo y\ny\n"; stdout != want || code != 0 {
		t.Errorf("status %d, transcript\n%s, want\n%s", code, stdout, want)
	}
	top = pairTopology(t, "A.exec", "echo fine\nwrong\n")
	_, stderr, code := play(t, top, false, "A# echo unreached")
	if want := `A.exec: "wrong": % Invalid input detected at '^' marker.`; !strings.Contains(stderr, want) || code != 1 {
		t.Errorf("a line that fails: status %d, %s", code, stderr)
	}
}

func TestConfigurationProblems(t *testing.T) {
	top := pairTopology(t, "C.cfg", "hostname C\nbad\n")
	stdout, stderr, code := play(t, top, false, "C# save bad\n@crash C\n@boot C")
	if want := "C.cfg:2: bad: % Invalid input\n"; stderr != want || code != 0 {
		t.Errorf("status %d, %q; want %q", code, stderr, want)
	}
	if want := "C#save bad\n% C startup-config:1: bad: % Invalid input\n"; stdout != want {
		t.Errorf("transcript %q, want %q", stdout, want)
	}
}

func TestCaptures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "captures")
	synctest.Test(t, func(t *testing.T) {
		_, stderr, code := playWith(t, pairTopology(t), Settings{make: makeFake, Pcap: dir, KeyLog: true}, false, "A# ping 10.0.0.2\n@sleep 60\nA# ping 10.0.0.2")
		if code != 0 {
			t.Error(stderr)
		}
	})
	b, err := os.ReadFile(filepath.Join(dir, "S.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	frames := readPcap(t, b)
	if len(frames) != 6 { // ARP, ARP, echo, reply; echo, reply
		t.Fatalf("%d frames, want 6", len(frames))
	}
	if got := frames[4].time.Sub(frames[0].time); got != time.Minute {
		t.Errorf("%v between the pings, want one lab minute", got)
	}
	if got := frames[2].frame[6:12]; !bytes.Equal(got, []byte{0xaa, 0xbb, 0xcc, 0, 1, 0}) {
		t.Errorf("A's address is % x", got)
	}
	for _, name := range []string{"A_Ethernet0_1-C_Ethernet0_0.pcap", plainPushFile, phaseOneTable, espTable} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestInterruptedScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		top := pairTopology(t)
		steps, err := script([]Source{{Line: "A# work &"}, {Line: "@sleep 1000"}, {Line: "A# echo unreached"}}, top)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var out, errs bytes.Buffer
		if code := runScript(ctx, top, Settings{make: makeFake}, steps, true, &out, &errs); code != 1 {
			t.Errorf("exit status %d, want 1", code)
		}
		if got := out.String(); got != "A#work &\nA#work\n" {
			t.Errorf("transcript %q", got)
		}
	})
}

func TestBootFailure(t *testing.T) {
	top, err := Load(files("topology:\n  nodes:\n    A: {}\n    BROKEN: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, stderr, code := play(t, top, false, "A# echo x")
	if code != 1 || stderr != "coterie lab: BROKEN: no power\n" {
		t.Errorf("status %d, %q", code, stderr)
	}
}
