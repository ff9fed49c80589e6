package isakmp

import (
	"net/netip"
	"slices"
	"strings"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
)

// profile finds the ISAKMP profile of a peer by an identity: the most specific
// match, then the first; nil when none matches.
func (c *Config) profile(vrf string, local netip.Addr, id Identity) *Profile {
	best, rank := -1, 0
	for i := range c.Profiles {
		p := &c.Profiles[i]
		if len(p.Local) > 0 && !slices.Contains(p.Local, local) {
			continue
		}
		for _, match := range p.Match {
			if r := match.rank(vrf, id); r > rank {
				best, rank = i, r
			}
		}
	}
	if best < 0 {
		return nil
	}
	return &c.Profiles[best]
}

// rank says how specifically a match fits an identity; zero when it does not.
func (m MatchIdentity) rank(vrf string, id Identity) int {
	const anyone, prefix, domain, host = 1, 2, 1000, 100000
	if m.Peer.IsValid() && m.VRF != vrf {
		return 0
	}
	if addr, ok := id.Addr(); ok {
		switch {
		case m.Peer.IsValid() && m.Peer.Contains(addr.Unmap()):
			return prefix + m.Peer.Bits()
		case m.Any:
			return anyone
		}
		return 0
	}
	name := string(id.Data)
	if id.Type == IDUserFQDN {
		_, name, _ = strings.Cut(name, "@")
	}
	switch {
	case id.Type == IDUserFQDN && len(m.User) > 1 && m.User[0] == '@' && inDomain(name, m.User[1:]):
		return domain + len(m.User)
	case id.Type == IDUserFQDN && m.User != "" && strings.EqualFold(m.User, string(id.Data)),
		id.Type == IDFQDN && m.Host != "" && strings.EqualFold(m.Host, name):
		return host
	case id.Type == IDFQDN && m.Domain != "" && inDomain(name, m.Domain):
		return domain + len(m.Domain)
	case m.Any:
		return anyone
	}
	return 0
}

// inDomain tells whether a name is the domain or in it.
func inDomain(name, domain string) bool {
	domain = strings.TrimPrefix(domain, ".")
	if len(name) < len(domain) || !strings.EqualFold(name[len(name)-len(domain):], domain) {
		return false
	}
	return len(name) == len(domain) || name[len(name)-len(domain)-1] == '.'
}

// ringPSK is the key for a peer in one keyring.
func (c *Config) ringPSK(ring, vrf string, local, remote netip.Addr) (secret.Bytes, bool) {
	for _, k := range c.Keyrings {
		if k.Name == ring && k.VRF == vrf && (len(k.Local) == 0 || slices.Contains(k.Local, local)) {
			return keys.Lookup(k.PSKs, remote)
		}
	}
	return secret.Bytes{}, false
}

// credentials is how we and one peer, known by its address only, may prove
// ourselves to each other.
type credentials struct {
	profile *Profile // by the peer's address; nil without one
	psk     secret.Bytes
	known   bool // psk is there
	// trusted may have issued the peer's certificate; those of them with a
	// certificate and a key may prove us.
	trusted []*pki.Trustpoint
}

func (c *Config) credentials(p peer) credentials {
	local, remote := p.local.Addr(), p.remote.Addr()
	out := credentials{profile: c.profile(p.vrf, local, AddressID(p.remote)), trusted: c.Trustpoints}
	if out.profile == nil || out.profile.Keyring == "" {
		out.psk, out.known = c.PSK(p.vrf, local, remote)
	} else {
		out.psk, out.known = c.ringPSK(out.profile.Keyring, p.vrf, local, remote)
	}
	if out.profile != nil && out.profile.Trustpoint != "" {
		out.trusted = slices.DeleteFunc(slices.Clone(c.Trustpoints), func(t *pki.Trustpoint) bool {
			return t.Name != out.profile.Trustpoint
		})
	}
	return out
}

// serve tells whether there is a credential for a policy; for ECDSA, which
// methods its certificates give.
func (c credentials) serve(p Policy) []Policy {
	var out []Policy
	if p.Auth == PreShared {
		if c.known {
			out = append(out, p)
		}
		return out
	}
	for _, t := range c.trusted {
		auth, curve := keyOf(t)
		if q := p; auth == p.Auth {
			if q.Curve = curve; !slices.Contains(out, q) {
				out = append(out, q)
			}
		}
	}
	return out
}

// selfID is the body of our ID payload: as the profile says, else as `crypto
// isakmp identity` does. A certificate must prove what we claim, so where ours
// does not, its subject is the identity.
func (m *Machine) selfID(sa *phaseOne) []byte {
	if m.claim != nil {
		return m.claim
	}
	self := m.cfg.Identity
	if sa.cred.profile != nil && sa.cred.profile.Self != nil {
		self = *sa.cred.profile.Self
	}
	id := AddressID(sa.local)
	switch self.Kind {
	case ByFQDN:
		id.Type, id.Data = IDFQDN, []byte(self.Name)
	case ByUserFQDN:
		id.Type, id.Data = IDUserFQDN, []byte(self.Name)
	}
	if sa.policy.signs() {
		leaf, ok := leafOf(sa.own)
		if ok && (self.Kind == ByDN || !pki.MatchesID(leaf, id.Type, id.Data)) {
			id.Type, id.Data = IDDERASN1DN, leaf.RawSubject
		}
	}
	return id.Append(nil)
}
