package appliance

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// maxACEs is how many entries of a group's access list IOS honours.
const maxACEs = 100

func (c *compiler) form() wire.Form {
	f := wire.Form{TEKIDLength: 2, SigDigestInfo: c.tree.Platform.SigDigestInfo}
	if c.tree.Platform.TEKIDLength != 0 {
		f.TEKIDLength = c.tree.Platform.TEKIDLength
	}
	return f
}

func groupID(i runningconfig.Identity) policy.GroupID {
	if i.Address.IsValid() {
		return policy.GroupID{Address: i.Address}
	}
	return policy.GroupID{Number: uint32(i.Number)}
}

func (c *compiler) group(name string) *runningconfig.Group {
	for _, g := range c.tree.Groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

func (c *compiler) keyServer() {
	c.out.KeyServer.Form = c.form()
	for _, g := range c.tree.Groups {
		if g.Local == nil {
			continue
		}
		c.out.KeyServer.Groups = append(c.out.KeyServer.Groups, c.served(g))
		if g.Local.Address.IsValid() {
			c.out.Listen = append(c.out.Listen, Socket{Addr: g.Local.Address})
		}
	}
	slices.SortFunc(c.out.KeyServer.Groups, func(a, b keyserver.Group) int { return cmp.Compare(a.Name, b.Name) })
}

// served compiles one group of the local server; the first thing found
// missing makes it incomplete.
func (c *compiler) served(g *runningconfig.Group) keyserver.Group {
	l := g.Local
	out := keyserver.Group{
		Name: g.Name, ID: groupID(g.Identity), Address: l.Address, Port: Port,
		ReceiveOnly: l.ReceiveOnly, Acknowledgement: "Cisco",
	}
	switch l.Acknowledgement {
	case "interoperable":
		out.Acknowledgement = "Interoperable"
	case "any":
		out.Acknowledgement = "Any"
	}
	incomplete := func(format string, args ...any) {
		if out.Incomplete == "" {
			out.Incomplete = fmt.Sprintf(format, args...)
		}
	}
	if g.IPv6 {
		incomplete("groups of IPv6 are not available yet")
	}
	if !g.Identity.Set {
		incomplete("identity is not configured")
	}
	if !l.Address.IsValid() {
		incomplete("address ipv4 is not configured")
	}
	if l.Redundancy != nil {
		incomplete("redundancy is configured, and cooperative key servers are not available yet")
	}
	if len(l.SAs) == 0 {
		incomplete("sa ipsec is not configured")
	}
	out.Rekey = c.rekey(g, incomplete)
	if l.Authorization != "" {
		list := c.accessList(l.Authorization)
		if list == nil {
			incomplete("authorization access-list %s does not exist", l.Authorization)
		} else if entries, err := aces(list); err != nil {
			incomplete("%v", err)
		} else {
			out.Authorized = append([]xfrm.ACE{}, entries...) // never nil: an empty list admits nobody
		}
	}
	for _, s := range l.SAs {
		out.SAs = append(out.SAs, c.groupSA(g, s, incomplete))
	}
	slices.SortFunc(out.SAs, func(a, b keyserver.SA) int { return cmp.Compare(a.Number, b.Number) })
	return out
}

func (c *compiler) rekey(g *runningconfig.Group, incomplete func(string, ...any)) keyserver.Rekey {
	l := g.Local
	r := keyserver.Rekey{
		Unicast: l.Unicast, KeyLabel: l.RekeyKey,
		Lifetime:   lifetime(l.RekeyLifetime, runningconfig.Lifetime{}, 86400),
		Retransmit: 10 * time.Second, Count: 2, Periodic: l.Retransmit.Periodic,
	}
	if l.Retransmit.Interval != 0 {
		r.Retransmit = time.Duration(l.Retransmit.Interval) * time.Second
		if l.Retransmit.Number != 0 {
			r.Count = l.Retransmit.Number
		}
	}
	var ok bool
	if r.Cipher, ok = suite.ParseCipher(cmp.Or(l.RekeyAlgorithm, "3des-cbc")); !ok {
		incomplete("rekey algorithm %s is unknown", l.RekeyAlgorithm)
	}
	if r.SigHash, ok = suite.ParseHash(cmp.Or(l.RekeySigHash, "sha")); !ok {
		incomplete("rekey sig-hash algorithm %s is unknown", l.RekeySigHash)
	}
	if r.Cipher.Weak() {
		c.weak(fmt.Sprintf("rekey algorithm %v of group %s", r.Cipher, g.Name), "aes 256")
	}
	if l.RekeyAddress != "" {
		list := c.accessList(l.RekeyAddress)
		if list == nil {
			c.unresolved("rekey address of group "+g.Name, "access-list "+l.RekeyAddress)
		} else {
			for _, e := range list.Entries {
				if e.Permit && e.Dst.Addr.IsValid() {
					port := uint16(Port)
					if len(e.Dst.Ports) > 0 {
						port = e.Dst.Ports[0]
					}
					r.Multicast = netip.AddrPortFrom(e.Dst.Addr, port)
					break
				}
			}
		}
	}
	if l.RekeyKey == "" {
		return r
	}
	if pair, ok := c.key(l.RekeyKey); ok {
		r.Signer = pair.Private
		r.SPKI = keys.SPKI(pair)
		if pair.Private.N.BitLen() < 2048 {
			c.weak(fmt.Sprintf("RSA key %s of %d bits", pair.Label, pair.Private.N.BitLen()), "a modulus of 2048 or more")
		}
	}
	return r
}

func (c *compiler) groupSA(g *runningconfig.Group, s *runningconfig.GroupSA, incomplete func(string, ...any)) keyserver.SA {
	out := keyserver.SA{Number: s.Number, Profile: s.Profile, ACLName: s.ACL}
	switch {
	case s.Replay.Disabled:
		out.Replay.Method = policy.ReplayNone
	case s.Replay.Time != 0:
		out.Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: time.Duration(s.Replay.Time) * time.Second}
		c.note(syslog.NoEffect.With(fmt.Sprintf("'replay time window-size %d' of group %s is", s.Replay.Time, g.Name), "has"))
	default:
		out.Replay = policy.Replay{Method: policy.ReplayCounter, CounterWindow: cmp.Or(s.Replay.Counter, 64)}
	}
	if s.ACL == "" {
		incomplete("sa ipsec %d has no match address", s.Number)
	} else if list := c.accessList(s.ACL); list == nil {
		incomplete("access-list %s of sa ipsec %d does not exist", s.ACL, s.Number)
	} else if entries, err := aces(list); err != nil {
		incomplete("%v", err)
	} else {
		if len(entries) > maxACEs {
			c.note(syslog.ACLNum.With(s.ACL))
			entries = entries[:maxACEs]
		}
		if len(entries) == 0 {
			incomplete("access-list %s of sa ipsec %d is empty", s.ACL, s.Number)
		} else if !contiguous(entries) {
			incomplete("access-list %s of sa ipsec %d has a wildcard that is not contiguous", s.ACL, s.Number)
		}
		out.ACEs = entries
	}
	var profile *runningconfig.IPsecProfile
	for _, p := range c.tree.IPsecProfiles {
		if p.Name == s.Profile {
			profile = p
		}
	}
	if s.Profile == "" {
		incomplete("sa ipsec %d has no profile", s.Number)
		return out
	}
	if profile == nil {
		incomplete("profile %s of sa ipsec %d does not exist", s.Profile, s.Number)
		return out
	}
	out.Lifetime = lifetime(profile.Lifetime, c.tree.IPsecLifetime, 3600)
	if len(profile.TransformSets) == 0 {
		out.Transform = suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1}
		c.note(syslog.KSDefaultTransform.With(profile.Name))
		return out
	}
	name := profile.TransformSets[0]
	set := c.transformSet(name)
	if set == nil {
		incomplete("transform-set %s of profile %s does not exist", name, s.Profile)
		return out
	}
	t, ok := suite.ParseTransform(set.Cipher, set.Auth)
	if !ok || set.AH != "" || set.LZS || set.ESN {
		incomplete("transform-set %s is not one that a group can use", name)
		return out
	}
	out.Transform, out.Transport = t, strings.HasPrefix(set.Mode, "transport")
	if t.Weak() {
		c.weak(fmt.Sprintf("transform-set %s (%v)", name, t), "esp-aes 256 esp-sha256-hmac")
	}
	return out
}

