package grammar_test

import (
	"strings"
	"testing"

	. "coterie/cli/grammar"
)

// The screen of a real device, with the breaks that its help texts carry.
func TestHelpScreen(t *testing.T) {
	m := &Mode{Name: "exec"}
	direction := Seq{Kw("direction", "Direction of the SA")}
	m.Add(
		&Command{Syntax: Seq{direction, Kw("both", "IPsec SA will only accept cipher text and will encrypt the packet\n   before forwarding it out")}},
		&Command{Syntax: Seq{direction, Kw("inbound", "Specify IPsec SA inbound options"), Alt{
			Kw("only", "IPsec SA will accept both cipher/plain text and will forward the\n   packet in clear."),
			Kw("optional", "IPsec SA will accept both cipher/plain text and will encrypt the\n     packet before forwarding it out")}}},
	)
	for line, want := range map[string]string{
		"direction ": `  both     IPsec SA will only accept cipher text and will encrypt the packet
              before forwarding it out
  inbound  Specify IPsec SA inbound options
`,
		"direction inbound ": `  only      IPsec SA will accept both cipher/plain text and will forward the
               packet in clear.
  optional  IPsec SA will accept both cipher/plain text and will encrypt the
                 packet before forwarding it out
`,
		"direction both ": "  <cr>\n",
	} {
		h, err := m.Help(line, 15, nil)
		if got := h.Text(80); err != nil || got != want {
			t.Errorf("%s? %v\ngot\n%swant\n%s", line, err, got, want)
		}
	}
}

func TestHelp(t *testing.T) {
	modes := newToy()
	root := &toy{Groups: []*group{{Name: "GETVPN"}, {Name: "GETVPN2"}}}
	for _, c := range []struct {
		mode       *Mode
		line, want string
	}{
		{modes.iface, "", `  crypto       Encryption/Decryption commands
  default      Set a command to its defaults
  description  Interface specific description
  exit         Exit from interface configuration mode
  ip           Interface Internet Protocol config commands
  mtu          Set the interface Maximum Transmission Unit (MTU)
  no           Negate a command or set its defaults
  shutdown     Shutdown the selected interface
`},
		{modes.iface, "no ", `  crypto       Encryption/Decryption commands
  description  Interface specific description
  ip           Interface Internet Protocol config commands
  mtu          Set the interface Maximum Transmission Unit (MTU)
  shutdown     Shutdown the selected interface
`},
		{modes.iface, "no mtu ", "  <64-9216>  MTU size in bytes\n  <cr>\n"},
		{modes.iface, "shut ", "  <cr>\n"},
		{modes.iface, "description ", "  LINE  Up to 240 characters describing this interface\n"},
		{modes.iface, "description a ", "  LINE  Up to 240 characters describing this interface\n  <cr>\n"},
		{modes.local, "rek ret 10 ", "  number    Number of retransmissions\n  periodic  Send until acknowledged\n  <cr>\n"},
		{modes.local, "rekey lifetime seconds ", "  <300-2592000>  Seconds\n"},
		{modes.local, "rekey lifetime seconds 5?", "% Unrecognized command"},
		{modes.local, "rekey lifetime seconds 500", "<300-2592000>\n"},
		{modes.local, "rekey a", "algorithm\n"},
		{modes.local, "re", "rekey\n"},
		{modes.local, "bogus ", "% Unrecognized command"},
		{modes.local, "z", "% Unrecognized command"},
		{modes.global, "i ", `% Ambiguous command:  "i "`},
		{modes.global, "i", "interface  ip\n"},
		{modes.global, "wip", "% Unrecognized command"},
		{modes.global, "interface ", "  Ethernet  IEEE 802.3\n  Loopback  Loopback interface\n"},
		{modes.global, "interface e", "Ethernet\n"},
		{modes.global, "interface Ethernet ", "  <0-9>  Ethernet interface number\n"},
		{modes.global, "interface Ethernet 0", "<0-9>\n"},
		{modes.global, "interface Ethernet 0/0 ", "  <cr>\n"},
		{modes.global, "crypto gdoi group ", "  WORD  Group name\n"},
		{modes.global, "crypto gdoi group GET", "GETVPN   GETVPN2\n"},
		{modes.global, "crypto gdoi group X", "WORD\n"},
	} {
		h, err := c.mode.Help(c.line, 15, root)
		got := h.Text(80)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %q\ngot\n%s\nwant\n%s", c.mode.Name, c.line, got, c.want)
		}
	}
}

func TestHelpWraps(t *testing.T) {
	h := Help{Entries: []HelpEntry{{"word", strings.Repeat("abcd ", 20)}}}
	for i, line := range strings.Split(strings.TrimSuffix(h.Text(40), "\n"), "\n") {
		if len(line) >= 40 || i > 0 && !strings.HasPrefix(line, "        abcd") {
			t.Errorf("%q", line)
		}
	}
	h = Help{Words: []string{"aaa", "bb", "c"}}
	if got := h.Text(11); got != "aaa  bb\nc\n" {
		t.Errorf("%q", got)
	}
}

func TestComplete(t *testing.T) {
	modes := newToy()
	root := &toy{Groups: []*group{{Name: "GETVPN"}}}
	for _, c := range []struct {
		mode       *Mode
		line, rest string
	}{
		{modes.local, "rekey ret", "ransmit "},
		{modes.local, "REK RET", "ransmit "},
		{modes.local, "rekey retransmit", " "},
		{modes.local, "rekey ", ""},
		{modes.local, "no rek", "ey "},
		{modes.local, "n", "o "},
		{modes.global, "i", ""},
		{modes.global, "crypto gdoi group G", "ETVPN "},
		{modes.global, "crypto gdoi group X", ""},
		{modes.global, "interface lo", "opback "},
		{modes.global, "wip", ""},
		{modes.iface, "description a", ""},
	} {
		rest, ok := c.mode.Complete(c.line, 15, root)
		if rest != c.rest || ok != (c.rest != "") {
			t.Errorf("%q: %q %v, want %q", c.line, rest, ok, c.rest)
		}
	}
}
