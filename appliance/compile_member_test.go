package appliance

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/gdoi/member"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Several groups through several crypto maps on one device, with the control
// plane in VRFs of its own.
const vrfMemberText = `
ip vrf FRONT
ip vrf RED
ip vrf BLUE
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key KEY1 address 0.0.0.0
crypto gdoi group RED
 identity number 1
 server address ipv4 10.0.0.1
 client registration interface Ethernet0/0
 client recovery-check interval 100
crypto gdoi group BLUE
 identity number 2
 server address ipv4 10.0.0.1
 client registration interface Ethernet0/0
 client fail-close revert
crypto gdoi group PLAIN
 identity number 3
 server address ipv4 10.0.0.1
crypto map RED gdoi fail-close
 match address EXEMPT
 activate
crypto map RED 10 gdoi
 set group RED
crypto map BLUE gdoi fail-close
crypto map BLUE 10 gdoi
 set group BLUE
 match address EXEMPT
crypto map PLAIN 10 gdoi
 set group PLAIN
interface Ethernet0/0
 ip vrf forwarding FRONT
 ip address 10.0.0.2 255.255.255.0
interface Ethernet0/1
 ip vrf forwarding RED
 ip address 192.168.1.1 255.255.255.0
 crypto map RED
interface Ethernet0/2
 ip vrf forwarding BLUE
 ip address 192.168.1.1 255.255.255.0
 crypto map BLUE
interface Ethernet0/3
 ip address 10.3.0.2 255.255.255.0
 crypto map PLAIN
ip access-list extended EXEMPT
 deny tcp any eq 23 any
 deny ospf any any
`

func TestCompileVRFMembers(t *testing.T) {
	d := compile(parse(t, vrfMemberText), "R2", oneKey)
	type place struct{ Name, Front, Inside, Source, Registration string }
	var got []place
	by := map[string]member.Config{}
	for _, m := range d.Members {
		got = append(got, place{m.Key.Name, m.VRF, m.Key.VRF, m.Key.Source.String(), m.RegistrationInterface})
		by[m.Key.Name] = m
		if m.Incomplete != "" {
			t.Errorf("%s: %s", m.Key.Name, m.Incomplete)
		}
	}
	want := []place{
		{"BLUE", "FRONT", "BLUE", "10.0.0.2", "Ethernet0/0"},
		{"PLAIN", "", "", "10.3.0.2", "Ethernet0/3"},
		{"RED", "FRONT", "RED", "10.0.0.2", "Ethernet0/0"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	sockets := map[Socket]int{}
	for _, s := range d.Listen {
		sockets[s]++
	}
	if sockets[Socket{"FRONT", netip.MustParseAddr("10.0.0.2")}] == 0 || sockets[Socket{"", netip.MustParseAddr("10.3.0.2")}] == 0 || len(sockets) != 2 {
		t.Errorf("sockets %v", d.Listen)
	}
	if r, b := by["RED"], by["BLUE"]; r.RecoveryCheck != 100*time.Second || b.RecoveryCheck != 0 ||
		!r.FailClose || r.FailCloseRevert || b.FailClose || !b.FailCloseRevert || r.LocalACL || !b.LocalACL {
		t.Errorf("%+v\n%+v", r, b)
	}
}

// A fail-close that is not activated does nothing.
func TestCompileFailClose(t *testing.T) {
	closed := func(text string) map[string]*xfrm.FailClose {
		out := map[string]*xfrm.FailClose{}
		for _, p := range compile(parse(t, text), "R2", oneKey).Policies {
			out[p.MapName] = p.FailClose
		}
		return out
	}
	got := closed(vrfMemberText)
	if f := got["RED"]; f == nil || f.ACL != "EXEMPT" || len(f.Exempt) != 2 || f.Exempt[0].Src.Ports.Lo != 23 || f.Exempt[0].Permit {
		t.Errorf("%+v", f)
	}
	if got["BLUE"] != nil || got["PLAIN"] != nil {
		t.Errorf("%+v", got)
	}
	// An access list that does not exist exempts nothing, and somebody is told.
	text := strings.Replace(vrfMemberText, " match address EXEMPT\n activate", " match address ABSENT\n activate", 1)
	if f := closed(text)["RED"]; f == nil || len(f.Exempt) != 0 {
		t.Errorf("%+v", f)
	}
	told := false
	for _, n := range compile(parse(t, text), "R2", oneKey).Notes {
		told = told || strings.Contains(n.Text(), "crypto map RED gdoi fail-close") && strings.Contains(n.Text(), "access-list ABSENT")
	}
	if !told {
		t.Error("nobody was told")
	}
}

// An entry without a group stays in a map that is fail-close, and keeps it
// closed; in any other map it is left out.
func TestCompileEntryWithoutGroup(t *testing.T) {
	entries := func(text, name string) (out []xfrm.MapEntry, members int) {
		d := compile(parse(t, text), "R2", oneKey)
		for _, p := range d.Policies {
			if p.MapName == name {
				out = p.Entries
			}
		}
		return out, len(d.Members)
	}
	for _, name := range []string{"RED", "BLUE"} {
		for _, c := range []struct{ line, group string }{{"", ""}, {" set group GONE\n", "GONE"}} {
			text := strings.Replace(vrfMemberText, " set group "+name+"\n", c.line, 1)
			var want []xfrm.MapEntry
			if name == "RED" {
				want = []xfrm.MapEntry{{Sequence: 10, Group: xfrm.GroupKey{VRF: "RED", Name: c.group}}}
			}
			got, members := entries(text, name)
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" || members != 2 {
				t.Errorf("%s with %q: %d members\n%s", name, c.line, members, diff)
			}
		}
	}
	// Other entries of the map are as they were.
	text := strings.Replace(vrfMemberText, " set group RED\n", " set group RED\ncrypto map RED 20 gdoi\n", 1)
	got, members := entries(text, "RED")
	if len(got) != 2 || got[0].Group.Name != "RED" || len(got[0].Bypass) != 1 || got[1].Sequence != 20 || members != 3 {
		t.Errorf("%+v, %d members", got, members)
	}
}

// What a map or a group says and nothing does is said once more, in the log.
func TestCompileWithoutEffect(t *testing.T) {
	text := strings.Replace(memberText, " server address ipv4 192.168.1.253\n", " server hostname ipv4 ks.example.org\n", 1)
	text = strings.Replace(text, " match address LOCAL\n", " match address LOCAL\ncrypto map MAP 20 gdoi\n set group G\ncrypto map ipv6 SIX 10 gdoi\n set group G\n", 1)
	text += "interface Ethernet0/2\n ip address 192.168.3.2 255.255.255.0\n crypto map SIX\n"
	d := compile(parse(t, text), "R1", oneKey)
	if len(d.Policies) != 2 || len(d.Members) != 2 {
		t.Fatalf("%d maps, %d members", len(d.Policies), len(d.Members))
	}
	for _, m := range d.Members {
		if len(m.Interfaces) != 1 {
			t.Errorf("%v is on %v", m.Key, m.Interfaces)
		}
	}
	var log []string
	for _, n := range d.Notes {
		log = append(log, n.Text())
	}
	for _, want := range []string{"'crypto map ipv6 SIX' is", "'server hostname ks.example.org' of group G is"} {
		if !strings.Contains(strings.Join(log, "\n"), want) {
			t.Errorf("nothing says %q: %q", want, log)
		}
	}
}
