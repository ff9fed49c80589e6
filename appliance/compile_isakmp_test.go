package appliance

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

func TestCompileISAKMP(t *testing.T) {
	c := new(runningconfig.Config)
	for _, e := range modes.Load(c, `hostname KS1
ip domain name example.net
interface Loopback0
 ip address 10.0.0.9 255.255.255.255
crypto isakmp policy 10
 encryption aes 256
 hash sha256
 authentication ecdsa-sig
 group 19
crypto isakmp policy 20
 encryption aes
 authentication rsa-encr
 group 14
crypto isakmp policy 30
 encryption aes
 authentication pre-share
 group 14
crypto isakmp policy 40
 encryption aes
 group 14
crypto isakmp identity hostname
crypto isakmp fragmentation
crypto isakmp invalid-spi-recovery
crypto isakmp keepalive 20 3 periodic
crypto keyring HUBS
 pre-shared-key address 10.0.0.0 255.255.255.0 key RINGKEY
crypto isakmp profile HUBS
 keyring HUBS
 self-identity user-fqdn me@example.net
 match identity address 10.0.0.0 255.255.255.0 MGMT
 match identity address 10.1.1.1
 match identity address 0.0.0.0
 match identity host gm1.example.net
 match identity host domain example.net
 match identity user a@example.net
 match identity user domain example.net
 match identity host domain any
 keepalive 30 retry 5
 local-address Loopback0
crypto isakmp profile CERTS
 ca trust-point CA
 self-identity fqdn
 vrf BLUE
 match identity host gm2
crypto isakmp profile LOST
 local-address Loopback7
 match identity host gm3
`) {
		t.Fatal(e)
	}
	d := compile(c, "", func(string) (keys.Pair, bool) { return keys.Pair{}, false })
	ike := d.ISAKMP
	var auths []isakmp.Auth
	for _, p := range ike.Policies {
		auths = append(auths, p.Auth)
	}
	if len(auths) != 3 || auths[0] != isakmp.ECDSASig || auths[1] != isakmp.PreShared || auths[2] != isakmp.RSASig {
		t.Errorf("methods %v", auths)
	}
	refused := false
	for _, n := range d.Notes {
		refused = refused || strings.Contains(n.Text(), "RSA_ENCR_REFUSED: crypto isakmp policy 20 is not used")
	}
	if !refused {
		t.Errorf("nothing is said about rsa-encr: %v", d.Notes)
	}
	if (ike.Identity != isakmp.SelfIdentity{Kind: isakmp.ByFQDN, Name: "KS1.example.net"}) || !ike.Fragmentation || !ike.InvalidSPIRecovery {
		t.Errorf("%+v", ike)
	}
	if len(ike.Profiles) != 2 {
		t.Fatalf("%d profiles", len(ike.Profiles))
	}
	p := ike.Profiles[0]
	if p.Keyring != "HUBS" || *p.Self != (isakmp.SelfIdentity{Kind: isakmp.ByUserFQDN, Name: "me@example.net"}) ||
		len(p.Local) != 1 || p.Local[0] != netip.MustParseAddr("10.0.0.9") ||
		*p.DPD != (isakmp.DPD{Interval: 30 * time.Second, Retry: 5 * time.Second, Periodic: true}) {
		t.Errorf("%+v", p)
	}
	prefix := netip.MustParsePrefix
	want := []isakmp.MatchIdentity{{Peer: prefix("10.0.0.0/24"), VRF: "MGMT"}, {Peer: prefix("10.1.1.1/32")}, {Peer: prefix("0.0.0.0/0")},
		{Host: "gm1.example.net"}, {Domain: "example.net"}, {User: "a@example.net"}, {User: "@example.net"}, {Any: true}}
	if len(p.Match) != len(want) {
		t.Fatalf("%+v", p.Match)
	}
	for i := range want {
		if p.Match[i] != want[i] {
			t.Errorf("match %d: %+v, want %+v", i, p.Match[i], want[i])
		}
	}
	if q := ike.Profiles[1]; q.Trustpoint != "CA" || q.VRF != "BLUE" || q.Self.Name != "KS1.example.net" || q.DPD != nil {
		t.Errorf("%+v", q)
	}
}

// A short pre-shared key is worth one line, however many there are; a long one,
// or one that nothing uses, none. The key is not in it.
func TestShortPreSharedKey(t *testing.T) {
	said := func(text string) (lines []string) {
		for _, n := range compile(parse(t, text), "R1", oneKey).Notes {
			if strings.Contains(n.Text(), "pre-shared key") {
				lines = append(lines, n.Text())
			}
		}
		return lines
	}
	short := keyServerText + "crypto isakmp key FIFTEEN-LETTERS address 10.0.0.9\ncrypto keyring K\n pre-shared-key address 10.0.0.8 key CISCO\n"
	if got := said(short); len(got) != 1 || strings.Contains(got[0], "KEY1") || strings.Contains(got[0], "FIFTEEN") {
		t.Errorf("%q", got)
	}
	for what, text := range map[string]string{
		"long":      strings.ReplaceAll(keyServerText, "key KEY1 ", "key SIXTEEN-LETTERS- "),
		"not used":  strings.Replace(keyServerText, " authentication pre-share\n", "", 1),
		"no groups": "crypto isakmp policy 10\n authentication pre-share\ncrypto isakmp key CISCO address 0.0.0.0\n",
	} {
		if got := said(text); len(got) != 0 {
			t.Errorf("%s: %q", what, got)
		}
	}
}
