package isakmp

import (
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
)

func TestProfileChoice(t *testing.T) {
	prefix := netip.MustParsePrefix
	c := Config{Profiles: []Profile{
		{Name: "wide", Match: []MatchIdentity{{Peer: prefix("10.0.0.0/8")}}},
		{Name: "host", Match: []MatchIdentity{{Peer: prefix("10.1.1.1/32")}, {Host: "gm1.example.net"}}},
		{Name: "same", Match: []MatchIdentity{{Peer: prefix("10.1.1.1/32")}}},
		{Name: "domain", Match: []MatchIdentity{{Domain: "example.net"}}},
		{Name: "inner", Match: []MatchIdentity{{Domain: "b.example.net"}}},
		{Name: "user", Match: []MatchIdentity{{User: "gm7@example.net"}, {User: "@branch.net"}}},
		{Name: "vrf", Match: []MatchIdentity{{Peer: prefix("10.0.0.0/8"), VRF: "A"}}},
		{Name: "local", Local: []netip.Addr{netip.MustParseAddr("192.0.2.9")}, Match: []MatchIdentity{{Peer: prefix("10.1.1.1/32")}, {Any: true}}},
		{Name: "rest", Match: []MatchIdentity{{Any: true}}},
	}}
	addr := func(s string) Identity { return AddressID(netip.AddrPortFrom(netip.MustParseAddr(s), 848)) }
	name := func(kind uint8, s string) Identity { return Identity{Type: kind, Data: []byte(s)} }
	for _, x := range []struct {
		vrf, local string
		id         Identity
		want       string
	}{
		{"", "192.0.2.1", addr("10.9.9.9"), "wide"},
		{"", "192.0.2.1", addr("10.1.1.1"), "host"},
		{"", "192.0.2.9", addr("172.16.0.1"), "local"},
		{"", "192.0.2.1", addr("172.16.0.1"), "rest"},
		{"", "192.0.2.1", addr("2001:db8::1"), "rest"},
		{"A", "192.0.2.1", addr("10.1.1.1"), "vrf"},
		{"", "192.0.2.1", name(IDFQDN, "GM1.example.NET"), "host"},
		{"", "192.0.2.1", name(IDFQDN, "gm2.example.net"), "domain"},
		{"", "192.0.2.1", name(IDFQDN, "gm2.B.example.net"), "inner"},
		{"", "192.0.2.1", name(IDFQDN, "badexample.net"), "rest"},
		{"", "192.0.2.1", name(IDUserFQDN, "gm7@example.net"), "user"},
		{"", "192.0.2.1", name(IDUserFQDN, "x@a.branch.net"), "user"},
		{"", "192.0.2.1", name(IDUserFQDN, "gm1.example.net"), "rest"},
		{"", "192.0.2.1", name(IDDERASN1DN, "gm1.example.net"), "rest"},
		{"", "192.0.2.1", name(IDFQDN, ""), "rest"},
	} {
		if p := c.profile(x.vrf, netip.MustParseAddr(x.local), x.id); p == nil || p.Name != x.want {
			t.Errorf("%q %s %v: %+v, want %s", x.vrf, x.local, x.id, p, x.want)
		}
	}
	if p := (&Config{Profiles: c.Profiles[:1]}).profile("", ksAddr.Addr(), addr("172.16.0.1")); p != nil {
		t.Errorf("a stranger has profile %s", p.Name)
	}
}

func ring(name, psk string, peers ...string) Keyring {
	k := Keyring{Name: name}
	for _, p := range peers {
		k.PSKs = append(k.PSKs, keys.PSK{Peer: netip.MustParsePrefix(p), Key: secret.Of(psk)})
	}
	return k
}

