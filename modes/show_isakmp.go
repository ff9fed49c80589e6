package modes

import (
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
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
		d.Line("%-5d %-15v %-15v %-6s %-6s %-4s %-6s %-4s %-2d %-8s %s", sa.ID, sa.Local.Addr(), sa.Remote.Addr(), "", status,
			encryption, hash, authentication, sa.Policy.Group, life, saCapabilities(s))
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
	if authentication = "rsig"; p.Auth == isakmp.PreShared {
		authentication = "psk"
	}
	return encryption, hash, authentication
}

// saCapabilities is the letter D while dead peers are looked for.
func saCapabilities(s isakmp.Snapshot) string {
	if s.Config.DPD.Interval > 0 {
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
