package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/term"

	"github.com/google/go-cmp/cmp"
)

// filing is the toy with files, of which only so many octets fit.
type filing struct {
	*toyDevice
	files map[string]string
	room  int
}

func (d *filing) CreateFile(url string, appending bool) (io.WriteCloser, error) {
	if !strings.HasPrefix(url, "flash:") {
		return nil, errors.New("%Error opening " + url + " (Invalid device name)")
	}
	f := &filingFile{d: d, url: url}
	if appending {
		f.WriteString(d.files[url])
	}
	return f, nil
}

type filingFile struct {
	bytes.Buffer
	d   *filing
	url string
}

func (f *filingFile) Close() error {
	if f.Len() > f.d.room {
		return errors.New("%Error writing " + f.url + " (No space left on device)")
	}
	f.d.files[f.url] = f.String()
	return nil
}

func newFiling() *filing {
	d := &filing{toyDevice: newToy(), files: map[string]string{}, room: 100}
	d.exec.Add(&grammar.Command{Level: 1, Syntax: grammar.Seq{grammar.Kw("show", ""), grammar.Kw("data", "Data")},
		Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			if taken, err := grammar.Offer(t, struct{ UpTime time.Duration }{90 * time.Second}); taken {
				return err
			}
			_, err := io.WriteString(t, "up 90 s\n")
			return err
		}})
	return d
}

func executed(t *testing.T, d Device, line string) (string, error) {
	t.Helper()
	s := New(Config{Device: d, Level: 15})
	defer s.Close()
	var out bytes.Buffer
	err := s.Execute(context.Background(), line, &out, nil)
	return out.String(), err
}

func TestPipesToFiles(t *testing.T) {
	d := newFiling()
	const clock = "09:24:01.123 UTC Sat Nov 21 2026\n"
	for _, c := range []struct{ line, screen, file string }{
		{"show clock | redirect flash:a", "", clock},
		{"show clock | append flash:a", "", clock + clock},
		{"show clock | tee /app flash:a", clock, clock + clock + clock},
		{"show clock | tee flash:a", clock, clock},
		{"show numbers 50 | redirect flash:a", "%Error writing flash:a (No space left on device)\n", clock},
		{"show clock | tee /append tftp://h/a", "%Error opening tftp://h/a (Invalid device name)\n", clock},
		{"fail | redirect flash:a", "% no group is registered\n", clock},
		{"show numbers 2 | a flash:a", "", clock + "line 1\nline 2\n"},
		{"show clock | format flash:a", "% Spec files are not supported; use | json for output that programs read\n", clock + "line 1\nline 2\n"},
		{"show clock | redirect", "% Incomplete command.\n\n", clock + "line 1\nline 2\n"},
		{"show clock | redirect flash:a b", "                                 ^\n% Invalid input detected at '^' marker.\n\n", clock + "line 1\nline 2\n"},
		{"show data | redirect flash:a", "", "up 90 s\n"},
	} {
		screen, _ := executed(t, d, c.line)
		if diff := cmp.Diff(c.screen, screen); diff != "" {
			t.Errorf("%s: screen %s", c.line, diff)
		}
		if diff := cmp.Diff(c.file, d.files["flash:a"]); diff != "" {
			t.Errorf("%s: file %s", c.line, diff)
		}
	}
	if len(d.files) != 1 {
		t.Errorf("%d files", len(d.files))
	}
	if screen, err := executed(t, newToy(), "show clock | redirect flash:a"); screen != "% This device has no file system\n" || err == nil {
		t.Error(screen, err)
	}
}

func TestJSONPipe(t *testing.T) {
	d := newFiling()
	for line, want := range map[string]string{
		"show data | json":      "{\n  \"up_time\": 90\n}\n",
		"show data | j":         "{\n  \"up_time\": 90\n}\n",
		"show numbers 2 | json": "{\n  \"lines\": [\n    \"line 1\",\n    \"line 2\"\n  ]\n}\n",
		"fail | json":           "% no group is registered\n",
	} {
		screen, err := executed(t, d, line)
		if diff := cmp.Diff(want, screen); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
		if err == nil && !json.Valid([]byte(screen)) {
			t.Errorf("%s: not JSON", line)
		}
	}
}

// What the user does not want to see is in the file nevertheless.
func TestTeeAndPager(t *testing.T) {
	d := newFiling()
	d.room = 1000
	var screen bytes.Buffer
	r := term.NewScript(&screen, "show numbers 50 | tee flash:a", "show data | json")
	r.Keys = "q"
	r.SetSize(80, 5)
	s := New(Config{Device: d, Reader: r, Level: 15})
	s.Run(context.Background())
	s.Close()
	if !strings.Contains(screen.String(), "line 4\n") || strings.Contains(screen.String(), "line 6\n") {
		t.Errorf("the screen\n%s", screen.String())
	}
	if !strings.HasPrefix(d.files["flash:a"], "line 1\n") || !strings.Contains(screen.String(), "\"up_time\": 90") {
		t.Errorf("file %q, screen %q", d.files["flash:a"], screen.String())
	}
}

func TestPipeHelp(t *testing.T) {
	s := New(Config{Device: newFiling(), Level: 15})
	defer s.Close()
	for before, want := range map[string]string{
		"show clock | ":                "append begin count exclude format include json redirect section tee",
		"show clock | re":              "redirect",
		"show clock | redirect ":       "flash: nvram:",
		"show clock | tee ":            "/append flash: nvram:",
		"show clock | tee /a ":         "flash: nvram:",
		"show clock | append f":        "flash:",
		"show clock | format ":         "WORD",
		"show clock | append flash:x ": "<cr>",
		"show clock | json ":           "<cr>",
		"show clock | tee /a flash:x ": "<cr>",
	} {
		h, err := s.help(before)
		if err != nil {
			t.Errorf("%q: %v", before, err)
		}
		words := h.Words
		for _, e := range h.Entries {
			words = append(words, e.Word)
		}
		if h.CR {
			words = append(words, "<cr>")
		}
		if got := strings.Join(words, " "); got != want {
			t.Errorf("%q: %s, want %s", before, got, want)
		}
	}
}
