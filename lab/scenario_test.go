package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"coterie/appliance"
	"coterie/gdoi/keyserver"
	"coterie/internal/env"
	"coterie/internal/syslog"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var updateScenarios = flag.Bool("update", false, "write the transcripts of testdata/scenarios anew")

// TestScenarios plays every file of testdata/scenarios: a txtar archive whose
// comment says what is to be seen, with
//
//	script      lines as of `coterie lab -script`, and those of expand
//	transcript  what the consoles then show, all of it
//	lab/NAME    a topology and its configurations; without them it is the basic lab
//	latency     of every wire, one way, 1ms by default: with more, a ping of many echoes takes its time
//
// Lab time, not wall time, passes. What is random prints as a token that stands
// for the same value wherever it appears in one transcript: <spi1>, <n>.
// Go writes the transcripts anew with -update; read what changed.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := make(map[string][]byte)
			for _, f := range a.Files {
				parts[f.Name] = f.Data
			}
			got := playScenario(t, parts)
			if *updateScenarios {
				b := &txtar.Archive{Comment: a.Comment}
				for _, f := range a.Files {
					if f.Name != "transcript" {
						b.Files = append(b.Files, f)
					}
				}
				b.Files = append(b.Files, txtar.File{Name: "transcript", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(b), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(parts["transcript"]), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s (-want +got)\n%s", file, diff)
			}
		})
	}
}

// Lines of a script that only scenarios have.
var (
	repeated = regexp.MustCompile(`(?m)^@repeat (\d+) (.*)\n`)
	pasting  = regexp.MustCompile(`(?m)^@paste (\S+) (\S+)\n`)
	acting   = regexp.MustCompile(`(?m)^@(put|lose|mute|show)\b.*\n`)
)

// expand does what needs no lab:
//
//	@repeat N LINE ; LINE    types lines N times
//	@paste NODE FILE         types the lines of testdata/FILE, and an empty one
func expand(t *testing.T, text string) string {
	t.Helper()
	text = repeated.ReplaceAllStringFunc(text, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1])
		return strings.Repeat(strings.ReplaceAll(m[2], " ; ", "\n")+"\n", n)
	})
	return pasting.ReplaceAllStringFunc(text, func(s string) string {
		m := pasting.FindStringSubmatch(s)
		data, err := os.ReadFile(filepath.Join("testdata", m[2]))
		if err != nil {
			t.Fatal(err)
		}
		var typed strings.Builder
		for line := range strings.Lines(string(data)) {
			fmt.Fprintf(&typed, "%s# %s\n", m[1], strings.TrimRight(line, "\n"))
		}
		return typed.String() + m[1] + "# \n"
	})
}

