package modes

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/cli/pipe"
	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/netdev"
	runningconfig "coterie/running-config"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

var addr = netip.MustParseAddr

// screenTime is when every screen is screenTime.
var screenTime = time.Date(2026, 3, 1, 10, 20, 30, 857e6, time.UTC)

// ace makes an entry of "permit|deny protocol source destination"; a side is
// any, an address, or an address with mask, and a port behind a colon.
func ace(text string) xfrm.ACE {
	w := strings.Fields(text)
	side := func(s string) (m xfrm.Match) {
		s, port, _ := strings.Cut(s, ":")
		if port != "" {
			fmt.Sscan(port, &m.Ports.Lo)
			m.Ports.Hi = m.Ports.Lo
		}
		if s == "any" {
			return m
		}
		host, bits, masked := strings.Cut(s, "/")
		m.Addr, m.Mask = addr(host), addr("255.255.255.255")
		if masked {
			n := 0
			fmt.Sscan(bits, &n)
			m.Mask = addr(netmask(n))
		}
		return m
	}
	e := xfrm.ACE{Permit: w[0] == "permit", Src: side(w[2]), Dst: side(w[3])}
	for n, name := range protocolNames {
		if name == w[1] {
			e.Protocol = n
		}
	}
	return e
}

func aces(lines ...string) (out []xfrm.ACE) {
	for _, l := range lines {
		out = append(out, ace(l))
	}
	return out
}

var aes256 = suite.Transform{Cipher: suite.ESPAES256, Auth: suite.ESPSHA256}

func sec(n int) time.Duration { return time.Duration(n) * time.Second }

// spi is a KEK's SPI: its first octets count up from b.
func spi(b byte) (out [16]byte) {
	for i := range out {
		out[i] = b + byte(i)*0x11
	}
	return out
}

