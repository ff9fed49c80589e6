// Package keyserver is the GDOI key server of one appliance: a pure machine
// that answers GROUPKEY-PULL registrations (RFC 6407 section 3), makes and
// replaces KEKs and TEKs on the schedule of GET VPN, and sends GROUPKEY-PUSH
// rekeys (section 4) with retransmission, acknowledgement (RFC 8263) and
// ejection of members that stay silent.
//
// The machine holds all groups of the appliance. It is not safe for
// concurrent use, never blocks, reads no clock and does no input or output:
//
//	m := keyserver.New(env)
//	m.Step(now, keyserver.Configure{Config: cfg})
//	for _, o := range m.Drain() { ... }  // Persist before Send, in order
//	m.Next()                             // when to Step a Tick; zero: never
//
// A Snapshot may be read from any goroutine once it has been taken.
//
// # What is served when
//
// A group has keys from the moment its configuration is complete. Members get
// the policy in force: what was configured at the last rekey. An edit is only
// announced (POLICY_CHANGE) and goes out with the next rekey, scheduled or by
// command; a group that has become incomplete refuses registrations and goes
// on rekeying its members with the policy in force.
//
// Without an RSA key, or without a destination for multicast rekeys, there is
// no KEK: members get TEKs alone, a new generation is made at the usual margin,
// and they find it when they register again.
//
// A rekey names all current TEKs, so that each one stands alone. Old TEKs stay
// until they end: they are offered to new members and shown as superseded; a
// change of policy shortens them (policy.ShortenedLife), replace-now drops
// them. A new KEK travels under the old one, which goes on being retransmitted
// and acknowledged beside whatever is sent under the new one.
//
// A member that an edited authorization shuts out turns the next rekey into a
// removal of all (docs/adr/003-shutting-a-member-out.md). With one member in
// the group that does not speak our extensions, every rekey is written for it.
//
// # What survives a crash
//
// Keys and sequence numbers are on disk before anything that they cover leaves
// (Persist); members may lag (PersistLater). Restore, before the first
// Configure, brings them back: a group goes on, under its KEK with the first
// number that was not reserved, as soon as one of its name and identity is
// complete, and all its members are sent the policy in force again. Where
// anything is missing or damaged, or the RSA key is another one, it starts with
// new keys, and a line says why.
//
// Acknowledgements are authenticated by a key that all members share (RFC 8263
// KEK forms): a member can forge another's.
package keyserver

