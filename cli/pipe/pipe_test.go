package pipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"coterie/cli/grammar"
)

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		pattern, line string
		want          bool
	}{
		{"^ip", "ip address", true},
		{"^ip", " ip address", false},
		{"down|up", "line is up", true},
		{"_100_", "100", true},
		{"_100_", "200 100 300", true},
		{"_100_", "(100,200)", true},
		{"_100_", "1001", false},
		{"^_100", "100", true},
		{`a\_b`, "a_b", true},
		{`a\_b`, "a b", false},
		{"x{2}", "x{2}", true},
		{"x{2}", "xx", false},
		{`1\.1`, "1.1", true},
		{`1\.1`, "121", false},
		{`\d`, "5", false},
		{`\d`, "d", true},
		{"[0-9]+$", "ID: 1234", true},
		{"[^0-9]", "1234", false},
		{"[]x]", "]", true},
		{"[_x]", "_", true},
		{"[[x]", "[", true},
		{`[\]]`, "]", true},
		{`[\\-]`, "-", true},
		{"Eth(er)?net0/0", "Ethnet0/0", true},
		{"[a^]", "^", true},
		{`\` + "\u00e9", "\u00e9", true},
	} {
		re, err := Compile(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := re.MatchString(c.line); got != c.want {
			t.Errorf("%q matches %q: %v, want %v", c.pattern, c.line, got, c.want)
		}
	}
	for _, bad := range []string{"[", "(", "a)", "*", `\`, `(a)\1`, "(?i)x", "[a", `[\d]`, "[^", `[\`} {
		if re, err := Compile(bad); !errors.Is(err, ErrRegexp) {
			t.Errorf("%q: %v %v", bad, re, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{"^_1[]-a]{2}$", `\`, "[[:alpha:]]", "a**", "[\\]", "\xff\\\xff"} {
		f.Add(s, "a 1_2")
	}
	f.Fuzz(func(t *testing.T, pattern, line string) {
		if re, err := Compile(pattern); err == nil {
			re.MatchString(line)
		}
	})
}

func TestSplit(t *testing.T) {
	for _, c := range []struct{ line, command, pipe string }{
		{"show run | i a|b | c", "show run ", "| i a|b | c"},
		{"show run |i x", "show run ", "|i x"},
		{"show run", "show run", ""},
		{"ping a|b", "ping a|b", ""},
		{"| x", "| x", ""},
	} {
		command, at, ok := Split(c.line)
		if command != c.command || c.line[at:] != c.pipe || ok != (c.pipe != "") {
			t.Errorf("%q: %q %q %v", c.line, command, c.line[at:], ok)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		line   string
		kind   grammar.SyntaxKind
		offset int
	}{
		{"show x |", grammar.Incomplete, 8},
		{"show x | i", grammar.Incomplete, 10},
		{"show x | include  ", grammar.Incomplete, 18},
		{"show x | jsonp", grammar.Invalid, 9},
		{"show x | json  now", grammar.Invalid, 15},
		{"show x | redirect", grammar.Incomplete, 17},
		{"show x | redirect flash:a b", grammar.Invalid, 26},
		{"show x | tee /append", grammar.Incomplete, 20},
		{"show x | format", grammar.Incomplete, 15},
		{"show x |  sectional y", grammar.Invalid, 10},
	} {
		_, at, _ := Split(c.line)
		_, err := Parse(c.line, at)
		var e *grammar.SyntaxError
		if !errors.As(err, &e) || e.Kind != c.kind || e.Offset != c.offset {
			t.Errorf("%q: %+v, want kind %d at %d", c.line, err, c.kind, c.offset)
		}
	}
}

const text = `crypto gdoi group G1
 identity number 1
 server local
  rekey algorithm aes 128

  sa ipsec 1
crypto gdoi group G2
 identity number 2
end
`

func filtered(t *testing.T, spec, in string, chunk int) string {
	t.Helper()
	f, err := Parse(spec, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := f.Writer(&out)
	for len(in) > 0 {
		n := min(chunk, len(in))
		if _, err := io.WriteString(w, in[:n]); err != nil {
			t.Fatal(err)
		}
		in = in[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFilters(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"| include identity", " identity number 1\n identity number 2\n"},
		{"| inc number 2", " identity number 2\n"},
		{"| e ^ ", "crypto gdoi group G1\n\ncrypto gdoi group G2\nend\n"},
		{"| b G2", "crypto gdoi group G2\n identity number 2\nend\n"},
		{"| s server", " server local\n  rekey algorithm aes 128\n  sa ipsec 1\n"},
		{"| section G1", "crypto gdoi group G1\n identity number 1\n server local\n  rekey algorithm aes 128\n  sa ipsec 1\n"},
		{"| section include G2", "crypto gdoi group G2\n identity number 2\n"},
		{"| section exclude G1", "crypto gdoi group G2\n identity number 2\nend\n"},
		{"| sec identity", " identity number 1\n identity number 2\n"},
		{"| count identity", "Number of lines which match regexp = 2\n"},
		{"| c nothing", "Number of lines which match regexp = 0\n"},
		{"| i nothing", ""},
	} {
		for _, chunk := range []int{1, 7, len(text)} {
			if got := filtered(t, c.spec, text, chunk); got != c.want {
				t.Errorf("%s in pieces of %d:\n%s, want\n%s", c.spec, chunk, got, c.want)
			}
		}
	}
	if got := filtered(t, "| i end", "the end", 3); got != "the end\n" {
		t.Errorf("a line without end: %q", got)
	}
}

// A filter passes a line as soon as it is whole.
func TestFiltersStream(t *testing.T) {
	f, _ := Parse("| i x", 0)
	var out bytes.Buffer
	w := f.Writer(&out)
	io.WriteString(w, "x1\nx2")
	if out.String() != "x1\n" {
		t.Errorf("%q", out.String())
	}
	f.Writer(failing{}).Write([]byte("y\n"))
	if _, err := f.Writer(failing{}).Write([]byte("y\nx\n")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// hand answers the pager and notes its prompts on the screen.
type hand struct {
	screen   *bytes.Buffer
	keys     string
	patterns []string
}

func (h *hand) Key(prompt string) (rune, error) {
	h.screen.WriteString("<" + prompt + ">")
	if h.keys == "" {
		return 0, io.EOF
	}
	k := rune(h.keys[0])
	h.keys = h.keys[1:]
	return k, nil
}

func (h *hand) Pattern(string) (string, error) {
	p := h.patterns[0]
	h.patterns = h.patterns[1:]
	return p, nil
}

func TestPager(t *testing.T) {
	const m = "< --More-- >"
	for _, c := range []struct {
		name, keys   string
		patterns     []string
		rows, cols   int
		lines        int
		want         string
		wantErr      error
		longLineSize int
	}{
		{name: "off", lines: 3, want: "1\n2\n3\n"},
		{name: "fits", rows: 4, lines: 3, want: "1\n2\n3\n"},
		{name: "space", rows: 3, lines: 6, keys: "  ", want: "1\n2\n" + m + "3\n4\n" + m + "5\n6\n"},
		{name: "enter", rows: 3, lines: 5, keys: "\r\r\r", want: "1\n2\n" + m + "3\n" + m + "4\n" + m + "5\n"},
		{name: "quit", rows: 3, lines: 9, keys: "q", want: "1\n2\n" + m, wantErr: ErrQuit},
		{name: "gone", rows: 3, lines: 9, want: "1\n2\n" + m, wantErr: io.EOF},
		{name: "one row", rows: 1, lines: 3, keys: "  ", want: "1\n" + m + "2\n" + m + "3\n"},
		{name: "search", rows: 3, lines: 9, keys: "/ ", patterns: []string{"6"}, want: "1\n2\n" + m + "filtering...\n6\n7\n" + m + "8\n9\n"},
		{name: "search from the row in work", rows: 3, lines: 4, keys: "/", patterns: []string{"3"}, want: "1\n2\n" + m + "filtering...\n3\n4\n"},
		{name: "only", rows: 3, lines: 19, keys: "+", patterns: []string{"^[57]"}, want: "1\n2\n" + m + "filtering...\n5\n7\n"},
		{name: "without", rows: 3, lines: 6, keys: "-", patterns: []string{"[35]"}, want: "1\n2\n" + m + "filtering...\n4\n6\n"},
		{name: "filter after filter", rows: 3, lines: 12, keys: "-/", patterns: []string{"3", "1$"}, want: "1\n2\n" + m + "filtering...\n4\n5\n" + m + "filtering...\n11\n12\n"},
		{name: "bad pattern", rows: 3, lines: 3, keys: "/ ", patterns: []string{"["}, want: "1\n2\n" + m + ErrRegexp.Error() + "\n" + m + "3\n"},
		{name: "lines that wrap", rows: 4, cols: 10, longLineSize: 20, lines: 3, keys: "   ",
			want: strings.Repeat("x", 20) + "\n" + strings.Repeat("x", 20) + "\n" + m + strings.Repeat("x", 20) + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var screen bytes.Buffer
			p := NewPager(&screen, &hand{&screen, c.keys, c.patterns}, c.rows, c.cols)
			var err error
			for i := 1; i <= c.lines && err == nil; i++ {
				line := fmt.Sprintln(i)
				if c.longLineSize > 0 {
					line = strings.Repeat("x", c.longLineSize) + "\n"
				}
				_, err = io.WriteString(p, line)
			}
			if !errors.Is(err, c.wantErr) {
				t.Errorf("error %v, want %v", err, c.wantErr)
			}
			p.Close()
			if screen.String() != c.want {
				t.Errorf("screen\n%q, want\n%q", screen.String(), c.want)
			}
		})
	}
}

// Dots of a ping show one by one; the prompt comes only before a new row.
func TestPagerShowsPartsOfRows(t *testing.T) {
	var screen bytes.Buffer
	p := NewPager(&screen, &hand{&screen, " ", nil}, 2, 80)
	for _, s := range []string{"!", "!", "\n", ".", "."} {
		io.WriteString(p, s)
	}
	if want := "!!\n< --More-- >.."; screen.String() != want {
		t.Errorf("screen %q, want %q", screen.String(), want)
	}
}

func TestHelp(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"x | in", "include\n"},
		{"x | i foo", "  LINE\n  <cr>\n"},
		{"x | section ", "  LINE     Regular Expression\n  exclude  Exclude section(s) of output\n  include  Include section(s) of output\n"},
		{"x | foo", "% Unrecognized command"},
		{"x | foo y", "% Unrecognized command"},
	} {
		_, at, _ := Split(c.line)
		h, err := Help(c.line, at)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = trailing.ReplaceAllString(h.Text(80), "\n")
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
	if rest, ok := Complete("x | sec", 2); rest != "tion " || !ok {
		t.Errorf("Tab: %q %v", rest, ok)
	}
	if _, ok := Complete("x | section foo", 2); ok {
		t.Error("Tab completes a pattern")
	}
}

var trailing = regexp.MustCompile(` +\n`)
