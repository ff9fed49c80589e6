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
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"coterie/internal/env"
	"coterie/internal/syslog"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var updateScenarios = flag.Bool("update", false, "write the transcripts of testdata/scenarios anew")

// TestScenarios plays every file of testdata/scenarios: a txtar archive whose
// comment says what is to be seen, with
//
//	script      lines as of `coterie lab -script`; `@repeat N line` types a line N times
//	transcript  what the consoles then show, all of it
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

var repeated = regexp.MustCompile(`(?m)^@repeat (\d+) (.*)\n`)

// playScenario runs a script on the basic lab and gives its transcript.
func playScenario(t *testing.T, parts map[string][]byte) string {
	t.Helper()
	text := repeated.ReplaceAllStringFunc(string(parts["script"]), func(s string) string {
		m := repeated.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1])
		return strings.Repeat(strings.ReplaceAll(m[2], " ; ", "\n")+"\n", n)
	})
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var screen bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		topology, err := Find("basic")
		if err != nil {
			t.Fatal(err)
		}
		steps, err := script([]Source{{File: file}}, topology)
		if err != nil {
			t.Fatal(err)
		}
		out := newTranscript(&screen)
		l, err := New(topology, Settings{
			Clock: env.NewClock(1),
			Rand: func(node string) io.Reader {
				return rand.NewChaCha8(sha256.Sum256([]byte(node)))
			},
			Log: func(node string, r syslog.Record) { out.log(node, r.Line()) },
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
		synctest.Wait()
		r := &runner{lab: l, out: out, steps: steps, pause: synctest.Wait}
		if err := r.run(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintf(&screen, "stopped: %v\n", err)
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
	{"ms", regexp.MustCompile(`min/avg/max = (\d+/\d+/\d+) ms`)},
}

// stamp is a time on a screen: what happens within one second has no order of
// its own across routers.
var stamp = regexp.MustCompile(`(?m)^(\*\w{3} [ \d]\d \d\d:\d\d:\d\d)\.\d{3}:`)

func masked(s string) string {
	s = stamp.ReplaceAllString(s, "$1:")
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
