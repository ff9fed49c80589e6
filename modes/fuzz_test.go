package modes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// Whatever is typed, nothing panics, and the running configuration that comes
// of it makes itself again: on an empty router and on the same one.
func FuzzConfiguration(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			var lines []string
			for line := range strings.Lines(string(text)) {
				if strings.HasPrefix(line, "H(") {
					_, line, _ = strings.Cut(line, "#")
				}
				lines = append(lines, strings.TrimSpace(line))
			}
			f.Add(strings.Join(lines, "\n"))
		}
	}
	f.Add("banner motd #a\nip access-list extended 101\n5 permit 6 any any eq\n")
	f.Add("interface Ethernet0/0.1\nip vrf forwarding A\nip address 1.1.1.1 255.0.0.0 secondary\nno ip address")
	global := Configuration(nil)
	f.Fuzz(func(t *testing.T, text string) {
		c, stack := new(runningconfig.Config), grammar.NewStack(global)
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			if grammar.Blank(line) {
				continue
			}
			before := ""
			if len(text) < 200 {
				before = printed(t, c, false)
			}
			r, err := stack.Resolve(line, 15, c)
			if err != nil {
				continue
			}
			if err := stack.Apply(c, r); err != nil && before != "" {
				if after := printed(t, c, false); after != before {
					t.Errorf("%q was refused (%v) and changed\n%sinto\n%s", line, err, before, after)
				}
			}
		}
		for _, all := range []bool{false, true} {
			got := printed(t, c, all)
			fresh := new(runningconfig.Config)
			for _, tree := range []*runningconfig.Config{fresh, c} {
				for _, e := range Load(tree, got) {
					t.Fatalf("of\n%s%q is refused: %v", got, e.Text, e.Err)
				}
				if again := printed(t, tree, all); again != got {
					t.Fatalf("printed\n%spasted, that prints\n%s", got, again)
				}
			}
		}
	})
}
