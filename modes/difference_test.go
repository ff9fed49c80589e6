package modes

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	runningconfig "coterie/running-config"

	"github.com/google/go-cmp/cmp"
)

func difference(t testing.TB, a, b *runningconfig.Config) Difference {
	t.Helper()
	d, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// walk types random lines of every mode on a tree.
type walk struct {
	global *grammar.Mode
	pool   map[*grammar.Mode][]string
}

func newWalk(t testing.TB) walk {
	w := walk{Configuration(nil), map[*grammar.Mode][]string{}}
	grammar.Walk(w.global, func(path []*grammar.Mode, c *grammar.Command) {
		lines, err := grammartest.Samples(c)
		if err != nil {
			t.Fatal(err)
		}
		m := path[len(path)-1]
		for i, line := range lines {
			if i < 30 && c.Bind != nil {
				w.pool[m] = append(w.pool[m], line)
			}
		}
	})
	return w
}

func (w walk) on(t testing.TB, c *runningconfig.Config, random *rand.Rand, lines int) {
	stack := grammar.NewStack(w.global)
	for range lines {
		m := stack.Mode()
		for m.Parent != nil && (random.IntN(6) == 0 || len(w.pool[m]) == 0) {
			m = m.Parent
		}
		line := w.pool[m][random.IntN(len(w.pool[m]))]
		line = []string{"", "", "", "", "", "", "no ", "default "}[random.IntN(8)] + line
		r, err := stack.Resolve(line, 15, c)
		if err != nil {
			t.Fatalf("%s: %q: %v", m.Name, line, err)
		}
		var refused Refusal
		if err := stack.Apply(c, r); err != nil && !errors.As(err, &refused) && !errors.Is(err, grammar.ErrGone) {
			t.Fatalf("%q: %v", line, err)
		}
	}
}

// The lines of a difference, typed on the first configuration, make the
// second; equal configurations have none. Order counts within access lists
// only: elsewhere a list may come to hold the same lines in another order.
func TestDifferenceTyped(t *testing.T) {
	w := newWalk(t)
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 4))
		a := new(runningconfig.Config)
		w.on(t, a, random, 60)
		b := a.Clone()
		w.on(t, b, random, 1+random.IntN(20))
		if seed%10 == 0 {
			b = new(runningconfig.Config)
			w.on(t, b, random, 40)
		}
		if d := difference(t, a, a.Clone()); len(d.Changes) > 0 {
			t.Fatalf("seed %d: a copy differs: %v", seed, d.Changes)
		}
		lines, err := Commands(a, b)
		if err != nil {
			t.Fatal(err)
		}
		got, commands := a.Clone(), strings.Join(lines, "\n")
		var complaints []string
		for _, e := range Load(got, commands) {
			complaints = append(complaints, fmt.Sprintf("%q: %v", e.Text, e.Err))
		}
		if diff := cmp.Diff(unordered(t, b), unordered(t, got)); diff != "" {
			t.Fatalf("seed %d: from\n%s\ntyped\n%s\n%s\nthat makes (-want +got)\n%s", seed, printed(t, a, false), commands, strings.Join(complaints, "\n"), diff)
		}
	}
}

// unordered is a configuration with the lines of each mode sorted, but for
// those of access lists.
func unordered(t testing.TB, c *runningconfig.Config) []string {
	items, err := grammar.Items(reading().global, c)
	if err != nil {
		t.Fatal(err)
	}
	var flat func(items []grammar.Item, ordered bool) []string
	flat = func(items []grammar.Item, ordered bool) (out []string) {
		for _, i := range items {
			_, isList := i.Line.Sub.(*runningconfig.AccessList)
			out = append(out, i.Text+"\n "+strings.Join(flat(i.Below, isList), "\n "))
		}
		if !ordered {
			// Entries of a numbered list keep their order.
			slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(sortKey(a), sortKey(b)) })
		}
		return out
	}
	return flat(items, false)
}

func sortKey(text string) string {
	if f := strings.Fields(text); f[0] == "access-list" {
		return f[0] + f[1]
	}
	return text
}

