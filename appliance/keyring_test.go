package appliance

import (
	"net/netip"
	"testing"

	"coterie/crypto/keys"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// Keys of a keyring serve like those of global configuration, unless the
// keyring is bound to something; an IPv6 group is neither served nor joined.
func TestKeyrings(t *testing.T) {
	c := new(runningconfig.Config)
	for _, e := range modes.Load(c, `crypto keyring A
 pre-shared-key address 10.0.0.0 255.255.255.0 key RINGKEY
 pre-shared-key address ipv6 2001:db8::/32 key SIXKEY
crypto keyring B vrf MGMT
 pre-shared-key address 10.0.1.0 255.255.255.0 key BOUND
crypto keyring C
 local-address Loopback0
 pre-shared-key address 10.0.2.0 255.255.255.0 key BOUND
crypto isakmp policy 1
 authentication pre-share
crypto isakmp key GLOBAL address 10.0.0.1
crypto ipsec transform-set T esp-aes esp-sha-hmac esn
crypto gdoi group ipv6 SIX
 identity number 6
 server local
  address ipv4 10.0.0.9
`) {
		t.Fatal(e)
	}
	d := compile(c, "", func(string) (keys.Pair, bool) { return keys.Pair{}, false })
	for peer, want := range map[string]string{"10.0.0.1": "GLOBAL", "10.0.0.2": "RINGKEY", "2001:db8::1": "SIXKEY", "10.0.1.1": "", "10.0.2.1": ""} {
		k, ok := d.ISAKMP.PSK("", netip.Addr{}, netip.MustParseAddr(peer))
		if ok != (want != "") || string(k.Reveal()) != want {
			t.Errorf("%s: %q, want %q", peer, k.Reveal(), want)
		}
	}
	if g := d.KeyServer.Groups; len(g) != 1 || g[0].Incomplete == "" {
		t.Errorf("%+v", g)
	}
}