import (
	"crypto"
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/pki"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// Config is all that one appliance serves, compiled from its configuration.
type Config struct {
	Groups []Group // sorted by name
	Form   wire.Form
	// KeyLog asks for a PlainPush of every rekey, for captures of a lab.
	KeyLog bool
}

// Group is one `crypto gdoi group` with `server local`.
type Group struct {
	Name    string
	ID      policy.GroupID
	Address netip.Addr // address ipv4: where this KS answers
	Port    uint16     // 848
	// Incomplete names what is missing or unresolved; such a group refuses
	// registrations and says why (KS_INCOMPLETE_CFG).
	Incomplete string
	Rekey      Rekey
	SAs        []SA // by number
	// Authorized holds the ACL of `authorization address ipv4`; nil: everyone.
	Authorized []xfrm.ACE
	// Identities is `authorization identity`; nil: everyone. With both, a member
	// needs both.
	Identities *pki.IdentityList
	// Interfaces are the addresses of `registration interface`: registrations
	// that arrive elsewhere are refused (UNREGISTERED_INTERFACE); nil: anywhere.
	Interfaces []netip.Addr
	// Size and Identifiers are `group size` and `identifier`: how sender IDs are
	// made for counter modes. Without an identifier this key server has none to
	// give, but in a small group, where there are none.
	Size            policy.GroupSize // zero: medium
	Identifiers     []uint32         // sorted
	ReceiveOnly     bool
	Acknowledgement string // "Cisco", "Interoperable", "Any", as shown
	// Revocation is `registration periodic crl`: with every new list, all members
	// have to authenticate again.
	Revocation Revocation
}

// Revocation names a list of revoked certificates.
type Revocation struct {
	Trustpoint string // "": none is watched
	List       string // which of its lists is in force; "" before the first
}

// Rekey is the rekey part of `server local`.
type Rekey struct {
	Unicast    bool
	Multicast  netip.AddrPort // destination in multicast transport
	Cipher     suite.Cipher
	SigHash    suite.Hash
	KeyLabel   string
	Signer     crypto.Signer // nil: KS_NO_RSA_KEYS, no rekey is possible and no KEK is made
	SPKI       []byte        // DER of the signer's public key
	Lifetime   time.Duration // KEK
	Retransmit time.Duration
	Count      int // retransmissions after the first copy
	Periodic   bool
	Pace       Pace // of unicast
}

// SA is one `sa ipsec N`, every name resolved.
type SA struct {
	Number    int
	Profile   string
	ACLName   string
	ACEs      []xfrm.ACE
	Transform suite.Transform
	Lifetime  time.Duration // TEK
	Transport bool
	Replay    policy.Replay
}

// ClearWhat is the object of a clear command.
type ClearWhat uint8

// Objects of `clear crypto gdoi`.
const (
	ClearAll            ClearWhat = iota // clear crypto gdoi: members and keys
	ClearMembers                         // ks members: they keep their keys a while and register again
	ClearMembersNow                      // ks members now: they drop everything at once
	ClearPolicy                          // ks policy: new keys from the configuration as it is
	ClearReplay                          // ks replay: a new pseudotime epoch and new TEKs
	ClearReplayCounter                   // ks replay counter: counters only
	ClearMemberCounters                  // ks members counters: of what each was sent
)

// Record is one durable fact of a group. An empty Value deletes it. Values hold
// keys in the clear: whoever stores them seals them.
type Record struct {
	Group, Key string
	Value      []byte
}

// Input is anything the machine reacts to.
type Input interface{ keyserverInput() }

type (
	// Configure replaces the configuration: groups are added, removed, or
	// marked as changed (POLICY_CHANGE). Members get the new policy with the
	// next rekey; a registering member gets the policy in force.
	Configure struct{ Config Config }
	// Phase2 is a GROUPKEY-PULL message on a phase 1 that the peer opened.
	Phase2 struct{ isakmp.Phase2 }
	// Ack is a GROUPKEY-PUSH ACK datagram (exchange 35). Data is the caller's
	// again after Step.
	Ack struct {
		Local, Remote netip.AddrPort
		Data          []byte
	}
	// RekeyNow is `crypto gdoi ks rekey [group] [replace-now]`; "" is every group.
	RekeyNow struct {
		Group      string
		ReplaceNow bool
	}
	// Clear is a `clear crypto gdoi [group G] ...` that concerns a key server.
	Clear struct {
		Group string // "": every group
		What  ClearWhat
	}
	// Restore brings back, before the first Configure, what was stored: every
	// record, and how much time has passed since the latest was written (0 when
	// that cannot be told). With Lost, the store was missing or damaged: nothing
	// of before is used again, and that is logged.
	Restore struct {
		Records []Record
		Elapsed time.Duration
		Lost    string // why; "": nothing is missing
	}
	// Tick says that Next has come.
	Tick struct{}
	// Done brings the result of a Compute (a signature).
	Done struct{ env.JobDone }
	// Persisted says that the Persist of this number is on disk, or why not.
	Persisted struct {
		Number uint64
		Err    error
	}
	// Notified is a notify on an SA that a member opened: it rejects the
	// policy it was offered.
	Notified struct{ isakmp.Notified }
)

func (Configure) keyserverInput() {}
func (Phase2) keyserverInput()    {}
func (Ack) keyserverInput()       {}
func (RekeyNow) keyserverInput()  {}
func (Clear) keyserverInput()     {}
func (Restore) keyserverInput()   {}
func (Tick) keyserverInput()      {}
func (Done) keyserverInput()      {}
func (Persisted) keyserverInput() {}
func (Notified) keyserverInput()  {}

// Output is anything the machine wants done, in order; Persist before Send.
type Output interface{ keyserverOutput() }

type (
	// Send is one PUSH datagram.
	Send struct {
		Local, Remote netip.AddrPort
		Data          []byte
	}
	// ToISAKMP is an Exchange2, Accept or Refuse for the phase-2 message answered.
	ToISAKMP struct{ Input isakmp.Input }
	// Compute is work for elsewhere: a signature.
	Compute struct{ env.Job }
	// Persist are records to store, together, before the outputs behind it.
	Persist struct {
		Number  uint64
		Records []Record
	}
	// PersistLater are records that may be lost in a crash: the database of
	// members. They are on disk within a second; a later record of the same
	// group and key replaces an earlier one.
	PersistLater struct{ Records []Record }
	// Log is a line for the log.
	Log struct{ syslog.Message }
	// PlainPush is the PUSH just sent with its E flag cleared, for captures
	// (no dissector knows the static IV of a KEK), only with Config.KeyLog.
	PlainPush struct {
		Local, Remote netip.AddrPort
		Data          []byte
	}
)

func (Send) keyserverOutput()         {}
func (ToISAKMP) keyserverOutput()     {}
func (Compute) keyserverOutput()      {}
func (Persist) keyserverOutput()      {}
func (PersistLater) keyserverOutput() {}
func (Log) keyserverOutput()          {}
func (PlainPush) keyserverOutput()    {}

// Snapshot is every group as show commands see it, sorted by name.
type Snapshot struct {
	Groups   []GroupSnapshot
	Counters Counters
}

// GroupSnapshot is one served group. Durations are as of At.
type GroupSnapshot struct {
	At      time.Time
	Config  Group // without its Signer
	Changed bool  // policy edited since the last rekey
	HasKEK  bool
	KEK     KEKSnapshot
	TEKs    []TEKSnapshot // newest first within each `sa ipsec`
	Seq     uint32        // last used under this KEK
	// SeqReserved is the first number that is not stored as used; 0: none is.
	SeqReserved uint32
	Members     MemberTree
	// Rekey statistics.
	RekeysSent, Retransmits uint64
	LastRetransmits         uint64
	LastRekey               time.Time
	LastRekeyDuration       time.Duration
	RetransmitRemaining     time.Duration // 0 when none is going on
	RegistrationsAfterRekey uint64
	SenderIDs               SenderIDSnapshot
	Replay                  ReplaySnapshot
}

// SenderIDSnapshot is `show crypto gdoi ks identifier`: which sender IDs were
// given out under the present keys.
type SenderIDSnapshot struct {
	CounterMode bool // a transform of the group needs them
	Size        policy.GroupSize
	Identifiers []uint32 // configured
	Current     uint32   // key server identifier in use, or the next one
	Next        uint32   // next number under it
	Used        []uint32 // identifiers whose numbers are all used
	Epoch       uint64   // re-initializations
	Left        bool     // something to give is left
	InUse       bool     // a number of Current has been given out
	Remaining   uint64   // numbers that are left
}

// ReplaySnapshot is `show crypto gdoi ks replay`.
type ReplaySnapshot struct {
	Enabled  bool // a `sa ipsec` has `replay time`
	Value    xfrm.Pseudotime
	NextSync time.Duration
	Sent     uint64 // messages that carried it
	Resyncs  uint64 // PUSHes for it alone
}

// MemberTree iterates the members in order of address; the snapshot is O(1).
type MemberTree interface {
	Len() int
	Ascend(func(MemberSnapshot) bool)
	Get(netip.Addr) (MemberSnapshot, bool)
}

// KEKSnapshot is the live KEK without its key.
type KEKSnapshot struct {
	SPI                 [16]byte
	Cipher              suite.Cipher
	SigHash             suite.Hash
	SigKeyLength        int // octets of the DER public key
	SigSize             int // octets of a signature
	Lifetime, Remaining time.Duration
	TimeToRekey         time.Duration
}

// TEKSnapshot is one TEK without its keys.
type TEKSnapshot struct {
	SA                           int
	SPI                          uint32
	Transform                    suite.Transform
	ACLName                      string
	Lifetime, Remaining, Elapsed time.Duration
	TimeToRekey                  time.Duration // negative: superseded, "n/a"
	Replay                       policy.Replay
	Superseded                   bool
}

// MemberSnapshot is one registered member.
type MemberSnapshot struct {
	Address  netip.Addr // registration address
	Remote   netip.AddrPort
	Version  string // "1.0.27" from its information, "unknown"
	Hostname string
	Foreign  bool // does not speak our extensions
	// The sender IDs of the last registration: SIDCount of them from SenderID on.
	SenderID                                       uint32
	SIDBits                                        uint8 // 0: none
	SIDCount                                       uint8
	Registered                                     time.Time
	RekeysSent, RekeyRetries, AcksRcvd, AcksMissed uint64
	SentSeq, RcvdSeq                               [4]uint32 // newest first
}

// Counters count what the machine dropped and why.
type Counters struct {
	PullsReceived, UnknownGroup, Unauthorized, HashFail, Malformed uint64
	AcksReceived, AcksUnsolicited, AcksBad                         uint64
}
