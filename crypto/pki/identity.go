package pki

import (
	"bytes"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
)

// Types of an ID payload (RFC 2407 section 4.6.2.1).
const (
	idIPv4     = 1
	idFQDN     = 2
	idUserFQDN = 3
	idIPv6     = 5
	idDN       = 9
)

// MatchesID tells whether a certificate proves what an ID payload claims: its
// subject, or a name or address that it carries. A host name may also be the
// unstructuredName that IOS puts into subjects, or, in a certificate without
// DNS names, the common name.
func MatchesID(cert *x509.Certificate, idType uint8, idData []byte) bool {
	if cert == nil || len(idData) == 0 || len(idData) > MaxCertificate {
		return false
	}
	switch idType {
	case idIPv4, idIPv6:
		addr, ok := netip.AddrFromSlice(idData)
		return ok && addr.Is4() == (idType == idIPv4) && slices.Contains(addresses(cert), addr)
	case idFQDN:
		return hasHost(cert, string(idData))
	case idUserFQDN:
		return slices.ContainsFunc(cert.EmailAddresses, func(have string) bool { return sameMailbox(have, string(idData)) })
	case idDN:
		return bytes.Equal(idData, cert.RawSubject) || sameName(idData, cert.RawSubject)
	}
	return false
}

// hasHost compares host names without case; a wild card is not a host.
func hasHost(cert *x509.Certificate, host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || strings.ContainsAny(host, "*\x00") {
		return false
	}
	return slices.ContainsFunc(hosts(cert), func(have string) bool { return strings.EqualFold(strings.TrimSuffix(have, "."), host) })
}

// hosts are the host names that a certificate proves.
func hosts(cert *x509.Certificate) []string {
	out := slices.Clone(cert.DNSNames)
	if h := firstAttribute(cert.RawSubject, oidHostname); h != "" {
		out = append(out, h)
	}
	if len(cert.DNSNames) == 0 {
		if cn := firstAttribute(cert.RawSubject, oidCommonName); cn != "" {
			out = append(out, cn)
		}
	}
	return out
}

func addresses(cert *x509.Certificate) []netip.Addr {
	var out []netip.Addr
	for _, ip := range cert.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			out = append(out, a.Unmap())
		}
	}
	if a, err := netip.ParseAddr(firstAttribute(cert.RawSubject, oidAddress)); err == nil {
		out = append(out, a)
	}
	return out
}

// sameMailbox compares the part before the sign as it is, the host without case.
func sameMailbox(a, b string) bool {
	user, host, ok := strings.Cut(a, "@")
	user2, host2, ok2 := strings.Cut(b, "@")
	return ok && ok2 && user == user2 && strings.EqualFold(host, host2)
}

// hasAttributes tells whether a DER name has every attribute of a `dn` line,
// without case.
func hasAttributes(der []byte, dn string) bool {
	want, err := ParseName(dn)
	have := parseRDNs(der)
	if err != nil || len(want) == 0 || have == nil {
		return false
	}
	for _, set := range want {
		for _, w := range set {
			found := false
			for _, s := range have {
				for _, h := range s {
					v, ok := h.Value.(string)
					found = found || ok && h.Type.Equal(w.Type) && strings.EqualFold(strings.TrimSpace(v), w.Value.(string))
				}
			}
			if !found {
				return false
			}
		}
	}
	return true
}

// Host is the host name by which a screen calls the holder of a certificate:
// its unstructuredName, else its common name.
func Host(cert *x509.Certificate) string {
	if h := firstAttribute(cert.RawSubject, oidHostname); h != "" {
		return valueString(h)
	}
	return valueString(firstAttribute(cert.RawSubject, oidCommonName))
}