// With several keyrings the most specific key wins, unless a profile names the
// keyring; the identity then decides whether that was right.
func TestProfileKeyring(t *testing.T) {
	server := func(match MatchIdentity) Config {
		c := config(true, "", quick())
		c.Keyrings = []Keyring{ring("A", "alpha", "0.0.0.0/0"), ring("B", "beta", "192.0.2.1/32")}
		c.Profiles = []Profile{{Name: "P", Keyring: "A", Match: []MatchIdentity{match}}}
		return c
	}
	byAddress := MatchIdentity{Peer: netip.MustParsePrefix("192.0.2.0/24")}
	byName := MatchIdentity{Host: "gm1"}
	for i, x := range []struct {
		ks   Config
		psk  string
		self SelfIdentity
		up   bool
		want string
	}{
		{server(byAddress), "alpha", SelfIdentity{}, true, "P"},
		{server(byAddress), "beta", SelfIdentity{}, false, ""},
		// The address says nothing of the profile: the more specific key.
		{server(byName), "beta", SelfIdentity{}, true, ""},
		{server(byName), "alpha", SelfIdentity{}, false, ""},
		// The name comes too late: its profile wants the key of A.
		{server(byName), "beta", SelfIdentity{ByFQDN, "gm1"}, false, ""},
		{server(byName), "beta", SelfIdentity{ByFQDN, "gm2"}, true, ""},
	} {
		gm := config(false, x.psk, quick())
		gm.Identity = x.self
		w := pair(t, gm, x.ks)
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(time.Minute)
		if _, ok := take[PhaseOneUp](w, gmAddr); ok != x.up {
			t.Errorf("case %d: up is %v", i, ok)
		}
		if x.up {
			if s := w.nodes[ksAddr].Snapshot(w.now).SAs[0]; s.Profile != x.want {
				t.Errorf("case %d: profile %q", i, s.Profile)
			}
		}
	}
}

// A profile's trustpoint is the only one that may check its peers, and that
// proves us to them.
func TestProfileTrustpoint(t *testing.T) {
	a, b := newAuthority(t, "A"), newAuthority(t, "B")
	points := func(n string, addr string) []*pki.Trustpoint {
		return []*pki.Trustpoint{a.trustpoint(n, addr, rsaKey(), nil), b.trustpoint(n, addr, rsaKey(), nil)}
	}
	for _, x := range []struct {
		gm, want string
		match    MatchIdentity
		up       bool
	}{
		{"B", "B", MatchIdentity{Peer: netip.MustParsePrefix("192.0.2.1/32")}, true},
		{"A", "B", MatchIdentity{Peer: netip.MustParsePrefix("192.0.2.1/32")}, false},
		{"A", "B", MatchIdentity{Host: "gm1.example"}, false},
		{"A", "A", MatchIdentity{Host: "gm1.example"}, true},
	} {
		all := points("gm1.example", "192.0.2.1")
		gm := certified(false, signed(RSASig), all[map[string]int{"A": 0, "B": 1}[x.gm]])
		gm.Trustpoints = append(gm.Trustpoints, &pki.Trustpoint{Name: "trust", Anchors: append(a.trustpoint("x", "", rsaKey(), nil).Anchors, b.cert)})
		gm.Identity = SelfIdentity{ByFQDN, "gm1.example"}
		ks := certified(true, signed(RSASig), points("ks1.example", "192.0.2.254")...)
		ks.Profiles = []Profile{{Name: "P", Trustpoint: x.want, Match: []MatchIdentity{x.match}}}
		w := pair(t, gm, ks)
		w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
		w.pass(time.Minute)
		if _, ok := take[PhaseOneUp](w, gmAddr); ok != x.up {
			t.Errorf("%+v: up is %v", x, ok)
		}
	}
}

// self-identity of a profile is before the global identity, and dead peers are
// looked for as the profile says.
func TestProfileSelfAndKeepalive(t *testing.T) {
	gm, ks := config(false, "cisco", quick()), config(true, "cisco", quick())
	gm.Identity = SelfIdentity{ByFQDN, "global"}
	gm.Profiles = []Profile{{Name: "P", Self: &SelfIdentity{Kind: ByUserFQDN, Name: "me@example"},
		DPD: &DPD{Interval: 10 * time.Second, Periodic: true}, Match: []MatchIdentity{{Peer: netip.MustParsePrefix("192.0.2.254/32")}}}}
	w := pair(t, gm, ks)
	_, sa := w.up()
	if sa.Peer.Type != IDUserFQDN || string(sa.Peer.Data) != "me@example" {
		t.Errorf("identity %v", sa.Peer)
	}
	n := len(w.sent)
	w.pass(time.Minute)
	if len(w.sent) < n+8 {
		t.Errorf("%d datagrams in a minute of keepalives", len(w.sent)-n)
	}
	if s := w.nodes[gmAddr].Snapshot(w.now).SAs[0]; !s.DPD || s.Profile != "P" {
		t.Errorf("%+v", s)
	}
	if s := w.nodes[ksAddr].Snapshot(w.now).SAs[0]; s.DPD {
		t.Error("the server looks for dead peers")
	}
	// Another peer has the global identity.
	gm.Profiles[0].Match[0].Peer = netip.MustParsePrefix("192.0.2.253/32")
	w = pair(t, gm, ks)
	if _, sa := w.up(); sa.Peer.Type != IDFQDN || string(sa.Peer.Data) != "global" {
		t.Errorf("identity %v", sa.Peer)
	}
}
