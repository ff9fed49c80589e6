package grammar_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "coterie/cli/grammar"
)

var addrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestParse(t *testing.T) {
	toy := newToy()
	for _, c := range []struct {
		mode *Mode
		line string
		want Args
	}{
		{toy.global, "hostname R1", Args{"": "R1"}},
		{toy.global, "  HOST r1  ", Args{"": "r1"}},
		{toy.global, "hostname R1 ! the key server", Args{"": "R1"}},
		{toy.global, "hostname R1 !", Args{"": "R1"}},
		{toy.global, "hostname R1!", nil},
		{toy.global, "int e0/0", Args{"Name": "Ethernet0/0"}},
		{toy.global, "int Loopb 3", Args{"Name": "Loopback3"}},
		{toy.global, "int Loopb 3 ! here", Args{"Name": "Loopback3"}},
		{toy.global, "crypto isakmp key ! address 1.1.1.1", Args{"Key": "!", "Peer": ip("1.1.1.1")}},
		{toy.global, "cry isa key 0 a!b addr 1.1.1.1 no-x", Args{"Key": "a!b", "Peer": ip("1.1.1.1"), "XA": true}},
		{toy.global, "line con 0", Args{"Kind": "console", "First": 0}},
		{toy.global, "exit", Args{}},
		{toy.global, "do sh ip  int", Args{"Line": "sh ip  int"}},
		{toy.iface, "desc  to  R2 ! core \t", Args{"": "to  R2 ! core"}},
		{toy.iface, "description ! odd", Args{"": "! odd"}},
		{toy.group, "client tr A B C ! three", Args{"": []any{"A", "B", "C"}}},
		{toy.group, "identity number 4294967295", Args{"": uint32(4294967295)}},
		{toy.local, "rek ret 10 num 3", Args{"Interval": 10, "Number": 3}},
		{toy.local, "rekey retransmit 10 p", Args{"Interval": 10, "Periodic": true}},
		{toy.local, "rekey al aes 2", Args{"": "aes 256"}},
		{toy.acl, "deny ip any eq 1 2 10.0.0.0 0.0.0.255 log", Args{"Permit": false, "Src.Any": true, "Src.Ports": []any{1, 2},
			"Dst.Addr": ip("10.0.0.0"), "Dst.Wildcard": ip("0.0.0.255"), "Log": true}},
	} {
		m, err := c.mode.Parse(c.line, 15)
		if err != nil && c.want != nil {
			t.Errorf("%q: %v", c.line, err)
		} else if c.want != nil {
			if d := cmp.Diff(c.want, m.Args, addrs); d != "" {
				t.Errorf("%q: (-want +got)\n%s", c.line, d)
			}
		}
	}
}

// The answers to a bad line, with the caret below the character it marks.
func TestErrors(t *testing.T) {
	toy := newToy()
	const invalid = "% Invalid input detected at '^' marker."
	const incomplete = "% Incomplete command."
	for _, c := range []struct {
		mode        *Mode
		line, caret string
		want        string
	}{
		{toy.global, "zap", "^", invalid},
		{toy.global, "hostnome R1", "     ^", invalid},
		{toy.global, "interface Foo0", "          ^", invalid},
		{toy.local, "rekey retransmit 5", "                 ^", invalid},
		{toy.local, "rekey retransmit 61 number 1", "                 ^", invalid},
		{toy.local, "  rekey transport multicast", "                  ^", invalid},
		{toy.local, "rekey transpart", "            ^", invalid},
		{toy.local, "rekey transport unicast x", "                        ^", invalid},
		{toy.local, "address ipv4 1.2.3.400", "             ^", invalid},
		{toy.iface, "ip address 10.0.0.1 255.0.255.0", "                    ^", invalid},
		{toy.local, "rekey retransmit", "", incomplete},
		{toy.local, "rekey retransmit 10 number", "", incomplete},
		{toy.local, "rekey retransmit ! soon", "", incomplete},
		{toy.local, "", "", incomplete},
		{toy.local, "no", "", incomplete},
		{toy.local, "no rekey", "", incomplete},
		{toy.local, "no rekey transport", "", incomplete},
		{toy.global, "interface Ethernet", "", incomplete},
		{toy.local, "rekey  a ", "", incomplete},
		{toy.local, "r a 3", "", ""},
		{toy.global, "ip c x", "     ^", invalid},
		{toy.local, "rekey r 10", "", ""},
		{toy.global, "h R1", "", ""},
		{toy.global, "i R1", "", `% Ambiguous command:  "i R1"`},
		{toy.global, "crypto g x", "", `% Ambiguous command:  "crypto g x"`},
		{toy.sa, `m"atch`, ` ^`, invalid},
	} {
		_, err := c.mode.Parse(c.line, 15)
		if c.want == "" {
			if err != nil {
				t.Errorf("%q: %v", c.line, err)
			}
			continue
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: no error", c.line)
			continue
		}
		if got := syntax.Error(); got != c.want || c.caret != "" && syntax.Offset != len(c.caret)-1 {
			t.Errorf("%q: got\n%s\n%s^\n%s\nwant\n%s\n%s", c.line, c.line, strings.Repeat(" ", syntax.Offset), got, c.caret, c.want)
		}
	}
}

