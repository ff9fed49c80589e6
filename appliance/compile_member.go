package appliance

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

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
		if m.IPv6 {
			c.note(syslog.NoEffect.With(fmt.Sprintf("'crypto map ipv6 %s' is", m.Name), "has"))
			continue
		}
		if i.MapRedundancy != "" {
			c.note(syslog.NoEffect.With(fmt.Sprintf("'redundancy %s' of crypto map %s on %s is", i.MapRedundancy, m.Name, i.Name), "has"))
		}
		p := xfrm.InterfacePolicy{Interface: i.Name, MapName: m.Name, FailClose: c.failClose(m)}
		for _, e := range m.Entries {
			if entry, ok := c.mapEntry(i, m, e, p.FailClose != nil); ok {
				p.Entries = append(p.Entries, entry)
			}
		}
		slices.SortFunc(p.Entries, func(a, b xfrm.MapEntry) int { return cmp.Compare(a.Sequence, b.Sequence) })
		c.out.Policies = append(c.out.Policies, p)
	}
	slices.SortFunc(c.out.Policies, func(a, b xfrm.InterfacePolicy) int { return cmp.Compare(a.Interface, b.Interface) })
	slices.SortFunc(c.out.Members, func(a, b member.Config) int { return compareKeys(a.Key, b.Key) })
}

// failClose compiles `crypto map M gdoi fail-close`, which does nothing before
// `activate`.
func (c *compiler) failClose(m *runningconfig.CryptoMap) *xfrm.FailClose {
	if m.FailClose == nil || !m.FailClose.Activate {
		return nil
	}
	out := &xfrm.FailClose{ACL: m.FailClose.ACL}
	if out.ACL == "" {
		return out
	}
	where := "crypto map " + m.Name + " gdoi fail-close"
	list := c.accessList(out.ACL)
	if list == nil {
		c.unresolved(where, "access-list "+out.ACL)
		return out
	}
	entries, err := aces(list)
	if err != nil {
		c.note(syslog.UnresolvedName.With(where, "an access-list without "+err.Error()))
		return out
	}
	out.Exempt = entries
	return out
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

// mapEntry compiles an entry; false: it is left out. Without a group an entry is
// disabled, as IOS notes; in a map that is fail-close, closed, it stays there and
// stays closed: nobody installs a group without a source.
func (c *compiler) mapEntry(i *runningconfig.Interface, m *runningconfig.CryptoMap, e *runningconfig.CryptoMapEntry, closed bool) (xfrm.MapEntry, bool) {
	where := fmt.Sprintf("crypto map %s %d", m.Name, e.Sequence)
	if e.Family == "ipsec-isakmp" {
		c.note(syslog.NoEffect.With("'"+where+" ipsec-isakmp' is", "has"))
		return xfrm.MapEntry{}, false
	}
	entry := xfrm.MapEntry{Sequence: e.Sequence, Group: xfrm.GroupKey{VRF: i.VRF, Name: e.Group}}
	if e.Group == "" {
		return entry, closed
	}
	g := c.group(e.Group)
	if g == nil {
		c.unresolved(where, "group "+e.Group)
		return entry, closed
	}
	cfg := member.Config{ID: groupID(g.Identity), Port: Port, MapName: m.Name,
		Passive: g.Passive, Hostname: c.out.Hostname, Form: c.form(),
		FailClose: closed, FailCloseRevert: g.FailCloseRevert,
		RecoveryCheck: time.Duration(g.RecoveryCheck) * time.Second}
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
	if source != nil { // the control plane lives in its VRF, the traffic in that of the map
		cfg.VRF, cfg.RegistrationInterface = source.VRF, source.Name
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
		} else {
			server := "address ipv6 " + s.Address.String()
			if s.Hostname != "" {
				server = "hostname " + s.Hostname
			}
			c.note(syslog.NoEffect.With(fmt.Sprintf("'server %s' of group %s is", server, g.Name), "has"))
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
	entry.Group = cfg.Key
	if !g.NoBypassPolicy && addr.IsValid() {
		entry.Bypass = append(entry.Bypass, addr)
	}
	if e.ACL != "" {
		if list := c.accessList(e.ACL); list == nil {
			c.unresolved(where, "access-list "+e.ACL)
		} else if local, err := aces(list); err != nil {
			c.note(syslog.GMIncompleteCfg.With(g.Name + ": " + err.Error()))
		} else {
			entry.Local, cfg.LocalACL = local, len(local) > 0
		}
	}
	c.member(cfg, i.Name)
	return entry, true
}

// member adds a member, or an interface to a member that is already there.
func (c *compiler) member(cfg member.Config, iface string) {
	for n := range c.out.Members {
		if c.out.Members[n].Key == cfg.Key {
			have := &c.out.Members[n]
			if !slices.Contains(have.Interfaces, iface) { // two entries of one group
				have.Interfaces = append(have.Interfaces, iface)
			}
			have.LocalACL = have.LocalACL || cfg.LocalACL
			have.FailClose = have.FailClose || cfg.FailClose
			return
		}
	}
	cfg.Interfaces = []string{iface}
	c.out.Members = append(c.out.Members, cfg)
	if cfg.Key.Source.IsValid() {
		c.out.Listen = append(c.out.Listen, Socket{VRF: cfg.VRF, Addr: cfg.Key.Source})
	}
}
