package runningconfig

import "net/netip"

// Keyring is `crypto keyring`.
type Keyring struct {
	Name         string
	VRF          string
	Description  string
	LocalAddress string // interface or address
	LocalVRF     string // of an address
	Keys         []ISAKMPKey
	Kept         []string // other lines, verbatim
}

// ISAKMPProfile is `crypto isakmp profile`: what is special about the peers
// that it matches.
type ISAKMPProfile struct {
	Name         string
	Description  string
	VRF          string
	Keyring      string
	Trustpoint   string // ca trust-point
	Self         ProfileIdentity
	Match        []ProfileMatch
	Keepalive    Keepalive // keepalive N retry M
	LocalAddress string    // interface
	Kept         []string  // lines without effect, verbatim
}

// ProfileIdentity is `self-identity`; the zero value is not configured.
type ProfileIdentity struct {
	Kind string // "address", "fqdn", "user-fqdn"
	Name string // "": the host name and domain
}

// ProfileMatch is `match identity`; one of address, host, domain and user.
type ProfileMatch struct {
	Address, Mask netip.Addr // invalid Mask: a host, or everybody for 0.0.0.0
	VRF           string
	Host, Domain  string // a domain of "any" is every peer
	User          string // user@domain
}

// Prefix is the addresses that match.
func (m ProfileMatch) Prefix() netip.Prefix {
	return ISAKMPKey{Address: m.Address, Mask: m.Mask}.Prefix()
}

// IdentifierRange is `range LOW - HIGH` or `value N` of the sender identifiers
// that a key server hands out; Low equals High for the latter.
type IdentifierRange struct{ Low, High int }

// Identifier is `identifier` of a local server.
type Identifier struct{ Ranges []IdentifierRange }

// HighestIdentifier is the highest key server identifier of a group size, -1
// for a size that has none.
func HighestIdentifier(size string) int {
	switch size {
	case "", "medium":
		return 127 // 7 of 24 bits
	case "large":
		return 511 // 9 of 32 bits
	}
	return -1
}
