package appliance

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/internal/syslog"
)

// rekey address ipv4: the first permit with a multicast destination; registration interface:
// its addresses.
func TestCompileRekeyAddress(t *testing.T) {
	for entries, want := range map[string]string{
		" permit ip any host 239.10.10.1":                               "239.10.10.1:848",
		" permit udp host 192.168.1.254 eq 848 host 239.10.10.2 eq 848": "239.10.10.2:848",
		" deny ip any any\n permit udp any host 239.10.10.3 eq 4848":    "239.10.10.3:4848",
		" permit ip any host 10.0.0.1":                                  "invalid AddrPort",
		" permit ip any any":                                            "invalid AddrPort",
	} {
		text := strings.Replace(keyServerText, "  rekey transport unicast\n", "  rekey address ipv4 OUT\n", 1) +
			"ip access-list extended OUT\n" + entries + "\n"
		d := compile(parse(t, text), "R1", oneKey)
		if got := fmt.Sprint(d.KeyServer.Groups[0].Rekey.Multicast); got != want {
			t.Errorf("%q: rekeys go to %v, want %v", entries, got, want)
		}
		said := slices.ContainsFunc(d.Notes, func(n syslog.Message) bool { return strings.Contains(n.Text(), "names no multicast address") })
		if said != (want == "invalid AddrPort") {
			t.Errorf("%q: complaint %v", entries, said)
		}
	}
}

func TestCompileRegistrationInterface(t *testing.T) {
	with := strings.Replace(keyServerText, "  rekey algorithm", "  registration interface Ethernet0/1\n  rekey algorithm", 1)
	for _, tt := range []struct {
		iface string
		want  []netip.Addr
		whole bool
	}{
		{"interface Ethernet0/1\n ip address 10.1.1.1 255.255.255.0\n", []netip.Addr{netip.MustParseAddr("10.1.1.1")}, true},
		{"interface Ethernet0/1\n ip address 10.1.1.1 255.255.255.0\n shutdown\n", []netip.Addr{}, true},
		{"", nil, false},
	} {
		g := compile(parse(t, with+tt.iface), "R1", oneKey).KeyServer.Groups[0]
		if !slices.Equal(g.Interfaces, tt.want) || (g.Interfaces == nil) != (tt.want == nil) || (g.Incomplete == "") != tt.whole {
			t.Errorf("%q: %v, incomplete %q", tt.iface, g.Interfaces, g.Incomplete)
		}
	}
	if g := compile(parse(t, keyServerText), "R1", oneKey).KeyServer.Groups[0]; g.Interfaces != nil {
		t.Errorf("without the line: %v", g.Interfaces)
	}
}

// platform gdoi rekey-pace is the pace of every group; the line that says the
// default says nothing.
func TestCompileRekeyPace(t *testing.T) {
	standard := keyserver.Pace{}
	for line, want := range map[string]keyserver.Pace{
		"":                                     standard,
		"50 members 5 seconds":                 standard,
		"50 members 6 seconds":                 {Batch: 50, Interval: 6 * time.Second},
		"1 members 60 seconds":                 {Batch: 1, Interval: time.Minute},
		"10000 members 1 seconds":              {Batch: 10000, Interval: time.Second},
		"unpaced":                              keyserver.Unpaced,
		"unpaced\nno platform gdoi rekey-pace": standard,
	} {
		text := keyServerText
		if line != "" {
			text += "platform gdoi rekey-pace " + line + "\n"
		}
		if got := compile(parse(t, text), "R1", oneKey).KeyServer.Groups[0].Rekey.Pace; got != want {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}
