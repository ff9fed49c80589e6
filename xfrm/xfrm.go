// Package xfrm holds what the control plane asks of a data plane: group SAs,
// ordered policies and the counters it reads back, and the classifier that
// every data plane in user space shares. It encrypts nothing itself; see esp
// and virtual.
package xfrm

import (
	"net/netip"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/secret"
)

// PortRange matches ports Lo..Hi; the zero value means any port.
type PortRange struct{ Lo, Hi uint16 }

// ACE is one ordered entry of a group policy or a local exception list.
// Wildcards are already inverted to masks; a mask may be non-contiguous in a
// local list only.
type ACE struct {
	Permit   bool  // permit: encrypt; deny: pass in the clear
	Protocol uint8 // IP protocol, 0 = any
	Src, Dst Match
}

// Match is one side of an ACE: addr&mask, and ports.
type Match struct {
	Addr, Mask netip.Addr // both invalid: any address
	Ports      PortRange
}

// Direction is how an SA treats cleartext and ciphertext
// (`crypto gdoi gm group G ipsec direction`).
type Direction uint8

// Directions.
const (
	Both            Direction = iota // encrypt out, accept ciphertext only
	InboundOnly                      // send clear, accept both (receive-only)
	InboundOptional                  // encrypt out, accept both (passive)
)

// SA is one group security association: the same SPI and keys on every member.
type SA struct {
	SPI       uint32
	Transform suite.Transform
	CipherKey secret.Bytes // with the salt behind it for counter modes
	AuthKey   secret.Bytes
	Expires   time.Time
	Transport bool // transport mode; tunnel mode otherwise
	SenderID  uint32
	SIDBits   uint8 // 0: no sender ID; a counter-mode SA then never encrypts
	// TBAR and Window are time-based anti-replay by the Clock of the group;
	// a packet is refused whose pseudotime differs by more than Window.
	TBAR   TBAR
	Window time.Duration
}

// Group is everything one member wants in the data plane. Installing a Group
// replaces the former one of the same Key; SAs that stay keep their counters
// and sequence numbers.
type Group struct {
	Key       GroupKey
	Direction Direction
	Policies  []Policy // evaluated in order, over all `sa ipsec`
	SAs       []SA     // every usable generation, for decryption
	Clock     PseudoClock
}

// GroupKey names a member: one for each VRF, group and registration address.
type GroupKey struct {
	VRF    string
	Name   string     // group name as configured
	Source netip.Addr // registration address
}

// Policy is one downloaded ACE and the SPI that now encrypts what it permits.
type Policy struct {
	ACE
	SPI uint32 // of a permit
}

// InterfacePolicy is a crypto map on an interface: entries by sequence; in
// each the local ACL, then the ACEs of its group.
type InterfacePolicy struct {
	Interface string
	MapName   string
	Entries   []MapEntry
	FailClose *FailClose // nil: fail-open
}

// MapEntry is one `crypto map M SEQ gdoi`.
type MapEntry struct {
	Sequence int
	Group    GroupKey
	Local    []ACE // deny: clear; permit: drop (GM_ACL_PERMIT)
	// Bypass lists this member's registration addresses and the rekey group:
	// UDP 848 to and from them is always clear, in transit never.
	Bypass []netip.Addr
}

// Dataplane installs what members want. Its methods are called by the control
// goroutine only, except Counters and Snapshot.
type Dataplane interface {
	// SetInterface replaces the crypto map of p.Interface; no entries detach it.
	SetInterface(p InterfacePolicy) error
	// SetGroup installs or replaces a member's SAs and policy.
	SetGroup(g Group) error
	// RemoveGroup deletes all SAs and policy of a member.
	RemoveGroup(k GroupKey) error
	Snapshot() Snapshot
	// Events reports what deserves a log line, rate-limited, until Close.
	Events() <-chan Event
	// Close ends Events. Packets are still handled.
	Close() error
}