// memberDevice is a group member with two TEKs.
func memberDevice() *device {
	key := xfrm.GroupKey{Name: "BRANCH1", Source: addr("3.3.1.1")}
	policies := aces("deny ip 11.23.33.33 24.54.55.55", "deny esp any any", "deny udp any any:3784", "deny udp any:500 any:500",
		"deny pim any 224.0.0.0/24", "deny ip any 10.90.0.0/16", "permit ip 25.25.0.0/16 15.15.0.0/16", "permit ip 15.15.0.0/16 25.25.0.0/16")
	d := &device{name: "R2", now: screenTime, members: []member.Snapshot{{
		At: screenTime, Status: "Registered", Server: addr("1.1.1.1"), ReRegistersIn: sec(449), Attempted: 1, Succeeded: 1,
		Config: member.Config{Key: key, ID: policy.GroupID{Number: 1223}, Servers: []netip.Addr{addr("1.1.1.1"), addr("1.1.1.2")}, Port: 848,
			Interfaces: []string{"Ethernet0/0"}, MapName: "gdoimap"},
		LastRekeyFrom: addr("1.1.1.1"), LastRekeyAt: screenTime.Add(-sec(90)), RekeysReceived: 25, RekeysAfterRegistration: 25, AcksSent: 25,
		HasKEK: true, KEK: member.KEKSnapshot{SPI: spi(0x5C), Cipher: suite.AES256, SigHash: suite.SHA1, SigKeyLength: 550, SigKey: octets(294), Remaining: sec(1109),
			Unicast: true, Src: addr("1.1.1.1"), Dst: addr("3.3.1.1"), ConnID: 1712},
		PreviousKEK: &member.KEKSnapshot{SPI: spi(0x11), Cipher: suite.AES256, SigHash: suite.SHA1, SigKeyLength: 550, Remaining: sec(9),
			Unicast: true, Src: addr("1.1.1.1"), Dst: addr("3.3.1.1"), ConnID: 1711},
		TEKs: []member.TEKSnapshot{
			{SPI: 0x5A69F51E, Transform: aes256, Remaining: sec(510), Replay: policy.Replay{CounterWindow: 64}, Outbound: true},
			{SPI: 0xF553AC4C, Transform: aes256, Remaining: sec(35), Replay: policy.Replay{CounterWindow: 64}},
		},
		ACEs: policies,
	}}}
	group := xfrm.GroupSnapshot{Key: key, SAs: []xfrm.SASnapshot{
		{SPI: 0x5A69F51E, Transform: aes256, Expires: screenTime.Add(sec(510))}, {SPI: 0xF553AC4C, Transform: aes256, Expires: screenTime.Add(sec(35))},
	}, Counters: xfrm.Counters{Encrypt: 10, Decrypt: 5, NoSASend: 2, VerifyFailRcv: 1}}
	for _, p := range policies {
		c := xfrm.PolicyCounters{Policy: xfrm.Policy{ACE: p}}
		if p.Permit {
			c.SPI, c.Outbound, c.Inbound = 0x5A69F51E, 10, 5
		}
		group.Policies = append(group.Policies, c)
	}
	d.plane = xfrm.Snapshot{Groups: []xfrm.GroupSnapshot{group}, Interfaces: []xfrm.InterfacePolicy{{Interface: "Ethernet0/0", MapName: "gdoimap",
		Entries: []xfrm.MapEntry{{Sequence: 10, Group: key, Local: aces("deny icmp any any")}}}}}
	d.config = runningconfig.Config{
		Groups: []*runningconfig.Group{{Name: "BRANCH1", Identity: runningconfig.Identity{Set: true, Number: 1223},
			Servers: []runningconfig.Server{{Address: addr("1.1.1.1")}, {Hostname: "ks2.example.net"}}}},
		CryptoMaps: []*runningconfig.CryptoMap{{Name: "gdoimap", Entries: []*runningconfig.CryptoMapEntry{
			{Sequence: 10, Group: "BRANCH1", ACL: "exception-acl"}, {Sequence: 20, Group: "ABSENT"}}}},
		Interfaces: []*runningconfig.Interface{{Name: "Ethernet0/0", CryptoMap: "gdoimap", Description: "to the WAN"}, {Name: "Loopback0"}},
	}
	d.interfaces = []netdev.Interface{
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: []netip.Prefix{netip.MustParsePrefix("3.3.1.1/24")}}, Hardware: true, LinkUp: true,
			MAC: [6]byte{0xaa, 0xbb, 0xcc, 0, 1, 0}, LinkMTU: 1500, Counters: netdev.InterfaceCounters{InPackets: 7, InOctets: 700, OutPackets: 8, OutOctets: 801}},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Ethernet0/1", Shutdown: true}, Hardware: true, LinkMTU: 1500},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Ethernet0/2"}, Hardware: true, LinkMTU: 1500},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Loopback0", Addresses: []netip.Prefix{netip.MustParsePrefix("2.2.2.2/32")}}, LinkMTU: 1514},
	}
	d.ike = isakmp.Snapshot{
		Config: isakmp.Config{Policies: []isakmp.Policy{
			{Priority: 1, Cipher: suite.AES128, Hash: suite.SHA1, Group: 2, Auth: isakmp.PreShared, Lifetime: 86400 * time.Second},
			{Priority: 20, Cipher: suite.TripleDES, Hash: suite.SHA256, Group: 14, Lifetime: 3600 * time.Second},
		}},
		SAs: []isakmp.SASnapshot{
			{Local: netip.MustParseAddrPort("3.3.1.1:848"), Remote: netip.MustParseAddrPort("1.1.1.1:848"), Initiator: true, State: "GDOI_IDLE", ID: 1066, Deleted: true},
			{Local: netip.MustParseAddrPort("3.3.1.1:848"), Remote: netip.MustParseAddrPort("1.1.1.1:848"), Initiator: true, State: "GDOI_IDLE", ID: 1067, Policy: isakmp.Policy{Cipher: suite.AES256, Hash: suite.SHA256, Group: 14, Auth: isakmp.PreShared}, Expires: screenTime.Add(sec(21003))},
			{Local: netip.MustParseAddrPort("3.3.1.1:848"), Remote: netip.MustParseAddrPort("1.1.1.2:848"), State: "MM_KEY_EXCH"},
		},
	}
	return d
}

func octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// tree holds members in order of address.
type tree []keyserver.MemberSnapshot

