package grammar_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "coterie/cli/grammar"
)

func show(t *testing.T, m *Mode, root any, all bool) string {
	t.Helper()
	var b strings.Builder
	if err := Print(&b, m, root, all); err != nil {
		t.Error(err)
	}
	return b.String()
}

const canonical = `!
hostname R1
!
no ip cef
crypto isakmp key a!b address 1.1.1.1 no-xauth
crypto isakmp key two address 2.2.2.2
crypto gdoi group GETVPN
 identity number 4294967295
 client transform-sets T1 T2
 server local
  rekey algorithm aes 256
  rekey lifetime days 2
  volume 7
  rekey retransmit 20 number 3
  rekey transport unicast
  sa ipsec 1
   profile P
   match address ipv4 A
   replay time window-size 5
  sa ipsec 10
   no replay
  address ipv4 192.168.1.254
!
crypto gkm group EMPTY
!
interface Ethernet0/0
 description to  R2 ! core
 ip address 10.0.0.1 255.255.255.0
 shutdown
 crypto map M
!
interface Loopback0
!
ip route 10.0.0.0 255.0.0.0 10.0.0.2
ip route 10.0.0.0 255.0.0.0 10.0.0.3 200
!
ip access-list extended A
 permit ip any any
 deny ip any eq 1 2 10.0.0.0 0.0.0.255 log
ip access-list extended B
!
banner motd ^Chello
 you^C
!
certificate
 30 82
  01
quit
line con 0
line vty 0 4
!
`

func TestLoadAndPrint(t *testing.T) {
	modes := newToy()
	root := &toy{}
	for _, e := range Load(modes.global, root, canonical) {
		t.Errorf("line %d: %s: %v", e.Number, e.Text, e.Err)
	}
	if d := cmp.Diff(canonical, show(t, modes.global, root, false)); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
	// The same text once more changes nothing, neither does what `all` adds.
	for _, all := range []bool{false, true} {
		for _, e := range Load(modes.global, root, show(t, modes.global, root, all)) {
			t.Errorf("line %d: %s: %v", e.Number, e.Text, e.Err)
		}
		if d := cmp.Diff(canonical, show(t, modes.global, root, false)); d != "" {
			t.Errorf("all %v: (-want +got)\n%s", all, d)
		}
	}
	if got := show(t, modes.global, root, true); !strings.Contains(got, "\n mtu 1500\n") {
		t.Errorf("defaults are missing in\n%s", got)
	}
}

