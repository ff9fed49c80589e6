package modes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	runningconfig "coterie/running-config"
)

// isakmpCodes explains the columns of `show crypto isakmp sa detail`.
const isakmpCodes = `Codes: C - IKE configuration mode, D - Dead Peer Detection
       K - Keepalives, N - NAT-traversal
       T - cTCP encapsulation, X - IKE Extended Authentication
       psk - Preshared key, rsig - RSA signature
       renc - RSA encryption`

// showISAKMPDetail is `show crypto isakmp sa detail`.
func showISAKMPDetail(v View, _ grammar.Args, d *show.Doc) error {
	s := v.ISAKMP()
	d.Data = s
	d.Line("%s", isakmpCodes)
	d.Line("IPv4 Crypto ISAKMP SA")
	d.Blank()
	d.Line("C-id  Local           Remote          I-VRF  Status Encr Hash   Auth DH Lifetime Cap.")
	d.Blank()
	for _, sa := range slices.Backward(s.SAs) { // newest first
		status, life := "ACTIVE", "0"
		if sa.ID == 0 || sa.Deleted {
			status = ""
		}
		if sa.ID != 0 {
			life = hms(sa.Expires.Sub(v.Now()))
		}
		encryption, hash, authentication := policyWords(sa.Policy)
		d.Line("%-5d %-15v %-15v %-6s %-6s %-4s %-6s %-4s %-2d %-8s %s", sa.ID, sa.Local.Addr(), sa.Remote.Addr(), innerVRF(s, sa), status,
			encryption, hash, authentication, sa.Policy.Group, life, saCapabilities(sa))
		d.Line("       Engine-id:Conn-id =  SW:%d", sa.ID)
		d.Blank()
	}
	d.Line("IPv6 Crypto ISAKMP SA")
	d.Blank()
	return nil
}

// policyWords are the short names of a policy; empty while none is agreed on.
func policyWords(p isakmp.Policy) (encryption, hash, authentication string) {
	if p.Cipher == 0 {
		return "", "", ""
	}
	switch p.Cipher {
	case suite.DES:
		encryption = "des"
	case suite.TripleDES:
		encryption = "3des"
	default:
		encryption = "aes"
	}
	switch p.Hash {
	case suite.MD5:
		hash = "md5"
	case suite.SHA1:
		hash = "sha"
	default:
		hash = fmt.Sprintf("sha%d", 8*p.Hash.Size())
	}
	switch p.Auth {
	case isakmp.PreShared:
		authentication = "psk"
	case isakmp.ECDSASig:
		authentication = "esig"
	default:
		authentication = "rsig"
	}
	return encryption, hash, authentication
}

// innerVRF is the VRF that the profile of an SA puts its traffic in.
func innerVRF(s isakmp.Snapshot, sa isakmp.SASnapshot) string {
	for _, p := range s.Config.Profiles {
		if p.Name == sa.Profile {
			return p.VRF
		}
	}
	return ""
}

// saCapabilities is the letter D while dead peers are looked for.
func saCapabilities(sa isakmp.SASnapshot) string {
	if sa.DPD && !sa.Deleted {
		return "D  "
	}
	return ""
}

// showISAKMPCount is `show crypto isakmp sa count`.
func showISAKMPCount(v View, _ grammar.Args, d *show.Doc) error {
	s := v.ISAKMP()
	d.Data = s
	active, negotiated, dead := 0, 0, 0
	for _, sa := range s.SAs {
		switch {
		case sa.Deleted:
			dead++
		case strings.HasPrefix(sa.State, "MM_"):
			negotiated++
		default:
			active++
		}
	}
	d.Line("Active ISAKMP SA's: %d", active)
	d.Blank()
	d.Line("Standby ISAKMP SA's: 0")
	d.Blank()
	d.Line("Currently being negotiated ISAKMP SA's: %d", negotiated)
	d.Blank()
	d.Line("Dead ISAKMP SA's: %d", dead)
	return nil
}

// showISAKMPPeers is `show crypto isakmp peers [A.B.C.D]`: one for each pair of
// ends that has a phase 1.
func showISAKMPPeers(v View, a grammar.Args, d *show.Doc) error {
	type ends struct {
		Remote netip.AddrPort
		Local  netip.Addr
	}
	identities := make(map[ends]string)
	var list []ends
	only := address(a, "Peer")
	for _, sa := range v.ISAKMP().SAs {
		if sa.Deleted || only.IsValid() && sa.Remote.Addr() != only {
			continue
		}
		e := ends{sa.Remote, sa.Local.Addr()}
		if _, known := identities[e]; !known {
			list = append(list, e)
			identities[e] = ""
		}
		if sa.Peer.Type != 0 {
			identities[e] = identityText(sa.Peer)
		}
	}
	slices.SortFunc(list, func(a, b ends) int { return cmp.Or(a.Remote.Compare(b.Remote), a.Local.Compare(b.Local)) })
	d.Data = list
	for _, e := range list {
		d.Line("Peer: %v Port: %d Local: %v", e.Remote.Addr(), e.Remote.Port(), e.Local)
		if id := identities[e]; id != "" {
			d.Line(" Phase1 id: %s", id)
		}
	}
	return nil
}

// identityText is an identity without the quotes of log lines. What a peer
// calls itself may hold anything: what does not print stays escaped.
func identityText(id isakmp.Identity) string {
	text := id.String()
	if plain, err := strconv.Unquote(text); err == nil && !strings.ContainsFunc(plain, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return plain
	}
	return text
}

// showISAKMPProfile is `show crypto isakmp profile [NAME]`.
func showISAKMPProfile(v View, a grammar.Args, d *show.Doc) error {
	s := v.ISAKMP()
	d.Data = s.Config.Profiles
	for _, p := range v.Config().ISAKMP.Profiles {
		if name := a.String("Name"); name != "" && name != p.Name {
			continue
		}
		references := 0
		for _, sa := range s.SAs {
			if sa.Profile == p.Name && !sa.Deleted {
				references++
			}
		}
		d.Line("IKEv1 PROFILE %s", p.Name)
		d.Line("Ref Count = %d", references+1)
		d.Line("   Identities matched are:")
		for _, m := range p.Match {
			switch {
			case m.Address.IsValid():
				bits := m.Prefix().Bits()
				d.Line("    ip-address %v %s%s", m.Address, netmask(bits), inVRFText(m.VRF))
			case m.Host != "":
				d.Line("    fqdn %s", m.Host)
			case m.Domain != "":
				d.Line("    domain %s", m.Domain)
			default:
				d.Line("    user-fqdn %s", strings.TrimPrefix(m.User, "@"))
			}
		}
		d.Line("   Certificate maps matched are:")
		d.Line("   Identity presented is: %s", selfIdentityText(v, p.Self))
		d.Line("   keyring(s): %s", cmp.Or(p.Keyring, "<none>"))
		d.Line("   trustpoint(s): %s", cmp.Or(p.Trustpoint, "<all>"))
	}
	return nil
}

func inVRFText(vrf string) string {
	if vrf == "" {
		return ""
	}
	return " " + vrf
}

// selfIdentityText is how a profile makes us name ourselves.
func selfIdentityText(v View, self runningconfig.ProfileIdentity) string {
	kind, name := self.Kind, self.Name
	if kind == "" {
		kind = v.Config().ISAKMP.Identity
	}
	switch kind {
	case "hostname", "fqdn":
		return strings.TrimSpace("fqdn " + name)
	case "user-fqdn":
		return "user-fqdn " + name
	case "dn":
		return "dn"
	}
	return "ip-address"
}
