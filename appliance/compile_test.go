package appliance

import (
	"crypto/rand"
	"crypto/rsa"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/modes"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// parse loads configuration text into a fresh tree; every line must be accepted.
func parse(t *testing.T, text string) *runningconfig.Config {
	t.Helper()
	root := new(runningconfig.Config)
	for _, e := range modes.Load(root, text) {
		t.Fatalf("line %d %q: %v", e.Number, e.Text, e.Err)
	}
	return root
}

const keyServerText = `
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key KEY1 address 0.0.0.0
crypto ipsec transform-set TS esp-aes 256 esp-sha256-hmac
crypto ipsec profile PROFILE
 set security-association lifetime seconds 900
 set transform-set TS
crypto gdoi group G
 identity number 123
 server local
  rekey algorithm aes 256
  rekey sig-hash algorithm sha256
  rekey retransmit 20 number 3
  rekey authentication mypubkey rsa KEY
  rekey transport unicast
  sa ipsec 1
   profile PROFILE
   match address ipv4 ACL
   replay time window-size 5
  address ipv4 192.168.1.254
ip access-list extended ACL
 deny udp any eq 848 any
 permit ip 10.0.0.0 0.255.255.255 10.0.0.0 0.255.255.255
`

var testKey = func() keys.Pair {
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return keys.Pair{Label: "KEY", Private: k}
}()

func oneKey(label string) (keys.Pair, bool) { return testKey, label == testKey.Label }

func TestCompileKeyServer(t *testing.T) {
	d := compile(parse(t, keyServerText), "R1", oneKey)
	if len(d.KeyServer.Groups) != 1 {
		t.Fatalf("groups: %+v", d.KeyServer.Groups)
	}
	g := d.KeyServer.Groups[0]
	if g.Incomplete != "" || g.ID.Number != 123 || g.Address != netip.MustParseAddr("192.168.1.254") {
		t.Errorf("group %+v", g)
	}
	if r := g.Rekey; r.Cipher != suite.AES256 || r.SigHash != suite.SHA256 || r.Retransmit != 20*time.Second || r.Count != 3 || !r.Unicast || r.Signer == nil || r.Lifetime != 24*time.Hour {
		t.Errorf("rekey %+v", r)
	}
	any10 := xfrm.Match{Addr: netip.MustParseAddr("10.0.0.0"), Mask: netip.MustParseAddr("255.0.0.0")}
	want := []xfrm.ACE{
		{Protocol: 17, Src: xfrm.Match{Ports: xfrm.PortRange{Lo: 848, Hi: 848}}},
		{Permit: true, Src: any10, Dst: any10},
	}
	sa := g.SAs[0]
	if diff := cmp.Diff(want, sa.ACEs, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("ACEs (-want +got):\n%s", diff)
	}
	if sa.Transform != (suite.Transform{Cipher: suite.ESPAES256, Auth: suite.ESPSHA256}) || sa.Lifetime != 900*time.Second ||
		sa.Replay != (policy.Replay{Method: policy.ReplayTime, TimeWindow: 5 * time.Second, Encoding: xfrm.TBARSequence}) {
		t.Errorf("sa %+v", sa)
	}
	if diff := cmp.Diff([]Socket{{Addr: g.Address}}, d.Listen, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("sockets %s", diff)
	}
	if !d.ISAKMP.Accept || len(d.ISAKMP.Policies) != 1 || len(d.ISAKMP.Keyrings) != 1 || d.ISAKMP.Keyrings[0].PSKs[0].Peer.Bits() != 0 {
		t.Errorf("isakmp %+v", d.ISAKMP)
	}
}

// TestIncompleteNamesTheCause: an operator reads the missing thing by its name.
func TestIncompleteNamesTheCause(t *testing.T) {
	for _, c := range []struct{ remove, want string }{
		{"crypto ipsec transform-set TS esp-aes 256 esp-sha256-hmac\n", "transform-set TS of profile PROFILE does not exist"},
		{"   match address ipv4 ACL\n", "sa ipsec 1 has no match address"},
		{"  address ipv4 192.168.1.254\n", "address ipv4 is not configured"},
		{" identity number 123\n", "identity is not configured"},
		{"   profile PROFILE\n", "sa ipsec 1 has no profile"},
		{keyServerText[strings.Index(keyServerText, "ip access-list"):], "access-list ACL of sa ipsec 1 does not exist"},
	} {
		text := strings.Replace(keyServerText, c.remove, "", 1)
		if text == keyServerText {
			t.Fatalf("nothing removed by %q", c.remove)
		}
		d := compile(parse(t, text), "R1", oneKey)
		if got := d.KeyServer.Groups[0].Incomplete; got != c.want {
			t.Errorf("without %q: incomplete %q, want %q", c.remove, got, c.want)
		}
	}
	redundant := strings.Replace(keyServerText, "  address ipv4", "  redundancy\n   local priority 10\n  address ipv4", 1)
	if got := compile(parse(t, redundant), "R1", oneKey).KeyServer.Groups[0].Incomplete; !strings.Contains(got, "redundancy") {
		t.Errorf("a redundant group is served as if alone: %q", got)
	}

	// Of two groups of one identity the first that is configured serves, whatever
	// their names.
	group := keyServerText[strings.Index(keyServerText, "crypto gdoi group G"):strings.Index(keyServerText, "ip access-list")]
	twice := compile(parse(t, keyServerText+strings.Replace(group, "group G", "group A", 1)), "R1", oneKey).KeyServer.Groups
	if twice[0].Incomplete != "its identity is that of group G" || twice[1].Incomplete != "" {
		t.Errorf("groups of one identity: %s %q, %s %q", twice[0].Name, twice[0].Incomplete, twice[1].Name, twice[1].Incomplete)
	}
}

const memberText = `
crypto isakmp policy 10
 authentication pre-share
crypto isakmp key KEY1 address 192.168.1.254
crypto gdoi group G
 identity number 123
 server address ipv4 192.168.1.254
 server address ipv4 192.168.1.253
crypto map MAP 10 gdoi
 set group G
 match address LOCAL
interface Loopback0
 ip address 2.2.2.2 255.255.255.255
interface Ethernet0/0
 ip address 192.168.1.2 255.255.255.0
 crypto map MAP
interface Ethernet0/1
 ip address 192.168.2.2 255.255.255.0
 crypto map MAP
ip access-list extended LOCAL
 deny icmp any any
`

func TestCompileMembers(t *testing.T) {
	addr := netip.MustParseAddr
	d := compile(parse(t, memberText), "R2", oneKey)
	if len(d.Members) != 2 || d.Members[0].Key.Source != addr("192.168.1.2") || d.Members[1].Key.Source != addr("192.168.2.2") {
		t.Fatalf("members %+v", d.Members)
	}
	if m := d.Members[0]; m.Incomplete != "" || len(m.Servers) != 2 || m.Interfaces[0] != "Ethernet0/0" {
		t.Errorf("member %+v", m)
	}
	if len(d.Policies) != 2 || d.Policies[0].Entries[0].Bypass[0] != addr("192.168.1.2") || len(d.Policies[0].Entries[0].Local) != 1 {
		t.Errorf("policies %+v", d.Policies)
	}
	if len(d.Notes) == 0 || !strings.Contains(d.Notes[0].Text(), "crypto isakmp policy 10 is weak") {
		t.Errorf("an absent line means DES, and nobody was told: %v", d.Notes)
	}

	// One registration with a local address, whatever the number of interfaces.
	d = compile(parse(t, memberText+"\ncrypto map MAP local-address Loopback0\n"), "R2", oneKey)
	if len(d.Members) != 1 || d.Members[0].Key.Source != addr("2.2.2.2") || len(d.Members[0].Interfaces) != 2 {
		t.Errorf("members %+v", d.Members)
	}

	// A shut interface carries no member.
	d = compile(parse(t, memberText+"\ninterface Ethernet0/1\n shutdown\n"), "R2", oneKey)
	if len(d.Members) != 1 || len(d.Policies) != 1 {
		t.Errorf("members %+v", d.Members)
	}
}

func TestPortOperators(t *testing.T) {
	end := func(op string, p ...uint16) runningconfig.Endpoint {
		return runningconfig.Endpoint{Any: true, PortOp: op, Ports: p}
	}
	for _, c := range []struct {
		e    runningconfig.Endpoint
		want []xfrm.PortRange
	}{
		{end(""), []xfrm.PortRange{{}}},
		{end("eq", 80, 443), []xfrm.PortRange{{Lo: 80, Hi: 80}, {Lo: 443, Hi: 443}}},
		{end("lt", 1024), []xfrm.PortRange{{Lo: 0, Hi: 1023}}},
		{end("gt", 1023), []xfrm.PortRange{{Lo: 1024, Hi: 65535}}},
		{end("neq", 22), []xfrm.PortRange{{Lo: 0, Hi: 21}, {Lo: 23, Hi: 65535}}},
		{end("range", 20, 10), []xfrm.PortRange{{Lo: 10, Hi: 20}}},
	} {
		if diff := cmp.Diff(c.want, ports(c.e)); diff != "" {
			t.Errorf("%s %v: %s", c.e.PortOp, c.e.Ports, diff)
		}
	}
}