// Indentation, or none at all with walk-up, or too much of it: the same tree.
func TestLoadLayouts(t *testing.T) {
	modes := newToy()
	const nested = `Building configuration...

Current configuration : 1000 bytes
!
crypto gdoi group G
 server local
  rekey algorithm aes 128
  sa ipsec 1
   profile P
  address ipv4 1.1.1.1
 identity number 7
interface Ethernet0/0
 ip address 10.0.0.1 255.255.255.0
ip route 1.0.0.0 255.0.0.0 10.0.0.2
`
	var want toy
	if errs := Load(modes.global, &want, nested); errs != nil {
		t.Fatal(errs)
	}
	var flat []string
	for _, l := range strings.Split(nested, "\n") {
		flat = append(flat, strings.TrimSpace(l))
	}
	for name, text := range map[string]string{
		"flat":     strings.Join(flat, "\r\n"),
		"indented": "  " + strings.ReplaceAll(nested, "\n", "\n  "),
		"paste":    "enable\nconf t\n" + nested + "end\nhostname NOT-REACHED\n",
		"exits":    strings.ReplaceAll(nested, "  address ipv4 1.1.1.1\n", "  exit\n  address ipv4 1.1.1.1 ! of the KS\n"),
		"abbreviated": strings.NewReplacer("crypto gdoi group", "cry gdo gr", "interface Ethernet0/0", "int e0/0",
			"rekey algorithm", "rek al").Replace(nested),
	} {
		var got toy
		if errs := Load(modes.global, &got, text); errs != nil {
			t.Errorf("%s: %v", name, errs)
		}
		if d := cmp.Diff(want, got, addrs); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

func TestLoadGoesOn(t *testing.T) {
	modes := newToy()
	var root toy
	var accepted []int
	errs := Load(modes.global, &root, `hostname
interface Ethernet0/0
 ip address 10.0.0.1
 bogus
 mtu 100
no interface Loopback9
wipe
banner motd ^Cnever closed
hostname R9
! the end
crypto gdoi group G
  server local
sa ipsec 1
 exit
 identity number 1
end
hostname R3`, Accepted(func(n int, m Match) { accepted = append(accepted, n) }))
	var got []string
	for _, e := range errs {
		got = append(got, e.Text+": "+e.Err.Error())
	}
	const invalid = ": % Invalid input detected at '^' marker."
	want := []string{
		"hostname: % Incomplete command.",
		" ip address 10.0.0.1: % Incomplete command.",
		" bogus" + invalid,
		"wipe: % refused",
	}
	if len(got) != 5 || !cmp.Equal(got[:4], want) || errs[4].Number != 8 {
		t.Errorf("%q", got)
	}
	if root.Hostname != "R9" || root.Interfaces[0].MTU != 100 || root.Groups[0].Number != 1 {
		t.Errorf("%+v", root)
	}
	if d := cmp.Diff([]int{2, 5, 6, 9, 11, 12, 13, 15}, accepted); d != "" {
		t.Error(d)
	}
}

// A session walks up, and what fails leaves modes and tree alone.
func TestStack(t *testing.T) {
	modes := newToy()
	root := &toy{}
	s := NewStack(modes.global)
	enter := func(line, prompt string) {
		t.Helper()
		r, err := s.Resolve(line, 15, root)
		if err == nil {
			err = s.Apply(root, r)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got := s.Prompt(root); got != prompt {
			t.Errorf("after %s: %s, want %s", line, got, prompt)
		}
	}
	enter("crypto gkm group GDOI-GROUP1", "(config-gkm-group)")
	enter("server local", "(gdoi-local-server)")
	enter("sa ipsec 1", "(gdoi-sa-ipsec)")
	enter("profile P", "(gdoi-sa-ipsec)")
	enter("address ipv4 1.1.1.1", "(gdoi-local-server)")
	enter("sa ipsec 1", "(gdoi-sa-ipsec)")

	// The mode that reads furthest reports the error.
	for line, offset := range map[string]int{
		"address ipv4 x":           13,
		"crypto gdoi groop":        15,
		"identity number abc":      16,
		"match address ipv4":       18,
		"rekey retransmit 5":       17,
		"zzz":                      0,
		"rekey transport unicas x": 23,
	} {
		_, err := s.Resolve(line, 15, root)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset != offset {
			t.Errorf("%s: %v, offset %d, want %d", line, err, syntax.Offset, offset)
		}
	}
	if r, err := s.Resolve("wipe", 15, root); err != nil || s.Apply(root, r) == nil || s.Depth() != 4 {
		t.Errorf("a refused line left %d modes: %v", s.Depth(), err)
	}
	if r, err := s.Resolve("do show clock", 15, root); err != nil || r.Command != Do || r.Args.String("Line") != "show clock" {
		t.Errorf("do: %v %v", r, err)
	}
	enter("no profile", "(gdoi-sa-ipsec)")
	enter("exit", "(gdoi-local-server)")
	enter("no sa ipsec 1", "(gdoi-local-server)")
	if n := len(root.Groups[0].Local.SAs); n != 0 {
		t.Errorf("%d SAs left", n)
	}
	enter("crypto gdoi group GDOI-GROUP2", "(config-gdoi-group)")
	enter("no crypto gdoi group GDOI-GROUP2", "(config)")
	enter("interface Ethernet 0/0", "(config-if)")
	root.Interfaces = nil // another session
	r, err := s.Resolve("shutdown", 15, root)
	if err != nil || !errors.Is(s.Apply(root, r), ErrGone) {
		t.Errorf("object gone: %v", err)
	}
	enter("end", "(config)")
	if s.Exit() {
		t.Error("exit from global configuration")
	}
	h, err := s.Help("rekey ", 15, root)
	if err == nil {
		t.Errorf("help from a closed mode: %v", h)
	}
	if _, err := s.Resolve("", 15, root); err == nil {
		t.Error("empty line")
	}
}

func TestStackHelpWalksUp(t *testing.T) {
	modes := newToy()
	root := &toy{}
	s := NewStack(modes.global)
	for _, line := range []string{"crypto gdoi group G", "server local", "sa ipsec 1"} {
		r, _ := s.Resolve(line, 15, root)
		if err := s.Apply(root, r); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := s.Help("rekey tra", 15, root); err != nil || h.Text(0) != "transport\n" {
		t.Errorf("%v %v", h, err)
	}
	if rest, ok := s.Complete("hostn", 15, root); !ok || rest != "ame " {
		t.Errorf("%q %v", rest, ok)
	}
	if target, ok := s.Target(root); !ok || target.(*sa).Number != 1 {
		t.Errorf("%v", target)
	}
}

func TestBindings(t *testing.T) {
	modes := newToy()
	root := &toy{}
	type step struct{ line, want string }
	for _, s := range []step{
		{"hostname R1", "!\nhostname R1\n!\n"},
		{"hostname Router", ""}, // the default
		{"no ip cef", "no ip cef\n"},
		{"default ip cef", ""},
		{"no ip cef", "no ip cef\n"},
		{"ip cef", ""},
		{"ip route 1.0.0.0 255.0.0.0 2.2.2.2 9", "ip route 1.0.0.0 255.0.0.0 2.2.2.2 9\n!\n"},
		{"ip route 1.0.0.0 255.0.0.0 2.2.2.2 9", "ip route 1.0.0.0 255.0.0.0 2.2.2.2 9\n!\n"},
		{"no ip route 1.0.0.0 255.0.0.0 3.3.3.3", "ip route 1.0.0.0 255.0.0.0 2.2.2.2 9\n!\n"},
		{"no ip route 1.0.0.0 255.0.0.0 2.2.2.2 9", ""},
		{"crypto isakmp key A address 1.1.1.1", "crypto isakmp key A address 1.1.1.1\n"},
		{"crypto isakmp key B address 1.1.1.1", "crypto isakmp key B address 1.1.1.1\n"},
		{"no crypto isakmp key B address 1.1.1.1", ""},
		{"crypto gdoi group G", "crypto gdoi group G\n!\n"},
		{"crypto gkm group G", "crypto gkm group G\n!\n"},
		{"no crypto gdoi group G", ""},
		{"interface Ethernet1", "interface Ethernet1\n!\n"},
		{"crypto map M", "interface Ethernet1\n crypto map M\n!\n"},
		{"no crypto map OTHER", "interface Ethernet1\n crypto map M\n!\n"},
		{"no crypto map M", "interface Ethernet1\n!\n"},
		{"mtu 1400", "interface Ethernet1\n mtu 1400\n!\n"},
		{"default mtu", "interface Ethernet1\n!\n"},
		{"no interface Ethernet1", ""},
		{"crypto gdoi group G", "crypto gdoi group G\n!\n"},
		{"server local", "crypto gdoi group G\n server local\n!\n"},
		{"rekey retransmit 30 number 5", "crypto gdoi group G\n server local\n  rekey retransmit 30 number 5\n!\n"},
		{"rekey retransmit 30", "crypto gdoi group G\n server local\n  rekey retransmit 30\n!\n"},
		{"rekey retransmit 10 number 2", "crypto gdoi group G\n server local\n!\n"},
		{"volume 5", "crypto gdoi group G\n server local\n  volume 5\n!\n"},
		{"rekey lifetime days 1", "crypto gdoi group G\n server local\n  rekey lifetime days 1\n  volume 5\n!\n"},
		{"no volume", "crypto gdoi group G\n server local\n  rekey lifetime days 1\n!\n"},
		{"rekey lifetime seconds 86400", "crypto gdoi group G\n server local\n!\n"},
		{"no server local", "crypto gdoi group G\n!\n"},
	} {
		stack := NewStack(modes.global)
		if len(root.Groups) > 0 || len(root.Interfaces) > 0 {
			for _, l := range []string{"crypto gdoi group G", "server local"} {
				if r, err := stack.Resolve(l, 15, root); err == nil && len(root.Groups) > 0 && (l == "crypto gdoi group G" && !strings.HasPrefix(s.line, "crypto g") || root.Groups[0].Local != nil) {
					stack.Apply(root, r)
				}
			}
			if len(root.Interfaces) > 0 {
				r, _ := stack.Resolve("interface Ethernet1", 15, root)
				stack.Apply(root, r)
			}
		}
		r, err := stack.Resolve(s.line, 15, root)
		if err == nil {
			err = stack.Apply(root, r)
		}
		if got := show(t, modes.global, root, false); err != nil || got != s.want {
			t.Fatalf("%s: %v\ngot\n%swant\n%s", s.line, err, got, s.want)
		}
	}
}

// A binding meets a target of another type: an error, no panic, no lines.
func TestWrongTarget(t *testing.T) {
	for _, b := range []Binding{
		Leaf(func(c *toy) *string { return &c.Hostname }),
		Multi(func(c *toy) *[]route { return &c.Routes }),
		Object(func(c *toy) *[]*iface { return &c.Interfaces }, "Name"),
		Sub(func(c *group) **server { return &c.Local }),
		Custom[toy]{OnSet: func(*toy, Args) error { return nil }, OnUnset: func(*toy, Args) error { return nil }},
	} {
		var wrong int
		if b.Set(&wrong, Args{}) == nil || b.Unset(&wrong, Args{}) == nil || b.Lines(&wrong, true) != nil {
			t.Errorf("%T", b)
		}
	}
}

// A value that does not fit changes nothing.
func TestMisfit(t *testing.T) {
	type small struct {
		N int8
		A string
	}
	b := Leaf(func(c *small) *small { return c })
	c := &small{5, "x"}
	if err := b.Set(c, Args{"A": "y", "N": 1000}); err == nil || *c != (small{5, "x"}) {
		t.Errorf("%v %v", err, *c)
	}
	if err := b.Set(c, Args{"N": uint32(7)}); err != nil || *c != (small{7, ""}) {
		t.Errorf("%v %v", err, *c)
	}
}

func TestPrintSome(t *testing.T) {
	modes := newToy()
	root := &toy{}
	Load(modes.global, root, canonical)
	var b strings.Builder
	err := PrintSome(&b, modes.global, root, false, func(c *Command, l Line) bool {
		return c.Enter == modes.iface && l.Args.String("Name") == "Ethernet0/0"
	})
	if want := "interface Ethernet0/0\n description to  R2 ! core\n ip address 10.0.0.1 255.255.255.0\n shutdown\n crypto map M\n!\n"; err != nil || b.String() != want {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestSyntaxAndWalk(t *testing.T) {
	modes := newToy()
	var got []string
	Walk(modes.global, func(path []*Mode, c *Command) {
		if m := path[len(path)-1]; m == modes.local || m == modes.acl {
			got = append(got, m.Name+" "+Syntax(c.Syntax))
		}
	})
	want := []string{
		"gdoi-local-server rekey algorithm {3des-cbc | aes {128 | 256}}",
		"gdoi-local-server rekey lifetime {seconds <300-2592000> | days <1-30>}",
		"gdoi-local-server volume <1-1000>",
		"gdoi-local-server rekey retransmit <10-60> [number <1-10> | periodic]",
		"gdoi-local-server rekey transport unicast",
		"gdoi-local-server sa ipsec <1-65535>",
		"gdoi-local-server address ipv4 A.B.C.D",
		"config-ext-nacl {permit | deny} ip {any | A.B.C.D A.B.C.D} [eq <0-65535> [<0-65535> ...]] {any | A.B.C.D A.B.C.D} [eq <0-65535> [<0-65535> ...]] [log]",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		kind Type
		text string
		want any // nil: refused
	}{
		{Int(0, 10), "007", 7}, {Int(0, 10), "+7", nil}, {Int(0, 10), "-1", nil}, {Int(0, 10), "11", nil}, {Int(-5, 5), "-5", -5},
		{Int(0, 10), "99999999999999999999999", nil}, {Int(0, 10), "1x", nil},
		{Uint32(0, 4294967295), "4294967295", uint32(4294967295)}, {Uint32(0, 4294967295), "4294967296", nil},
		{IPv4(), "1.2.3.4", ip("1.2.3.4")}, {IPv4(), "1.2.3", nil}, {IPv4(), "1.2.3.4.5", nil}, {IPv4(), "01.2.3.4", nil},
		{IPv4(), "::1", nil}, {IPv4(), "1.2.3.256", nil}, {IPv4(), "1.2.3.4/8", nil},
		{Mask(), "255.255.255.0", ip("255.255.255.0")}, {Mask(), "0.0.0.0", ip("0.0.0.0")}, {Mask(), "255.255.255.255", ip("255.255.255.255")},
		{Mask(), "255.0.255.0", nil}, {Mask(), "0.0.0.255", nil}, {Wildcard(), "0.255.0.255", ip("0.255.0.255")},
		{Word(), "x!", "x!"}, {HostOrAddress(), "a.b", "a.b"},
		{Convert(Int(1, 9), func(n int) (string, bool) { return strings.Repeat("x", n), n != 3 }, func(s string) int { return len(s) }), "2", "xx"},
		{Convert(Int(1, 9), func(n int) (string, bool) { return strings.Repeat("x", n), n != 3 }, func(s string) int { return len(s) }), "3", nil},
	} {
		v, used, ok := c.kind.Parse([]string{c.text})
		if ok != (c.want != nil) || ok && (used != 1 || !reflect.DeepEqual(v, c.want)) {
			t.Errorf("%s %q: %v %d %v", c.kind.Placeholder(), c.text, v, used, ok)
			continue
		}
		if ok {
			if again, _, ok := c.kind.Parse([]string{c.kind.Format(v)}); !ok || !reflect.DeepEqual(again, v) {
				t.Errorf("%q prints as %q", c.text, c.kind.Format(v))
			}
		}
	}
}

func TestComments(t *testing.T) {
	for line, want := range map[string]string{
		"10.0.0.1   ! Host2": "10.0.0.1", "a!b": "a!b", "a !b": "a !b", "a !": "a", "! a": "! a", "a b! c": "a b! c",
	} {
		if got := StripComment(line); got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
	for line, want := range map[string]bool{"": true, "  ": true, " ! x": true, "!x": true, "a !": false} {
		if Blank(line) != want {
			t.Errorf("%q", line)
		}
	}
}