func (c *compiler) transformSet(name string) *runningconfig.TransformSet {
	for _, t := range c.tree.TransformSets {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// lifetime takes the first configured of two, else standard seconds.
func lifetime(own, global runningconfig.Lifetime, standard int) time.Duration {
	for _, l := range []runningconfig.Lifetime{own, global} {
		if l.Days != 0 {
			return time.Duration(l.Days) * 24 * time.Hour
		}
		if l.Seconds != 0 {
			return time.Duration(l.Seconds) * time.Second
		}
	}
	return time.Duration(standard) * time.Second
}

// members compiles the crypto maps on interfaces: one member per (VRF, group,
// registration source), and the policy of each interface.
func (c *compiler) members() {
	for _, i := range c.tree.Interfaces {
		if i.CryptoMap == "" || i.Shutdown {
			continue
		}
		m := c.cryptoMap(i.CryptoMap)
		if m == nil {
			c.unresolved("interface "+i.Name, "crypto map "+i.CryptoMap)
			continue
		}
		p := xfrm.InterfacePolicy{Interface: i.Name, MapName: m.Name}
		for _, e := range m.Entries {
			if entry, ok := c.mapEntry(i, m, e); ok {
				p.Entries = append(p.Entries, entry)
			}
		}
		slices.SortFunc(p.Entries, func(a, b xfrm.MapEntry) int { return cmp.Compare(a.Sequence, b.Sequence) })
		c.out.Policies = append(c.out.Policies, p)
	}
	slices.SortFunc(c.out.Policies, func(a, b xfrm.InterfacePolicy) int { return cmp.Compare(a.Interface, b.Interface) })
	slices.SortFunc(c.out.Members, func(a, b member.Config) int { return compareKeys(a.Key, b.Key) })
}

func compareKeys(a, b xfrm.GroupKey) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.VRF, b.VRF), a.Source.Compare(b.Source))
}

