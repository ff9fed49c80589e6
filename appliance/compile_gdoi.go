package appliance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// maxACEs is how many entries of a group's access list IOS honours.
const maxACEs = 100

func (c *compiler) form() wire.Form {
	p := c.tree.Platform
	return wire.Form{
		TEKIDLength: cmp.Or(p.TEKIDLength, runningconfig.DefaultTEKIDLength), SigDigestInfo: p.SigDigestInfo,
		AckDigestLength: p.AckDigestLength, AckWithoutIV: p.AckWithoutIV,
	}
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
	served := map[policy.GroupID]string{}
	for _, g := range c.tree.Groups {
		if g.Local == nil {
			continue
		}
		s := c.served(g)
		if first, taken := served[s.ID]; !taken && g.Identity.Set {
			served[s.ID] = g.Name
		} else if taken && s.Incomplete == "" { // members name a group by its identity alone
			s.Incomplete = fmt.Sprintf("its identity is that of group %s", first)
		}
		c.out.KeyServer.Groups = append(c.out.KeyServer.Groups, s)
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
	out.Size, out.Identifiers = senderIDs(l)
	out.Identities = c.identities(l.AuthorizationIdentity, incomplete)
	out.Interfaces = c.registrationInterface(l, incomplete)
	if out.Revocation.Trustpoint = l.RegistrationCRL; l.RegistrationCRL != "" && c.tree.Trustpoint(l.RegistrationCRL) == nil {
		c.unresolved("registration periodic crl of group "+g.Name, "trustpoint "+l.RegistrationCRL)
	}
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
		Retransmit: 10 * time.Second, Count: 2, Periodic: l.Retransmit.Periodic, Pace: c.pace(),
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
		r.Multicast = c.rekeyDestination(g)
	}
	if l.RekeyKey == "" {
		return r
	}
	if pair, ok := c.key(l.RekeyKey); ok && pair.Private != nil {
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
		out.Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: time.Duration(s.Replay.Time) * time.Second, Encoding: xfrm.TBARSequence}
		if c.tree.Platform.TBARMetadata {
			out.Replay.Encoding = xfrm.TBARMetadata
		}
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

// capabilities are what our Vendor ID announces (time-based anti-replay, deny
// ACEs, acknowledgements, the two-octet form of TEK identities).
const capabilities = isakmp.CapTBAR | isakmp.CapDenyACE | isakmp.CapPushAck | isakmp.CapTwoOctetTEK
