package runningconfig

// Keyring is `crypto keyring`.
type Keyring struct {
	Name         string
	VRF          string
	Description  string
	LocalAddress string // interface or address
	Keys         []ISAKMPKey
	Kept         []string // other lines, verbatim
}

// ISAKMPProfile is `crypto isakmp profile`. It is stored: phase 1 follows the
// policies and keys of global configuration.
type ISAKMPProfile struct {
	Name string
	Kept []string // its lines, verbatim
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
