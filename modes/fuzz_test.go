package modes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
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
	f.Add("service \u3000\ndescription x\u00a0\n")
	f.Add("enable password 0 7 x\nline vty 0 4\npassword 0 0 7")
	f.Add("crypto isakmp key 0 6 address 1.1.1.1\ncrypto map A 1 gdoi\ncrypto map B local-address e0/0\nservice pad\nservice x\nno service pad")
	global := Configuration(nil)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > mostTyped {
			return
		}
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

// openings is, for each mode, the lines that lead to it.
func openings(t testing.TB, global *grammar.Mode) [][]string {
	var out [][]string
	lines := map[*grammar.Mode][]string{global: nil}
	grammar.Walk(global, func(path []*grammar.Mode, c *grammar.Command) {
		m := path[len(path)-1]
		if c.Enter == nil {
			return
		}
		samples, err := grammartest.Samples(c)
		if err != nil || len(samples) == 0 {
			t.Fatalf("%s: no way into %s: %v", m.Name, c.Enter.Name, err)
		}
		if _, known := lines[c.Enter]; !known {
			lines[c.Enter] = append(slices.Clone(lines[m]), samples[0])
			out = append(out, lines[c.Enter])
		}
	})
	return append(out, nil)
}

// mostTyped bounds what one input types: lines add up, each looked for among all.
const mostTyped = 16 << 10

// mostText bounds what one line may make the shell say.
const mostText = 1 << 20

// Arbitrary lines in arbitrary modes: help, completion and the line itself. No
// panic, no endless screen, and a configuration that makes itself again.
func FuzzModes(f *testing.F) {
	global := Configuration(nil)
	ways := openings(f, global)
	grammar.Walk(global, func(path []*grammar.Mode, c *grammar.Command) {
		samples, err := grammartest.Samples(c)
		if err != nil || len(samples) == 0 {
			return
		}
		mode := path[len(path)-1]
		for i, way := range ways {
			stack, tree := grammar.NewStack(global), new(runningconfig.Config)
			for _, line := range way {
				if r, err := stack.Resolve(line, 15, tree); err == nil {
					stack.Apply(tree, r)
				}
			}
			if stack.Mode() == mode {
				f.Add(uint8(i), samples[0]+"\nno "+samples[len(samples)-1])
				break
			}
		}
	})
	f.Add(uint8(0), strings.Repeat("a ", 5000))
	f.Add(uint8(0), "banner login C\rC\nbanner motd #^\rC#") // nothing, and the delimiter, but for returns
	f.Add(uint8(3), "\x00\xff \x1b[2J ?\n  no default no\ndo do")
	f.Fuzz(func(t *testing.T, at uint8, text string) {
		if len(text) > mostTyped {
			return
		}
		c, stack := new(runningconfig.Config), grammar.NewStack(global)
		for _, line := range ways[int(at)%len(ways)] {
			r, err := stack.Resolve(line, 15, c)
			if err == nil {
				err = stack.Apply(c, r)
			}
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\r\n")
			if h, err := stack.Help(line, 15, c); err == nil && len(h.Text(80)) > mostText {
				t.Fatalf("the help of %q has %d octets", line, len(h.Text(80)))
			}
			stack.Complete(line, 15, c)
			if grammar.Blank(line) {
				continue
			}
			r, err := stack.Resolve(line, 15, c)
			if err != nil {
				if len(err.Error()) > len(line)+200 {
					t.Fatalf("the error of %q has %d octets", line, len(err.Error()))
				}
				continue
			}
			if err := stack.Apply(c, r); err != nil && len(err.Error()) > len(line)+200 {
				t.Fatalf("the refusal of %q has %d octets", line, len(err.Error()))
			}
		}
		got := printed(t, c, false)
		if len(got) > mostText+16*len(text) {
			t.Fatalf("%d octets of configuration of %d", len(got), len(text))
		}
		for _, tree := range []*runningconfig.Config{new(runningconfig.Config), c} {
			for _, e := range Load(tree, got) {
				t.Fatalf("of\n%s%q is refused: %v", got, e.Text, e.Err)
			}
			if again := printed(t, tree, false); again != got {
				t.Fatalf("printed\n%spasted, that prints\n%s", got, again)
			}
		}
	})
}

// A list of ten thousand entries, a line at a time, on an empty router and on
// itself: each line looks whether it is there already.
func BenchmarkAccessList(b *testing.B) {
	var text strings.Builder
	text.WriteString("ip access-list extended BIG\n")
	for i := range 10000 {
		fmt.Fprintf(&text, " permit tcp host 10.%d.%d.1 any eq %d\n", i>>8, i&255, 1+i%60000)
	}
	for b.Loop() {
		c := new(runningconfig.Config)
		for range 2 {
			if errs := Load(c, text.String()); len(errs) > 0 {
				b.Fatal(errs[0])
			}
		}
		if n := len(c.AccessLists[0].Entries); n != 10000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
