package wire

import (
	"net/netip"
	"time"

	"coterie/gdoi/policy"
	"coterie/xfrm"
)

// DefaultActivationDelay is how long a member waits before it encrypts with a
// new TEK when the key server sends no ACTIVATION_TIME_DELAY.
const DefaultActivationDelay = 30 * time.Second

// GAP attributes (RFC 6407 section 5.4.1).
const (
	gapATD        = 1   // ACTIVATION_TIME_DELAY, B, seconds
	gapDTD        = 2   // DEACTIVATION_TIME_DELAY, B, seconds
	gapSIDRequest = 3   // SENDER_ID_REQUEST
	gapPseudotime = 130 // ours: pseudotime, ms, 8 octets
)

const directionReceiver = 2

// Policy is what an SA payload and its KD say together, in the values of
// package policy. A key server fills it and calls Encode; a member gets it
// from DecodeSA and, once the KD is there, AddKeys.
type Policy struct {
	// KEK is nil when the message brings none.
	KEK *policy.KEK
	// Server is the source of rekeys, and Rekey their destination; the
	// unspecified address means unicast.
	Server netip.AddrPort
	Rekey  netip.AddrPort
	// TEKs are in order of their `sa ipsec`, newest first within one: the first
	// of each SA is current and its ACEs are policy, further ones decrypt only.
	TEKs []policy.TEK
	// ATD and DTD are the delays of a GAP, nil when absent.
	ATD, DTD *time.Duration
	// HasTEKs says that the SA lists the traffic policy (it has SATs); without
	// it the policy in force stays.
	HasTEKs bool
	// Pseudotime is the key server's clock when the message was written; nil:
	// absent. It travels in a GAP (attribute 130), also in a PUSH that has
	// nothing else.
	Pseudotime *xfrm.Pseudotime
}

// Unicast says that rekeys go to each member's own address.
func (p Policy) Unicast() bool { return !p.Rekey.Addr().IsValid() || p.Rekey.Addr().IsUnspecified() }

// Current is the current TEK of each `sa ipsec`, in order.
func (p Policy) Current() []policy.TEK {
	var out []policy.TEK
	for i, t := range p.TEKs {
		if firstOf(p.TEKs, i) {
			out = append(out, t)
		}
	}
	return out
}

// firstOf says whether the i-th TEK is the first of its `sa ipsec`.
func firstOf(teks []policy.TEK, i int) bool {
	for _, t := range teks[:i] {
		if t.SA == teks[i].SA {
			return false
		}
	}
	return true
}