func TestNo(t *testing.T) {
	toy := newToy()
	for _, c := range []struct {
		mode *Mode
		line string
		ok   bool
	}{
		{toy.global, "no hostname", true},
		{toy.global, "no hostname R1", true},
		{toy.global, "default hostname", true},
		{toy.global, "no interface", false},
		{toy.global, "no interface Loopback0", true},
		{toy.global, "no crypto gdoi group", false},
		{toy.global, "no crypto gdoi group G", true},
		{toy.global, "no ip cef", true},
		{toy.global, "no ip", false},
		{toy.global, "no ip route 10.0.0.0 255.0.0.0 1.1.1.1", true},
		{toy.global, "no ip route 10.0.0.0 255.0.0.0 1.1.1.1 5", true},
		{toy.global, "no ip route 10.0.0.0 255.0.0.0", false},
		{toy.global, "no exit", false},
		{toy.global, "no no hostname", false},
		{toy.global, "no default hostname", false},
		{toy.global, "no line con", false},
		{toy.global, "no line con 0", true},
		{toy.global, "no banner motd", true},
		{toy.global, "no crypto isakmp key K", false},
		{toy.global, "no crypto isakmp key K address 1.1.1.1", true},
		{toy.iface, "no ip address", true},
		{toy.iface, "no ip address 10.0.0.1", true},
		{toy.iface, "no ip", false}, // `ip` and `address` are plain words before the argument
		{toy.iface, "no shut", true},
		{toy.iface, "no crypto map", false},
		{toy.iface, "no crypto map M", true},
		{toy.local, "no rekey lifetime", true},
		{toy.local, "no rekey lifetime seconds", true},
		{toy.local, "no rekey retransmit 10 number", true},
		{toy.local, "no rekey transport unicast", true},
		{toy.sa, "no replay", true},
		{toy.sa, "no r", true},
		{toy.acl, "no permit ip any any", true},
		{toy.acl, "no permit", false},
	} {
		m, err := c.mode.Parse(c.line, 15)
		if ok := err == nil; ok != c.ok {
			t.Errorf("%q: accepted %v (%v)", c.line, ok, err)
		} else if ok && m.No == m.Default {
			t.Errorf("%q: no %v, default %v", c.line, m.No, m.Default)
		}
	}
}