func (t tree) Len() int { return len(t) }
func (t tree) Ascend(f func(keyserver.MemberSnapshot) bool) {
	for _, m := range t {
		if !f(m) {
			return
		}
	}
}
func (t tree) Get(a netip.Addr) (keyserver.MemberSnapshot, bool) {
	for _, m := range t {
		if m.Address == a {
			return m, true
		}
	}
	return keyserver.MemberSnapshot{}, false
}

// serverDevice is a key server of three groups: unicast with keys and members,
// multicast with time-based replay, and one without anything yet.
func serverDevice() *device {
	unicast := keyserver.GroupSnapshot{
		Config: keyserver.Group{Name: "BRANCH1", ID: policy.GroupID{Number: 1223}, Address: addr("1.1.1.1"), Port: 848, Acknowledgement: "Cisco",
			Rekey: keyserver.Rekey{Unicast: true, Cipher: suite.AES256, SigHash: suite.SHA1, KeyLabel: "REKEYRSA", Lifetime: sec(1200), Retransmit: sec(10), Count: 3},
			SAs: []keyserver.SA{{Number: 1, Profile: "BRANCH-PROFILE", ACLName: "acl1", Transform: aes256, Lifetime: sec(600), Replay: policy.Replay{CounterWindow: 64},
				ACEs: aces("deny udp any:16384 any", "permit ip 190.0.0.0/8 115.0.0.0/8")}}},
		HasKEK: true, KEK: keyserver.KEKSnapshot{SPI: spi(0xEE), Cipher: suite.AES256, SigHash: suite.SHA1, SigKeyLength: 550, SigSize: 512,
			Lifetime: sec(1200), Remaining: sec(787), TimeToRekey: sec(552)},
		TEKs: []keyserver.TEKSnapshot{
			{SA: 1, SPI: 0xEE021924, Transform: aes256, ACLName: "acl1", Lifetime: sec(600), Remaining: sec(188), Elapsed: sec(412), TimeToRekey: sec(62), Replay: policy.Replay{CounterWindow: 64}},
			{SA: 1, SPI: 0x3A14695B, Transform: aes256, ACLName: "acl1", Lifetime: sec(600), Elapsed: sec(887), TimeToRekey: -1, Replay: policy.Replay{CounterWindow: 64}, Superseded: true},
		},
		RekeysSent: 4, Retransmits: 8, LastRetransmits: 2, LastRekeyDuration: 10001 * time.Millisecond, RegistrationsAfterRekey: 1,
		Members: tree{
			{Address: addr("44.44.44.1"), Version: "1.0.25", RekeysSent: 4, AcksRcvd: 3, AcksMissed: 1, RekeyRetries: 2, SentSeq: [4]uint32{3, 2, 1, 12345}, RcvdSeq: [4]uint32{3, 2}},
			{Address: addr("192.168.111.254"), Version: "unknown"},
		},
	}
	multicast := keyserver.GroupSnapshot{
		Config: keyserver.Group{Name: "VIDEO", ID: policy.GroupID{Address: addr("239.0.0.9")}, Address: addr("1.1.1.1"), Acknowledgement: "Cisco", ReceiveOnly: true,
			Rekey: keyserver.Rekey{Multicast: netip.MustParseAddrPort("239.10.10.1:848"), Cipher: suite.TripleDES, KeyLabel: "REKEYRSA", Lifetime: sec(300), Retransmit: sec(60), Count: 2},
			SAs: []keyserver.SA{{Number: 1, Profile: "VIDEO-PROFILE", ACLName: "ACL", Transform: aes256, Lifetime: sec(3600), Transport: true,
				Replay: policy.Replay{Method: policy.ReplayTime, TimeWindow: sec(5)}, ACEs: aces("permit gre any any")}}},
		HasKEK: true, KEK: keyserver.KEKSnapshot{SPI: spi(0x20), Cipher: suite.TripleDES, SigKeyLength: 162, SigSize: 128, Lifetime: sec(300), Remaining: sec(22), TimeToRekey: sec(5)},
		TEKs: []keyserver.TEKSnapshot{{SA: 1, SPI: 0xF25434BF, Transform: suite.Transform{Cipher: suite.ESP3DES, Auth: suite.ESPMD5}, ACLName: "ACL",
			Lifetime: sec(3600), Remaining: sec(2123), Elapsed: sec(1477), TimeToRekey: sec(1900), Replay: policy.Replay{Method: policy.ReplayTime, TimeWindow: sec(5)}}},
		RetransmitRemaining: sec(7),
		Members:             tree{},
	}
	empty := keyserver.GroupSnapshot{Config: keyserver.Group{Name: "ZERO", ID: policy.GroupID{Number: 7}, Acknowledgement: "Cisco",
		Rekey: keyserver.Rekey{Lifetime: sec(86400), Retransmit: sec(10), Count: 2},
		SAs:   []keyserver.SA{{Number: 10, Profile: "IPROF", ACLName: "101", Lifetime: sec(3600), Replay: policy.Replay{Method: policy.ReplayNone}}}}}
	return &device{name: "R1", now: screenTime, ks: keyserver.Snapshot{Groups: []keyserver.GroupSnapshot{unicast, multicast, empty}},
		rsa: []keys.Public{
			{Label: "REKEYRSA", Bits: 2048, Generated: screenTime, SPKI: octets(294)},
			{Label: "SPARE", Bits: 1024, Exportable: true, Generated: screenTime, SPKI: octets(64)},
		}}
}

