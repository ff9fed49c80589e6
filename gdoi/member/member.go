// Package member is the group member of GET VPN (RFC 6407): it registers with
// the key servers of its list by GROUPKEY-PULL, hands policy and keys to the
// data plane, takes rekeys by GROUPKEY-PUSH and acknowledges them (RFC 8263),
// changes over from an old TEK to a new one, and registers again when rekeys
// stay away.
//
// The machine is pure: Step, Next, Drain, Snapshot, one owner, no clock. What
// the policies on the wire mean is in the comment of package wire.
package member

import (
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// Config is one member: a (VRF, group, registration source).
type Config struct {
	Key        xfrm.GroupKey
	ID         policy.GroupID
	Servers    []netip.Addr // ordered key-server list
	Port       uint16       // 848
	VRF        string       // forwarding VRF name, "" prints as "default" in logs and None on screens
	Interfaces []string     // that carry the map, for screens
	MapName    string
	// RegistrationInterface is where multicast rekeys are joined.
	RegistrationInterface string
	// LocalACL says that an entry of the map has an access list of its own.
	LocalACL bool
	// Incomplete names what is missing (GM_INCOMPLETE_CFG): no registration.
	Incomplete string
	Passive    bool
	Hostname   string // told to the key server
	Form       wire.Form
	// Filters; empty: any.
	RekeyCiphers []suite.Cipher
	RekeyHashes  []suite.Hash
	Transforms   []suite.Transform
	// FailClose says that the crypto map is fail-close and active;
	// FailCloseRevert is `client fail-close revert`. Without the latter the map
	// stays open when the policy of a member that had registered runs out: an
	// empty group is then installed in its place.
	FailClose, FailCloseRevert bool
	// RecoveryCheck is `client recovery-check interval`; zero: off.
	RecoveryCheck time.Duration
}

// Input is anything the machine reacts to.
type Input interface{ memberInput() }

type (
	// Configure replaces the configuration; a change of group, server list or
	// source re-registers, any other does not.
	Configure struct{ Config Config }
	// PhaseOneUp and PhaseOneFailed answer the Connect this machine asked for.
	PhaseOneUp     struct{ isakmp.PhaseOneUp }
	PhaseOneFailed struct{ isakmp.PhaseOneFailed }
	// Phase2 is a GROUPKEY-PULL message of an exchange this machine started.
	Phase2 struct{ isakmp.Phase2 }
	// Phase2Failed ends such an exchange.
	Phase2Failed struct{ isakmp.Phase2Failed }
	// Notified is a notify on the SA this machine registers over, or a peer's
	// INVALID-SPI on any.
	Notified struct{ isakmp.Notified }
	// Push is a GROUPKEY-PUSH datagram whose cookies are one of KEKSPIs. Data is
	// not to be changed.
	Push struct {
		Local, Remote netip.AddrPort
		Data          []byte
	}
	// Installed says that Install number N is in the data plane, or why not.
	Installed struct {
		Number uint64
		Err    error
	}
	// Clear is `clear crypto gdoi` or `clear crypto sa`: drop all and register again.
	Clear struct{}
	// DataError is an incident of the data plane that may mean that this member
	// has missed something, InvalidSPI or ReplayFailed under its group; or
	// NumbersLow, after which it needs another sender ID or TEK.
	DataError struct{ xfrm.Event }
	// Direction is `crypto gdoi gm group G ipsec direction`; nil takes it back.
	Direction struct{ Override *xfrm.Direction }
	// Stop leaves the group: everything is removed from the data plane.
	Stop struct{}
	// Tick says that Next has come.
	Tick struct{}
)

func (Configure) memberInput()      {}
func (PhaseOneUp) memberInput()     {}
func (PhaseOneFailed) memberInput() {}
func (Phase2) memberInput()         {}
func (Phase2Failed) memberInput()   {}
func (Notified) memberInput()       {}
func (Push) memberInput()           {}
func (Installed) memberInput()      {}
func (Clear) memberInput()          {}
func (DataError) memberInput()      {}
func (Direction) memberInput()      {}
func (Stop) memberInput()           {}
func (Tick) memberInput()           {}

// Output is anything the machine wants done, in order.
type Output interface{ memberOutput() }

type (
	// Connect, exchanges, Abandon for isakmp; its Owner is filled in by the
	// control loop.
	ToISAKMP struct{ Input isakmp.Input }
	// Install replaces the group in the data plane; answered by Installed.
	Install struct {
		Number uint64
		Group  xfrm.Group
	}
	// Remove deletes the group from the data plane.
	Remove struct{ Key xfrm.GroupKey }
	// Send is a GROUPKEY-PUSH ACK; it follows a successful Install.
	Send struct {
		Local, Remote netip.AddrPort
		Data          []byte
	}
	// Join asks for the multicast datagrams of rekeys on the registration
	// interface; an invalid Group leaves the one joined before. It comes again
	// with the same Group when the interfaces or their VRF have changed.
	Join struct{ Group netip.AddrPort }
	// Log is a line for the log.
	Log struct{ syslog.Message }
)

func (ToISAKMP) memberOutput() {}
func (Join) memberOutput()     {}
func (Install) memberOutput()  {}
func (Remove) memberOutput()   {}
func (Send) memberOutput()     {}
func (Log) memberOutput()      {}

// Snapshot is the member as show commands see it. Durations are as of At.
type Snapshot struct {
	At     time.Time
	Config Config
	// Status is "Registered", "Registering" or "Not Registered", as IOS prints.
	Status                  string
	Server                  netip.Addr    // registered with, or trying
	ReRegistersIn           time.Duration // 0 when not registered
	Attempted, Succeeded    uint64
	Failed                  uint64 // attempts that ended without keys
	LastRekeyFrom           netip.Addr
	LastRekeySeq            uint32
	LastRekeyAt             time.Time
	RekeysReceived          uint64 // cumulative, unicast and multicast
	RekeysAfterRegistration uint64
	AcksSent                uint64
	Direction               xfrm.Direction
	HasKEK                  bool
	KEK                     KEKSnapshot
	PreviousKEK             *KEKSnapshot
	TEKs                    []TEKSnapshot // newest first
	ACEs                    []xfrm.ACE    // downloaded, in order
	Counters                Counters
	SenderIDs               policy.SenderIDs // in use for counter modes
	SenderIDsRequested      int              // at the last registration
	Clock                   xfrm.PseudoClock
	Pseudotime              xfrm.Pseudotime // at At
	Recoveries              uint64          // registrations that recovery-check began
	RecoveriesPostponed     uint64          // and that it put off
}

// KEKSnapshot is a downloaded KEK without its key.
type KEKSnapshot struct {
	SPI          [16]byte
	Cipher       suite.Cipher
	SigHash      suite.Hash
	SigKeyLength int // octets of the DER public key
	SigKey       []byte
	Remaining    time.Duration
	Unicast      bool
	Src, Dst     netip.Addr
	ConnID       uint32
}

// TEKSnapshot is a downloaded TEK without its keys.
type TEKSnapshot struct {
	SPI       uint32
	Transform suite.Transform
	Remaining time.Duration
	Replay    policy.Replay
	Transport bool
	Outbound  bool // encrypts now
}

// Counters count what the machine dropped and why.
type Counters struct {
	HashFail, Malformed, PolicyRejected, PushSignature, PushSequence, PushUnknownKEK, PushDuplicate, PushMalformed uint64
	// PushBusy counts rekeys dropped unread: too many before had a bad signature.
	PushBusy uint64
}