// act does one of
//
//	@put NODE NAME FILE      makes testdata/FILE a file of the node's flash
//	@lose NODE               damages the key server's store of a node that is off
//	@mute                    leaves out of the transcript what comes, until
//	@show
func act(t *testing.T, l *Lab, out *transcript, screen io.Writer, line string) {
	t.Helper()
	words := strings.Fields(line)
	switch words[0] {
	case "@mute":
		out.mu.Lock()
		defer out.mu.Unlock()
		fmt.Fprintln(screen, "[...]")
		out.w = io.Discard
		return
	case "@show":
		out.mu.Lock()
		defer out.mu.Unlock()
		for node := range out.waiting {
			out.waiting[node] = nil
		}
		out.w = screen
		return
	}
	n := l.Node(words[1])
	if words[0] == "@lose" {
		n.state = &damaged{MemoryState: appliance.NewMemoryState(l.Clock().Now)}
		return
	}
	data, err := os.ReadFile(filepath.Join("testdata", words[3]))
	if err == nil {
		err = n.files.Write("flash/"+words[2], data)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// damaged is a store that an error has been found in: there is a new one.
type damaged struct {
	*appliance.MemoryState
	told bool
}

func (d *damaged) Load() ([]keyserver.Record, time.Duration, error) {
	if !d.told {
		d.told = true
		return nil, 0, errors.New("checksum mismatch")
	}
	return d.MemoryState.Load()
}

// stage is the topology that a scenario plays on.
func stage(parts map[string][]byte) (*Topology, error) {
	fsys := make(fstest.MapFS)
	for name, data := range parts {
		if name, ok := strings.CutPrefix(name, "lab/"); ok {
			fsys[name] = &fstest.MapFile{Data: data}
		}
	}
	if len(fsys) == 0 {
		return Find("basic")
	}
	return Load(fsys)
}

// playScenario runs a script and gives its transcript.
func playScenario(t *testing.T, parts map[string][]byte) string {
	t.Helper()
	text := expand(t, string(parts["script"]))
	acts := acting.FindAllString(text, -1)
	file := filepath.Join(t.TempDir(), "script")
	latency := time.Millisecond // what a node does at one instant is over before others hear of it
	if text := strings.TrimSpace(string(parts["latency"])); text != "" {
		var err error
		if latency, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	var screen bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		topology, err := stage(parts)
		if err != nil {
			t.Fatal(err)
		}
		var scenes [][]step // what is between two acts
		for _, scene := range acting.Split(text, -1) {
			if err := os.WriteFile(file, []byte(scene), 0o666); err != nil {
				t.Fatal(err)
			}
			steps, err := script([]Source{{File: file}}, topology)
			if err != nil {
				t.Fatal(err)
			}
			scenes = append(scenes, steps)
		}
		out := newTranscript(&screen)
		order := newSequencer()
		defer order.stop()
		l, err := New(topology, Settings{
			Clock: env.NewClock(1),
			Rand: func(node string) io.Reader {
				return rand.NewChaCha8(sha256.Sum256([]byte(node)))
			},
			Log:      func(node string, r syslog.Record) { out.log(node, r.Line()) },
			latency:  latency,
			sequence: order.add,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := bootAndSettle(t.Context(), l, os.Stderr); err != nil {
			t.Fatal(err)
		}
		for _, n := range topology.Nodes {
			out.waiting[n.Name] = nil // every console's log counts from here on
		}
		order.rest()
		for i, steps := range scenes {
			if i > 0 {
				act(t, l, out, &screen, acts[i-1])
			}
			r := &runner{lab: l, out: out, steps: steps, pause: order.rest}
			if err := r.run(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%v\n%s", err, screen.String())
				break
			}
		}
	})
	return masked(screen.String())
}

// random values on screens, and what stands for them. A group in parentheses
// is the value; what is around it stays.
var random = []struct {
	token   string
	pattern *regexp.Regexp
}{
	{"spi", regexp.MustCompile(`0x([0-9A-Fa-f]{5,})`)},
	{"number", regexp.MustCompile(`\((\d{7,})\)`)},
	{"cookie", regexp.MustCompile(`\b([0-9A-F]{16,})\b`)},
}

// stamp is a time on a screen: what happens within one second has no order of
// its own across routers.
var stamp = regexp.MustCompile(`(?m)^(\*\w{3} [ \d]\d \d\d:\d\d:\d\d)\.\d{3}:`)

// booting puts what a device that starts logs of its ports right after the line
// that it has started: it watches them beside working its configuration off.
func booting(s string) string {
	lines := strings.SplitAfter(s, "\n")
	for i, line := range lines {
		second, restart, _ := strings.Cut(line, ": ")
		if !strings.HasPrefix(restart, "%SYS-5-RESTART:") {
			continue
		}
		first, end := i, i+1
		for first > 0 && strings.HasPrefix(lines[first-1], second) {
			first--
		}
		for end < len(lines) && strings.HasPrefix(lines[end], second) {
			end++
		}
		ofPort := func(line string) bool {
			_, what, _ := strings.Cut(line, ": ")
			return strings.HasPrefix(what, "%LINK-") || strings.HasPrefix(what, "%LINEPROTO-")
		}
		other := func(line string) bool { return !ofPort(line) }
		before := slices.DeleteFunc(slices.Clone(lines[first:i]), ofPort)
		links := slices.DeleteFunc(slices.Clone(lines[first:end]), other)
		after := slices.DeleteFunc(slices.Clone(lines[i+1:end]), ofPort)
		copy(lines[first:end], slices.Concat(before, []string{line}, links, after))
	}
	return strings.Join(lines, "")
}

func masked(s string) string {
	s = booting(stamp.ReplaceAllString(s, "$1:"))
	for _, r := range random {
		seen := make(map[string]int)
		s = r.pattern.ReplaceAllStringFunc(s, func(m string) string {
			v := r.pattern.FindStringSubmatch(m)[1]
			if seen[strings.ToUpper(v)] == 0 {
				seen[strings.ToUpper(v)] = len(seen) + 1
			}
			return strings.Replace(m, v, fmt.Sprintf("<%s%d>", r.token, seen[strings.ToUpper(v)]), 1)
		})
	}
	return s
}