func (c *compiler) cryptoMap(name string) *runningconfig.CryptoMap {
	for _, m := range c.tree.CryptoMaps {
		if m.Name == name {
			return m
		}
	}
	return nil
}

func (c *compiler) mapEntry(i *runningconfig.Interface, m *runningconfig.CryptoMap, e *runningconfig.CryptoMapEntry) (xfrm.MapEntry, bool) {
	where := fmt.Sprintf("crypto map %s %d", m.Name, e.Sequence)
	if e.Family == "ipsec-isakmp" {
		c.note(syslog.NoEffect.With("'"+where+" ipsec-isakmp' is", "has"))
		return xfrm.MapEntry{}, false
	}
	if e.Group == "" {
		return xfrm.MapEntry{}, false // stays disabled until a group is set, as IOS notes
	}
	g := c.group(e.Group)
	if g == nil {
		c.unresolved(where, "group "+e.Group)
		return xfrm.MapEntry{}, false
	}
	cfg := member.Config{ID: groupID(g.Identity), Port: Port, VRF: i.VRF, MapName: m.Name,
		Passive: g.Passive, Hostname: c.out.Hostname, Form: c.form()}
	incomplete := func(format string, args ...any) {
		if cfg.Incomplete == "" {
			cfg.Incomplete = fmt.Sprintf(format, args...)
		}
	}
	source := i
	switch {
	case g.RegistrationInterface != "":
		source = c.iface(g.RegistrationInterface)
	case m.LocalAddress != "":
		source = c.iface(m.LocalAddress)
	}
	addr, ok := primary(source)
	if !ok {
		incomplete("the registration interface has no address")
	}
	cfg.Key = xfrm.GroupKey{VRF: i.VRF, Name: g.Name, Source: addr}
	if g.IPv6 {
		incomplete("groups of IPv6 are not available yet")
	}
	if !g.Identity.Set {
		incomplete("identity is not configured")
	}
	for _, s := range g.Servers {
		if s.Address.Is4() {
			cfg.Servers = append(cfg.Servers, s.Address)
		}
	}
	if g.Local == nil && len(cfg.Servers) == 0 {
		incomplete("server address is not configured")
	}
	if g.Local != nil {
		incomplete("the group is served here; a key server is no member of its group")
	}
	for _, name := range g.RekeyCiphers {
		if v, ok := suite.ParseCipher(name); ok {
			cfg.RekeyCiphers = append(cfg.RekeyCiphers, v)
		}
	}
	for _, name := range g.RekeyHashes {
		if v, ok := suite.ParseHash(name); ok {
			cfg.RekeyHashes = append(cfg.RekeyHashes, v)
		}
	}
	for _, name := range g.TransformSets {
		if set := c.transformSet(name); set == nil {
			c.unresolved("client transform-sets of group "+g.Name, "transform-set "+name)
		} else if t, ok := suite.ParseTransform(set.Cipher, set.Auth); ok {
			cfg.Transforms = append(cfg.Transforms, t)
		}
	}
	entry := xfrm.MapEntry{Sequence: e.Sequence, Group: cfg.Key}
	if !g.NoBypassPolicy && addr.IsValid() {
		entry.Bypass = append(entry.Bypass, addr)
	}
	if e.ACL != "" {
		if list := c.accessList(e.ACL); list == nil {
			c.unresolved(where, "access-list "+e.ACL)
		} else if local, err := aces(list); err != nil {
			c.note(syslog.GMIncompleteCfg.With(g.Name + ": " + err.Error()))
		} else {
			entry.Local = local
		}
	}
	c.member(cfg, i.Name)
	return entry, true
}

