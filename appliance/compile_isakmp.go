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
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
)

// isakmp compiles phase 1: policies by priority, keyrings, profiles and how we
// name ourselves. The trustpoints are filled in from the key store.
func (c *compiler) isakmp() {
	t := &c.tree.ISAKMP
	cfg := isakmp.Config{
		Enabled: !t.Disabled, Accept: len(c.out.KeyServer.Groups) > 0,
		PhaseOneDOI: 2, Capabilities: capabilities,
		Identity: c.selfIdentity(t.Identity, ""), Fragmentation: t.Fragmentation, InvalidSPIRecovery: t.InvalidSPIRecovery,
		DPD: dpd(t.Keepalive),
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
		auth, ok := auths[p.Authentication]
		if !ok { // never negotiated, whatever else it says
			c.note(syslog.RSAEncryption.With(p.Priority))
			continue
		}
		q := isakmp.Policy{Priority: p.Priority, Cipher: cipher, Hash: hash, Group: suite.Group(cmp.Or(p.Group, 1)),
			Auth: auth, Lifetime: time.Duration(cmp.Or(p.Lifetime, 86400)) * time.Second}
		cfg.Policies = append(cfg.Policies, q)
		if inUse && (cipher.Weak() || hash.Weak() || q.Group.Weak()) {
			c.weak(fmt.Sprintf("crypto isakmp policy %d", p.Priority), "encr aes 256, hash sha256 and group 14 or 19")
		}
	}
	slices.SortStableFunc(cfg.Policies, func(a, b isakmp.Policy) int { return cmp.Compare(a.Priority, b.Priority) })
	cfg.Keyrings = c.keyrings()
	preShared := slices.ContainsFunc(cfg.Policies, func(p isakmp.Policy) bool { return p.Auth == isakmp.PreShared })
	if inUse && preShared && slices.ContainsFunc(cfg.Keyrings, short) {
		c.weak(fmt.Sprintf("a pre-shared key of fewer than %d characters", minPSK), "a random one of that length or more")
	}
	cfg.Profiles = c.profiles()
	cfg.Trustpoints = c.out.ISAKMP.Trustpoints // compiled before
	c.out.ISAKMP = cfg
}

// minPSK is how long a pre-shared key is that nobody guesses: whoever has
// pretended to be its peer once can try words against it at home.
const minPSK = 16

func short(k isakmp.Keyring) bool {
	return slices.ContainsFunc(k.PSKs, func(p keys.PSK) bool { return p.Key.Len() < minPSK })
}

// auths are the authentication methods by their word in a policy. rsa-encr is
// not among them.
var auths = map[string]isakmp.Auth{"": isakmp.RSASig, "pre-share": isakmp.PreShared, "ecdsa-sig": isakmp.ECDSASig}

func dpd(k runningconfig.Keepalive) isakmp.DPD {
	return isakmp.DPD{Interval: time.Duration(k.Interval) * time.Second, Retry: time.Duration(k.Retry) * time.Second, Periodic: k.Periodic}
}

// selfIdentity reads `crypto isakmp identity` and `self-identity`.
func (c *compiler) selfIdentity(kind, name string) isakmp.SelfIdentity {
	switch kind {
	case "hostname", "fqdn":
		if name == "" {
			name = c.fqdn()
		}
		return isakmp.SelfIdentity{Kind: isakmp.ByFQDN, Name: name}
	case "user-fqdn":
		return isakmp.SelfIdentity{Kind: isakmp.ByUserFQDN, Name: name}
	case "dn":
		return isakmp.SelfIdentity{Kind: isakmp.ByDN}
	}
	return isakmp.SelfIdentity{}
}

// fqdn is the host name with the domain, as certificates bear it.
func (c *compiler) fqdn() string {
	if d := c.tree.DomainName; d != "" {
		return c.out.Hostname + "." + d
	}
	return c.out.Hostname
}

// localAddress resolves the interface or address of a keyring or profile.
func (c *compiler) localAddress(where, local string) ([]netip.Addr, bool) {
	if local == "" {
		return nil, true
	}
	addr, err := netip.ParseAddr(local)
	if err != nil {
		var ok bool
		if addr, ok = primary(c.iface(local)); !ok {
			c.unresolved(where, "an address of "+local)
			return nil, false
		}
	}
	return []netip.Addr{addr}, true
}

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
		var ok bool
		if ring.Local, ok = c.localAddress("crypto keyring "+k.Name, k.LocalAddress); ok {
			out = append(out, ring)
		}
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

// profiles are `crypto isakmp profile`. A profile whose keyring or trustpoint
// is not there refuses its peers, as the word of its configuration is.
func (c *compiler) profiles() []isakmp.Profile {
	var out []isakmp.Profile
	for _, p := range c.tree.ISAKMP.Profiles {
		where := "crypto isakmp profile " + p.Name
		q := isakmp.Profile{Name: p.Name, Keyring: p.Keyring, Trustpoint: p.Trustpoint, VRF: p.VRF}
		var ok bool
		if q.Local, ok = c.localAddress(where, p.LocalAddress); !ok {
			continue
		}
		if p.Keyring != "" && !slices.ContainsFunc(c.tree.ISAKMP.Keyrings, func(k *runningconfig.Keyring) bool { return k.Name == p.Keyring }) {
			c.unresolved(where, "keyring "+p.Keyring)
		}
		if p.Self.Kind != "" {
			self := c.selfIdentity(p.Self.Kind, p.Self.Name)
			q.Self = &self
		}
		if p.Keepalive.Interval != 0 {
			d := dpd(p.Keepalive)
			d.Periodic = c.tree.ISAKMP.Keepalive.Periodic
			q.DPD = &d
		}
		for _, m := range p.Match {
			q.Match = append(q.Match, matchIdentity(m))
		}
		if len(q.Match) == 0 {
			c.note(syslog.ProfileIncomplete.With(p.Name))
		}
		out = append(out, q)
	}
	return out
}

func matchIdentity(m runningconfig.ProfileMatch) isakmp.MatchIdentity {
	out := isakmp.MatchIdentity{VRF: m.VRF, Host: m.Host, User: m.User}
	if m.Address.IsValid() {
		out.Peer = m.Prefix()
	}
	if strings.EqualFold(m.Domain, "any") {
		out.Any = true
	} else {
		out.Domain = m.Domain
	}
	return out
}
