package modes

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A transcript is what a person types and sees: `H(mode)#line` types the line
// at that prompt, `? text` is the answer expected, `> text` a line that the
// running configuration then has, `< text` one that it has not.
func TestTranscript(t *testing.T) {
	files, err := filepath.Glob("testdata/transcript/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			c := newConsole(t)
			answer, line := "", 0
			expected := func() {
				if answer != "" {
					t.Errorf("line %d: answer %q", line, answer)
				}
				answer = ""
			}
			for s := bufio.NewScanner(f); s.Scan(); {
				line++
				text := s.Text()
				switch {
				case text == "" || text[0] == '!':
				case strings.HasPrefix(text, "? "):
					if answer != text[2:] {
						t.Errorf("line %d: answer %q, want %q", line, answer, text[2:])
					}
					answer = ""
				case strings.HasPrefix(text, "> "), strings.HasPrefix(text, "< "):
					expected()
					has := strings.Contains(printed(t, c.tree, false), "\n"+text[2:]+"\n")
					if has != (text[0] == '>') {
						t.Errorf("line %d: running-config has %q: %v\n%s", line, text[2:], has, printed(t, c.tree, false))
					}
				default:
					expected()
					prompt, typed, ok := strings.Cut(strings.TrimPrefix(text, "H"), "#")
					if !ok {
						t.Fatalf("line %d: no prompt in %q", line, text)
					}
					if got := c.prompt(); got != prompt {
						t.Errorf("line %d: prompt %q, want %q", line, got, prompt)
					}
					if typed != "" {
						answer = c.typed(typed)
					}
				}
			}
			expected()
		})
	}
}