// fullDevice is everything in one device.
func fullDevice() *device {
	d, s := memberDevice(), serverDevice()
	d.ks, d.rsa = s.ks, s.rsa
	return d
}

// Each file of testdata/screen is a whole screen, byte for byte.
func TestScreens(t *testing.T) {
	registering := func() *device {
		d := memberDevice()
		m := &d.members[0]
		*m = member.Snapshot{At: screenTime, Config: m.Config, Status: "Registering", Server: addr("1.1.1.2"), Attempted: 3}
		d.plane.Groups = nil
		return d
	}
	unregistered := func() *device {
		d := registering()
		d.members[0].Status, d.members[0].Server = "Not Registered", netip.Addr{}
		return d
	}
	multicast := func() *device {
		d := memberDevice()
		m := &d.members[0]
		m.KEK.Unicast, m.KEK.Dst, m.KEK.Cipher = false, addr("239.10.10.1"), suite.TripleDES
		m.LastRekeyAt, m.LastRekeyFrom, m.RekeysReceived, m.RekeysAfterRegistration, m.AcksSent = time.Time{}, netip.Addr{}, 0, 0, 0
		for i := range m.TEKs {
			m.TEKs[i].Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: sec(5)}
		}
		m.Direction, m.PreviousKEK = xfrm.InboundOptional, nil
		return d
	}
	idle := func() *device { // configured, and attached nowhere
		return &device{now: screenTime, config: runningconfig.Config{Groups: memberDevice().config.Groups}}
	}
	for _, c := range []struct {
		name string
		line string
		d    *device
	}{
		{"gdoi_member", "show crypto gdoi", memberDevice()},
		{"gdoi_member", "show crypto gkm detail", memberDevice()},
		{"gdoi_group", "show crypto gdoi group BRANCH1", memberDevice()},
		{"gdoi_registering", "show crypto gdoi", registering()},
		{"gdoi_idle", "show crypto gdoi", idle()},
		{"gdoi_multicast", "show crypto gdoi", multicast()},
		{"gdoi_server", "show crypto gdoi", serverDevice()},
		{"gdoi_none", "show crypto gdoi", &device{}},
		{"gm", "show crypto gdoi gm", memberDevice()},
		{"gm_registering", "show crypto gdoi gm", registering()},
		{"gm_unregistered", "show crypto gdoi gm", unregistered()},
		{"gm_acl", "show crypto gdoi gm acl", memberDevice()},
		{"gm_acl_download", "show crypto gdoi gm acl download", memberDevice()},
		{"gm_acl_local", "show crypto gdoi gm acl local", memberDevice()},
		{"gm_acl_registering", "show crypto gdoi gm acl download", registering()},
		{"gm_rekey", "show crypto gdoi gm rekey", memberDevice()},
		{"gm_rekey", "show crypto gdoi gm rekey detail", memberDevice()},
		{"gm_rekey_registering", "show crypto gdoi gm rekey", registering()},
		{"gm_counters", "show crypto gdoi gm dataplane counters", memberDevice()},
		{"gm_pubkey", "show crypto gdoi gm pubkey", memberDevice()},
		{"gm_pubkey_registering", "show crypto gdoi gm pubkey", registering()},
		{"gdoi_ipsec_sa", "show crypto gdoi ipsec sa", memberDevice()},
		{"rekey_sa", "show crypto gdoi rekey sa", memberDevice()},
		{"rekey_sa_detail", "show crypto gdoi rekey sa detail", memberDevice()},
		{"ks", "show crypto gdoi ks", serverDevice()},
		{"ks_none", "show crypto gdoi ks", &device{}},
		{"ks_acl", "show crypto gdoi ks acl", serverDevice()},
		{"ks_members", "show crypto gdoi ks members", serverDevice()},
		{"ks_members_one", "show crypto gdoi ks members 44.44.44.1", serverDevice()},
		{"ks_members_summary", "show crypto gdoi ks members summary", serverDevice()},
		{"ks_policy", "show crypto gdoi ks policy", serverDevice()},
		{"ks_rekey", "show crypto gdoi ks rekey", serverDevice()},
		{"isakmp_sa", "show crypto isakmp sa", memberDevice()},
		{"isakmp_sa_none", "show crypto isakmp sa", &device{}},
		{"isakmp_sa_count", "show crypto isakmp sa count", memberDevice()},
		{"isakmp_sa_detail", "show crypto isakmp sa detail", memberDevice()},
		{"isakmp_policy", "show crypto isakmp policy", withISAKMP()},
		{"isakmp_key", "show crypto isakmp key", withISAKMP()},
		{"ipsec_sa", "show crypto ipsec sa", memberDevice()},
		{"ipsec_sa_registering", "show crypto ipsec sa", registering()},
		{"ipsec_sa_none", "show crypto ipsec sa", &device{}},
		{"transform_sets", "show crypto ipsec transform-set", withISAKMP()},
		{"crypto_map", "show crypto map", memberDevice()},
		{"mypubkey", "show crypto key mypubkey rsa", serverDevice()},
		{"mypubkey_one", "show crypto key mypubkey rsa SPARE", serverDevice()},
		{"crypto_session", "show crypto session", memberDevice()},
		{"crypto_session_detail", "show crypto session detail", memberDevice()},
		{"crypto_session_registering", "show crypto session", registering()},
		{"access_lists", "show access-lists", withAccessLists()},
		{"access_list_one", "show ip access-lists 10", withAccessLists()},
		{"ip_interface_brief", "show ip interface brief", memberDevice()},
		{"ip_route", "show ip route", withRoutes()},
		{"ip_route_none", "show ip route", &device{}},
		{"version", "show version", memberDevice()},
		{"clock", "show clock", memberDevice()},
		{"running_interface", "show running-config interface e0/0", memberDevice()},
	} {
		t.Run(c.line+" "+c.name, func(t *testing.T) { screen(t, c.name, typed(t, c.d, c.line)) })
	}
}