func TestLevels(t *testing.T) {
	m := &Mode{Name: "exec"}
	m.Add(
		&Command{Syntax: Seq{Kw("show", "Show running system information"), Kw("clock", "Display the system clock")}, Level: 1},
		&Command{Syntax: Seq{Kw("show", "Show running system information"), Kw("crypto", "Encryption module")}, Level: 15},
		&Command{Syntax: Kw("shelve", "Shelve"), Level: 15},
		&Command{Syntax: Seq{Kw("show", "Show running system information"), Kw("parser", "Internal")}, Level: 1, Hidden: true},
	)
	if _, err := m.Parse("sh clo", 1); err != nil {
		t.Error(err)
	}
	if _, err := m.Parse("sh c", 1); err != nil {
		t.Errorf("command above the level makes a prefix ambiguous: %v", err)
	}
	if _, err := m.Parse("sh clo", 15); err == nil || !strings.HasPrefix(err.Error(), "% Ambiguous") {
		t.Errorf("at 15: %v", err)
	}
	if _, err := m.Parse("show crypto", 1); err == nil || err.(*SyntaxError).Offset != 6 {
		t.Errorf("above the level: %v", err)
	}
	if _, err := m.Parse("exit", 15); err == nil {
		t.Error("exec has no built-in exit")
	}
	h, err := m.Help("show ", 1, nil)
	if got := h.Text(0); err != nil || got != "  clock  Display the system clock\n" {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := m.Parse("show p", 1); err != nil {
		t.Errorf("hidden: %v", err)
	}
}

func TestAnyOrder(t *testing.T) {
	m := &Mode{Name: "exec"}
	c := &Command{Syntax: Seq{Kw("generate", "Generate"), AnyOrder{
		Kw("exportable", "Allow export").Sets("Exportable", true),
		Seq{Kw("label", "Label"), Arg("Label", Word(), "Label")},
		Seq{Kw("modulus", "Modulus"), Arg("Modulus", Int(360, 4096), "Bits")},
	}, Opt{Kw("now", "Now").Sets("Now", true)}}}
	m.Add(c)
	want := Args{"Label": "L", "Modulus": 1024, "Exportable": true}
	for _, line := range []string{
		"generate label L modulus 1024 exportable", "gen e m 1024 l L", "gen l L e m 1024",
	} {
		got, err := m.Parse(line, 15)
		if err != nil || !cmp.Equal(got.Args, want) {
			t.Errorf("%s: %v %v", line, got.Args, err)
		}
	}
	if s, ok := Unparse(c.Syntax, want); !ok || s != "generate exportable label L modulus 1024" {
		t.Errorf("unparse: %q", s)
	}
	for line, ok := range map[string]bool{"gen": true, "gen now": true, "gen label A label B": false, "gen label A now": true, "gen e e": false, "gen now e": false} {
		if _, err := m.Parse(line, 15); (err == nil) != ok {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestRepetition(t *testing.T) {
	toy := newToy()
	line := "client transform-sets"
	for i := range 7 {
		_, err := toy.group.Parse(line, 15)
		if want := i >= 1 && i <= 6; (err == nil) != want {
			t.Errorf("%d: %v", i, err)
		}
		line += fmt.Sprint(" T", i)
	}
	m := &Mode{}
	m.Add(&Command{Syntax: Seq{Kw("x", "X"), Rep{Node: Arg("N", Int(0, 9), "Digit")}, Kw("end", "End")}})
	got, err := m.Parse("x"+strings.Repeat(" 7", 1000)+" end", 15)
	if err != nil || len(got.Args["N"].([]any)) != 1000 {
		t.Errorf("unbounded: %v", err)
	}
}

func TestBlocks(t *testing.T) {
	toy := newToy()
	for _, c := range []struct {
		line, want string
		more       bool
	}{
		{"banner motd ^C", "", true},
		{"banner motd ^Chello\n", "", true},
		{"banner motd ^Chello\n  you^C", "hello\n  you", false},
		{"banner motd #one#", "one", false},
		{"certificate", "", true},
		{"certificate\n 30 82", "", true},
		{"certificate\n 30 82\n  01\n  quit", " 30 82\n  01", false},
	} {
		m, err := toy.global.Parse(c.line, 15)
		var syntax *SyntaxError
		if errors.As(err, &syntax) && (!c.more || !syntax.More || syntax.Closes("x") || !syntax.Closes("quit") && !syntax.Closes("bye ^C")) || err == nil && (c.more || m.Args[""] != c.want) {
			t.Errorf("%q: %q %v", c.line, m.Args[""], err)
		}
	}
	if _, err := toy.global.Parse("hostname", 15); err.(*SyntaxError).More {
		t.Error("an incomplete line is not a block")
	}
}

func TestExpand(t *testing.T) {
	toy := newToy()
	got, err := toy.local.Expand("no rek ret 10 n 3", 15)
	if err != nil || got != "no rekey retransmit 10 number 3" {
		t.Errorf("%q %v", got, err)
	}
}

// Adding commands after the first use is seen by the next.
func TestAddAfterUse(t *testing.T) {
	m := &Mode{}
	m.Add(&Command{Syntax: Kw("a", "A")})
	m.Parse("a", 15)
	m.Add(&Command{Syntax: Kw("b", "B")})
	if _, err := m.Parse("b", 15); err != nil {
		t.Error(err)
	}
}

// A mode of 400 commands, as large as global configuration gets.
func large() *Mode {
	m := &Mode{Name: "large"}
	for i := range 400 {
		m.Add(&Command{Syntax: Seq{Kw("crypto", "Encryption"), Kw(fmt.Sprintf("feature%03d", i), "Feature"),
			Kw("window-size", "Window"), Arg("N", Int(1, 1000), "Size"), Opt{Seq{Kw("label", "Label"), Arg("Label", Word(), "Name")}}}})
	}
	for i := range 100 {
		m.Add(&Command{Syntax: Seq{Kw(fmt.Sprintf("other%03d", i), "Other"), Kw("address", "Address"), Arg("A", IPv4(), "Address")}})
	}
	return m
}

const largeLine = "crypto feature399 window-size 512 label MYLABEL"

func BenchmarkParse(b *testing.B) {
	m := large()
	for b.Loop() {
		if _, err := m.Parse(largeLine, 15); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseFirstWord(b *testing.B) {
	m := large()
	for b.Loop() {
		if _, err := m.Parse("other050 address 10.0.0.1", 15); err != nil {
			b.Fatal(err)
		}
	}
}

// The yardstick: splitting the same line and looking 400 words up one by one.
func BenchmarkYardstick(b *testing.B) {
	var words []string
	for i := range 400 {
		words = append(words, fmt.Sprintf("feature%03d", i))
	}
	n := 0
	for b.Loop() {
		for _, f := range strings.Fields(largeLine) {
			for _, w := range words {
				if strings.EqualFold(w, f) {
					n++
				}
			}
		}
	}
	if n == 0 {
		b.Fatal("not found")
	}
}
