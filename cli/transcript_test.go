package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"coterie/cli/term"
)

var update = flag.Bool("update", false, "rewrite the transcripts")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keysOf turns the names of keys in a transcript into the keys.
var keysOf = strings.NewReplacer("<TAB>", "\t", "<^C>", "\x03", "<^Z>", "\x1a", "<^U>", "\x15", "<^^x>", "\x1ex")

// A transcript has what is typed (keys), what is typed at --More-- (pager),
// the screen, how Run ended and what the device was told (device).
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := readArchive(file)
			if err != nil {
				t.Fatal(err)
			}
			var typed []string
			for line := range strings.Lines(a.data("keys")) {
				typed = append(typed, keysOf.Replace(strings.TrimSuffix(line, "\n")))
			}
			var screen bytes.Buffer
			r := term.NewScript(&screen, typed...)
			r.Keys = strings.TrimSuffix(a.data("pager"), "\n")
			columns, rows, level := 80, 0, 15
			fmt.Sscan(a.data("size"), &columns, &rows)
			fmt.Sscan(a.data("level"), &level)
			r.SetSize(columns, rows)
			d := newToy()
			s := New(Config{Device: d, Reader: r, Level: level, User: "admin"})
			end := s.Run(context.Background())
			s.Close()
			fmt.Fprintf(&screen, "-> %v\n", end)

			d.mu.Lock()
			told := strings.Join(d.journal, "\n") + "\n"
			d.mu.Unlock()
			if *update {
				a.set("screen", mark(screen.String()))
				a.set("device", told)
				if err := a.write(file); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(a.data("screen"), mark(screen.String())); diff != "" {
				t.Errorf("screen (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(a.data("device"), told); diff != "" {
				t.Errorf("device (-want +got):\n%s", diff)
			}
		})
	}
}

// mark makes control characters visible.
func mark(s string) string {
	return strings.NewReplacer("\a", "<BEL>", "\r", "<CR>").Replace(s)
}

// archive is a txtar file: a comment, then parts behind lines `-- name --`.
type archive struct {
	comment string
	parts   [][2]string // name, data
}

func readArchive(file string) (*archive, error) {
	b, err := os.ReadFile(file)
	a := new(archive)
	at := &a.comment
	for line := range strings.Lines(string(b)) {
		name, ok := strings.CutPrefix(line, "-- ")
		if name, end := strings.CutSuffix(name, " --\n"); ok && end {
			a.parts = append(a.parts, [2]string{name})
			at = &a.parts[len(a.parts)-1][1]
			continue
		}
		*at += line
	}
	return a, err
}

func (a *archive) data(name string) string {
	for _, p := range a.parts {
		if p[0] == name {
			return p[1]
		}
	}
	return ""
}

func (a *archive) set(name, data string) {
	for i := range a.parts {
		if a.parts[i][0] == name {
			a.parts[i][1] = data
		}
	}
}

func (a *archive) write(file string) error {
	s := a.comment
	for _, p := range a.parts {
		s += "-- " + p[0] + " --\n" + p[1]
	}
	return os.WriteFile(file, []byte(s), 0o644)
}