// `show archive config differences`, as it prints.
func TestDifferenceScreen(t *testing.T) {
	a := loaded(t, `hostname R1
crypto isakmp policy 10
 encr aes 256
 group 14
interface Ethernet0/0
 description to the WAN
 ip address 10.0.0.1 255.255.255.0
ip access-list extended LIST
 deny udp any eq 848 any
 permit ip any any
`)
	b := loaded(t, `hostname R2
crypto isakmp policy 10
 encr aes 256
 group 19
interface Loopback1
 ip address 1.1.1.1 255.255.255.255
interface Ethernet0/0
 ip address 10.0.0.1 255.255.255.0
 shutdown
ip access-list extended LIST
 deny udp any eq 848 any
 deny tcp any any
 permit ip any any
`)
	b.KeepNumbers(a)
	d := difference(t, a, b)
	var out strings.Builder
	if err := d.WriteContext(&out); err != nil {
		t.Fatal(err)
	}
	want := `+hostname R2
crypto isakmp policy 10
 +group 19
+interface Loopback1
 +ip address 1.1.1.1 255.255.255.255
interface Ethernet0/0
 +shutdown
ip access-list extended LIST
 +deny   tcp any any
-hostname R1
crypto isakmp policy 10
 -group 14
interface Ethernet0/0
 -description to the WAN
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	commands := `interface Ethernet0/0
 no description to the WAN
hostname R2
crypto isakmp policy 10
 group 19
interface Loopback1
 ip address 1.1.1.1 255.255.255.255
interface Ethernet0/0
 shutdown
ip access-list extended LIST
 15 deny tcp any any`
	if diff := cmp.Diff(commands, strings.Join(d.commands(false), "\n")); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if n := d.Lines(); n != 9 {
		t.Errorf("%d lines differ", n)
	}
}

// Ten lines of ten thousand: ten lines of the list are touched, and the rest
// keep their numbers.
func TestDifferenceTouchesWhatDiffers(t *testing.T) {
	const entries, every = 10000, 1000
	list := func(changed byte) *runningconfig.Config {
		var b strings.Builder
		b.WriteString("ip access-list extended LIST\n")
		for i := range entries {
			second := byte(0)
			if i%every == every/2 {
				second = changed
			}
			fmt.Fprintf(&b, " permit ip host 10.%d.%d.%d any\n", second, i/256, i%256)
		}
		return loaded(t, b.String())
	}
	a, b := list(1), list(2)
	b.KeepNumbers(a)
	d := difference(t, a, b)
	var gone, came int
	for _, line := range d.commands(false)[1:] {
		switch {
		case strings.HasPrefix(line, " no permit ip host 10.1."):
			gone++
		case strings.Contains(line, " permit ip host 10.2."):
			came++
		case line != "ip access-list extended LIST":
			t.Errorf("line %q", line)
		}
	}
	if gone != entries/every || came != entries/every || d.Lines() != 2*entries/every {
		t.Errorf("%d lines go and %d come, %d in all", gone, came, d.Lines())
	}
	for i, e := range b.AccessLists[0].Entries {
		if was := a.AccessLists[0].Entries[i].Sequence; i%every != every/2 && e.Sequence != was {
			t.Fatalf("entry %d has number %d, had %d", i, e.Sequence, was)
		}
	}
}

func TestParseFile(t *testing.T) {
	for text, want := range map[string]string{
		"running-config": "system:running-config", "startup-config": "nvram:startup-config", "backup": "flash:backup",
		"flash:/a/b.cfg": "flash:a/b.cfg", "bootflash:x": "flash:x", "DISK0:x": "flash:x", "nvram:startup-config": "nvram:startup-config",
		"flash:": "flash:", "system:running-config": "system:running-config",
	} {
		if f, err := ParseFile(text); err != nil || f.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, f, err, want)
		}
	}
	for _, text := range []string{"flash:../x", "flash:a/../../x", "tftp://1.1.1.1/x", "flash:.hidden", "flash:a//b", "flash:a b", "flash:\x00",
		"system:memory", "c:\\x", "flash:" + strings.Repeat("x", 200)} {
		if f, err := ParseFile(text); err == nil {
			t.Errorf("%q is %v", text, f)
		}
	}
}