// withISAKMP has policies, keys and transform sets.
func withISAKMP() *device {
	d := memberDevice()
	loaded := `crypto isakmp policy 1
 encr aes
 authentication pre-share
 group 2
crypto isakmp policy 20
 encr 3des
 hash sha256
 group 14
 lifetime 3600
crypto isakmp key MYGDOIPSK address 192.168.111.111
crypto isakmp key MYGDOIPSK address 0.0.0.0
crypto isakmp key MYGDOIPSK address 10.1.0.0 255.255.0.0
crypto ipsec transform-set aes128 esp-aes esp-sha-hmac
 mode tunnel
crypto ipsec transform-set strong esp-aes 256 esp-sha256-hmac
 mode transport
`
	if errs := Load(&d.config, loaded); len(errs) > 0 {
		panic(errs[0].Err)
	}
	return d
}

func withAccessLists() *device {
	d := new(device)
	if errs := Load(&d.config, `access-list 10 permit 192.168.12.3
access-list 10 deny 192.168.1.0 0.0.0.255
access-list 10 permit any log
ip access-list extended getvpn-acl
 remark key management stays clear
 deny udp any eq 848 any
 deny udp any any eq 848
 deny tcp any eq bgp any
 permit ip 192.168.0.0 0.0.255.255 any
 permit icmp host 2.2.2.2 any
ip access-list extended empty
`); len(errs) > 0 {
		panic(errs[0].Err)
	}
	return d
}