// A CounterClearer is a Dataplane whose counters can start again from zero:
// `clear crypto gdoi gm counters`, `clear crypto sa counters`.
type CounterClearer interface {
	// ClearCounters clears those of every group, ACE and SA.
	ClearCounters()
	// ClearGroupCounters clears those of one member.
	ClearGroupCounters(GroupKey)
}

// Counters are those of `show crypto gdoi gm dataplane counters`, per group, in
// packets. "Send" and "Rcv" are as seen from the wire.
type Counters struct {
	Encrypt, Decrypt        uint64
	TaggedSend, UntaggedRcv uint64
	NoSASend                uint64 // a permit without a usable SA: none, expired, no sender ID, no sequence number left
	InvalidSARcv            uint64 // ESP under an SPI that is unknown or expired
	EncapsFail              uint64 // too long, a fragment in transport mode, or a permit in the local list
	DecapFail               uint64 // padding, inner packet, addresses or ECN wrong, or not what the policy encrypts
	InvalidProtRcv          uint64 // ESP carries something that is not IPv4
	VerifyFailRcv           uint64 // integrity check failed
	NotTaggedSend           uint64
	NotUntaggedRcv          uint64
	InternalErrSend         uint64 // not a well-formed IPv4 packet
	InternalErrRcv          uint64 // the same
	NotIPSecRcv             uint64 // clear packets that a permit matches (RECVD_PKT_NOT_IPSEC)
	FailCloseSend           uint64 // dropped while the map was fail-close
	FailCloseRcv            uint64 // the same

	// Of time-based anti-replay, as in `show crypto gdoi gm replay`.
	ReplaySend   uint64        // sent with a pseudotime
	ReplayRcv    uint64        // received with one that passed
	ReplayFail   uint64        // refused: outside the window, or seen before
	TimeSyncErr  uint64        // not sent or refused: own clock not synchronized
	MaxTimeDelta time.Duration // greatest difference between a received pseudotime and our own
}

// SACounters are those of one SPI in `show crypto ipsec sa`.
type SACounters struct {
	SPI              uint32
	Encrypt, Decrypt uint64
}

// Snapshot is the data plane as show commands see it.
type Snapshot struct {
	Groups     []GroupSnapshot   // sorted by key
	Interfaces []InterfacePolicy // sorted by name
}

// GroupSnapshot is one member's installed state, without its keys.
type GroupSnapshot struct {
	Key       GroupKey
	Direction Direction
	Policies  []PolicyCounters
	SAs       []SASnapshot
	Counters  Counters
}

// PolicyCounters is an installed ACE and how many packets matched it.
type PolicyCounters struct {
	Policy
	Outbound, Inbound uint64
}

// SASnapshot is one installed SA.
type SASnapshot struct {
	SPI       uint32
	Transform suite.Transform
	Expires   time.Time
	Counters  SACounters
}

// EventKind is what a data plane reports.
type EventKind uint8

// Kinds of Event.
const (
	ClearReceived EventKind = iota // RECVD_PKT_NOT_IPSEC
	InvalidSPI                     // RECVD_PKT_INV_SPI
	LocalPermit                    // GM_ACL_PERMIT: a permit of a local list dropped a packet
	ReplayFailed                   // TIMEBASED_REPLAY_FAILED
	NumbersLow                     // an SA that encrypts will soon have no sequence number or no IV left
)

// Event is one data-plane incident, at most one per kind and source and 30 s.
// Src and Dst are those of the packet as it was on the wire; NumbersLow has none,
// and is said of each SA.
type Event struct {
	Kind      EventKind
	Interface string
	Src, Dst  netip.Addr
	Protocol  uint8
	SPI       uint32
	// Group is the member whose key or policy the packet concerns; of InvalidSPI
	// it is zero when that cannot be told.
	Group GroupKey
	// Of ReplayFailed: both pseudotimes and the window.
	Own    Pseudotime
	Peer   Pseudotime
	Window time.Duration
}