// member adds a member, or an interface to a member that is already there.
func (c *compiler) member(cfg member.Config, iface string) {
	for n := range c.out.Members {
		if c.out.Members[n].Key == cfg.Key {
			c.out.Members[n].Interfaces = append(c.out.Members[n].Interfaces, iface)
			return
		}
	}
	cfg.Interfaces = []string{iface}
	c.out.Members = append(c.out.Members, cfg)
	if cfg.Key.Source.IsValid() {
		c.out.Listen = append(c.out.Listen, Socket{VRF: cfg.Key.VRF, Addr: cfg.Key.Source})
	}
}

// capabilities are what our Vendor ID announces (deny ACEs, acknowledgements,
// the two-octet form of TEK identities).
const capabilities = isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK

func (c *compiler) isakmp() {
	t := &c.tree.ISAKMP
	cfg := isakmp.Config{
		Enabled: !t.Disabled, Accept: len(c.out.KeyServer.Groups) > 0,
		PhaseOneDOI: 2, Capabilities: capabilities,
		DPD: isakmp.DPD{
			Interval: time.Duration(t.Keepalive.Interval) * time.Second,
			Retry:    time.Duration(t.Keepalive.Retry) * time.Second,
			Periodic: t.Keepalive.Periodic,
		},
	}
	if c.tree.Platform.PhaseOneDOI != 0 {
		cfg.PhaseOneDOI = uint32(c.tree.Platform.PhaseOneDOI)
	}
	inUse := cfg.Accept || len(c.out.Members) > 0
	for _, p := range t.Policies {
		cipher, ok1 := suite.ParseCipher(cmp.Or(p.Encryption, "des"))
		hash, ok2 := suite.ParseHash(cmp.Or(p.Hash, "sha"))
		if !ok1 || !ok2 {
			continue // the grammar admits known words only
		}
		q := isakmp.Policy{Priority: p.Priority, Cipher: cipher, Hash: hash, Group: suite.Group(cmp.Or(p.Group, 1)),
			Auth: auths[p.Authentication], Lifetime: time.Duration(cmp.Or(p.Lifetime, 86400)) * time.Second}
		cfg.Policies = append(cfg.Policies, q)
		if inUse && (cipher.Weak() || hash.Weak() || q.Group.Weak()) {
			c.weak(fmt.Sprintf("crypto isakmp policy %d", p.Priority), "encr aes 256, hash sha256 and group 14 or 19")
		}
	}
	slices.SortStableFunc(cfg.Policies, func(a, b isakmp.Policy) int { return cmp.Compare(a.Priority, b.Priority) })
	cfg.Keyrings = c.keyrings()
	c.out.ISAKMP = cfg
}

// auths are the authentication methods by their word in a policy.
var auths = map[string]isakmp.Auth{"": isakmp.RSASig, "pre-share": isakmp.PreShared, "ecdsa-sig": isakmp.ECDSASig}

// keyrings are the keys of global configuration, then those of `crypto
// keyring`.
func (c *compiler) keyrings() []isakmp.Keyring {
	t := &c.tree.ISAKMP
	var out []isakmp.Keyring
	if len(t.Keys) > 0 {
		out = append(out, isakmp.Keyring{PSKs: c.preSharedKeys(t.Keys)})
	}
	for _, k := range t.Keyrings {
		ring := isakmp.Keyring{Name: k.Name, VRF: k.VRF, PSKs: c.preSharedKeys(k.Keys)}
		if k.LocalAddress != "" {
			addr, err := netip.ParseAddr(k.LocalAddress)
			if err != nil {
				var ok bool
				if addr, ok = primary(c.iface(k.LocalAddress)); !ok {
					c.unresolved("crypto keyring "+k.Name, "an address of "+k.LocalAddress)
					continue
				}
			}
			ring.Local = []netip.Addr{addr}
		}
		out = append(out, ring)
	}
	return out
}

func (c *compiler) preSharedKeys(list []runningconfig.ISAKMPKey) []keys.PSK {
	var out []keys.PSK
	for _, k := range list {
		switch {
		case k.Type6:
			c.note(syslog.UnresolvedName.With("crypto isakmp key 6 ...", "a master key (key config-key password-encrypt)"))
		case k.Hostname != "":
			c.note(syslog.NoEffect.With("'crypto isakmp key ... hostname "+k.Hostname+"' is", "has"))
		default:
			out = append(out, keys.PSK{Peer: k.Prefix(), Key: k.Key})
		}
	}
	return out
}