func withRoutes() *device {
	prefix := netip.MustParsePrefix
	via := func(p, hop string) netdev.Route {
		return netdev.Route{Source: netdev.Static, Prefix: prefix(p), NextHop: addr(hop), Interface: "Ethernet0/0", Distance: 1}
	}
	direct := func(s netdev.RouteSource, p, ifc string) netdev.Route {
		return netdev.Route{Source: s, Prefix: prefix(p), Interface: ifc}
	}
	d := &device{routes: []netdev.Route{
		via("0.0.0.0/0", "192.168.1.254"), via("0.0.0.0/0", "192.168.2.254"),
		direct(netdev.Connected, "2.2.2.2/32", "Loopback0"),
		via("4.4.4.4/32", "192.168.1.4"), via("4.4.4.4/32", "192.168.2.4"),
		via("5.5.5.0/24", "192.168.1.5"), direct(netdev.Static, "5.6.0.0/16", "Null0"),
		direct(netdev.Connected, "192.168.1.0/24", "Ethernet0/0"), direct(netdev.Local, "192.168.1.2/32", "Ethernet0/0"),
		via("192.168.3.0/24", "192.168.1.3"), via("192.168.3.0/24", "192.168.2.3"),
		via("172.16.0.0/12", "192.168.1.1"),
		{Source: netdev.Static, VRF: "RED", Prefix: prefix("9.9.9.9/32"), NextHop: addr("1.1.1.1")},
	}}
	d.config.Routes = []runningconfig.Route{{Prefix: addr("5.5.5.0"), Mask: addr("255.255.255.0"), Interface: "Ethernet0/0", NextHop: addr("192.168.1.5")}}
	return d
}

// Filters that engineers put behind these screens find their lines.
func TestFilters(t *testing.T) {
	for line, want := range map[string]string{
		"show crypto gdoi | s KEK": "KEK POLICY:\n    Rekey Transport Type     : Unicast\n    Lifetime (secs)          : 1109\n    Encrypt Algorithm        : AES\n" +
			"    Key Size                 : 256\n    Sig Hash Algorithm       : HMAC_AUTH_SHA\n    Sig Key Length (bits)    : 4400\n",
		"show crypto gdoi | i life": "        sa timing:remaining key lifetime (sec): (510)\n        sa timing:remaining key lifetime (sec): (35)\n",
		"show crypto gdoi | s TEK ": "       Active TEK Number     : 2\nTEK POLICY for the current KS-Policy ACEs Downloaded:\n  Ethernet0/0:\n" +
			tekText("0x5A69F51E(1516893470)", 510) + tekText("0xF553AC4C(4115901516)", 35),
		"show crypto gdoi ks members summary | s 111.254":   "  192.168.111.254 unknown        0               0\n",
		"show crypto gdoi ks mem | i Member ID":             "Group Member ID    : 44.44.44.1  GM Version: 1.0.25\nGroup Member ID    : 192.168.111.254  GM Version: unknown\n",
		"show crypto gdoi gm | include Registration status": "       Registration status   : Registered\n",
	} {
		command, at, _ := pipe.Split(line)
		f, err := pipe.Parse(line, at)
		if err != nil {
			t.Fatal(line, err)
		}
		var out strings.Builder
		w := f.Writer(&out)
		fmt.Fprint(w, typed(t, fullDevice(), command))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, out.String()); d != "" {
			t.Errorf("%s: %s", line, d)
		}
	}
}

func tekText(spi string, life int) string {
	return fmt.Sprintf("    IPsec SA:\n        spi: %s\n        transform: esp-256-aes esp-sha256-hmac\n        sa timing:remaining key lifetime (sec): (%d)\n"+
		"        Anti-Replay(Counter Based) : 64\n        tag method : disabled\n        alg key size: 32 (bytes)\n        sig key size: 32 (bytes)\n        encaps: ENCAPS_TUNNEL\n", spi, life)
}

// No screen but the running configuration shows a pre-shared key.
func TestNoScreenShowsAKey(t *testing.T) {
	d := withISAKMP()
	d.ks, d.rsa = serverDevice().ks, serverDevice().rsa
	for _, c := range screens(d).Commands {
		lines, err := sampleLines(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, "show ") || strings.HasPrefix(line, "show tech") {
				continue
			}
			if shown := typed(t, d, line); strings.Contains(shown, "MYGDOIPSK") {
				t.Errorf("%s shows the key:\n%s", line, shown)
			}
		}
	}
	if !strings.Contains(typed(t, d, "show running-config"), "MYGDOIPSK") {
		t.Error("show running-config does not show it")
	}
}

// Several crypto map entries share one heading of their interface, and their
// connections have numbers of their own.
func TestIPsecSAOfTwoEntries(t *testing.T) {
	d := memberDevice()
	second := d.plane.Groups[0]
	second.Key.Name = "CAMPUS"
	second.SAs = []xfrm.SASnapshot{{SPI: 7, Transform: aes256, Expires: screenTime.Add(sec(60))}}
	second.Policies = []xfrm.PolicyCounters{{Policy: xfrm.Policy{ACE: ace("permit ip any any"), SPI: 7}}}
	d.plane.Groups = append(d.plane.Groups, second)
	p := &d.plane.Interfaces[0]
	p.Entries = append(p.Entries, xfrm.MapEntry{Sequence: 20, Group: second.Key})
	got := typed(t, d, "show crypto ipsec sa")
	for text, n := range map[string]int{
		"interface: Ethernet0/0\n": 1, "Crypto map tag: gdoimap": 1, "   Group: BRANCH1\n": 2, "   Group: CAMPUS\n": 1,
		"conn id: 1,": 2, "conn id: 2,": 2, "conn id: 3,": 2, "conn id: 4,": 0, "conn id: 5,": 1, "conn id: 6,": 1,
		"local  ident (addr/mask/prot/port): (0.0.0.0/0.0.0.0/0/0)": 1,
	} {
		if c := strings.Count(got, text); c != n {
			t.Errorf("%q stands %d times, want %d, in\n%s", text, c, n, got)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for line, want := range map[string]string{
		"show crypto gdoi group NONE":          "% Group NONE does not exist\n",
		"show interfaces Ethernet 3/3":         "% Invalid interface Ethernet3/3\n",
		"show access-lists NONE":               "",
		"show crypto key mypubkey rsa NONE":    "",
		"show crypto gdoi ks members 9.9.9.9":  strings.Repeat("\n\nGroup Member not Found\n\n", 3),
		"show startup-config":                  "startup-config is not present\n",
		"show running-config interface Tunnel": "% Incomplete command.\n",
	} {
		if got := typed(t, fullDevice(), line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestUptime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                   "0 minutes",
		time.Minute:                         "1 minute",
		61 * time.Minute:                    "1 hour, 1 minute",
		25*time.Hour + 30*time.Second:       "1 day, 1 hour",
		(2*364 + 31*7 + 6) * 24 * time.Hour: "2 years, 31 weeks, 6 days",
	} {
		if got := uptime(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestACEText(t *testing.T) {
	for text, want := range map[string]string{
		"deny udp any:848 any":             "deny udp any port = 848 any",
		"permit ip 10.0.0.0/8 any":         "permit ip 10.0.0.0 0.255.255.255 any",
		"permit icmp 2.2.2.2 4.4.4.4":      "permit icmp host 2.2.2.2 host 4.4.4.4",
		"deny tcp 10.0.0.0/30 1.1.1.1:179": "deny tcp 10.0.0.0 0.0.0.3 host 1.1.1.1 port = 179",
	} {
		if got := aceText(ace(text)); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	e := ace("permit ip any any")
	e.Protocol, e.Dst.Ports = 200, xfrm.PortRange{Lo: 1, Hi: 9}
	if got := aceText(e); got != "permit 200 any any port range 1 9" {
		t.Error(got)
	}
}
