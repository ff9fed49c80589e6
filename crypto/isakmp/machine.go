package isakmp

import (
	"net/netip"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/internal/syslog"
)

// Exchange types (RFC 2408 section 3.1, RFC 6407, RFC 8263).
const (
	ExchangeMainMode      = 2
	ExchangeAggressive    = 4
	ExchangeInformational = 5
	ExchangePull          = 32
	ExchangePush          = 33
	ExchangePushAck       = 35
)

// Auth is the authentication method of a policy.
type Auth uint8

// Methods. An ECDSA method of phase 1 names curve and hash (RFC 4754).
const (
	PreShared Auth = iota + 1 // authentication pre-share
	RSASig                    // authentication rsa-sig
	ECDSASig                  // authentication ecdsa-sig
)

// Policy is one `crypto isakmp policy`.
type Policy struct {
	Priority int
	Cipher   suite.Cipher
	Hash     suite.Hash
	Group    suite.Group
	Auth     Auth
	Lifetime time.Duration
	// Curve of ECDSASig in bits, 256, 384 or 521, once negotiated: it also names
	// the hash that is signed. Zero in a configuration, where it is that of our
	// certificate.
	Curve int
}

// Keyring is `crypto keyring`, or the keys of global configuration under the
// name "".
type Keyring struct {
	Name  string
	VRF   string       // of the transport; "" is the global table
	Local []netip.Addr // local-address; empty: any
	PSKs  []keys.PSK
}

// Profile is `crypto isakmp profile`: what is special about the peers it
// matches. The most specific match wins, then the first.
type Profile struct {
	Name       string
	Keyring    string // "": every keyring that fits
	Match      []MatchIdentity
	Self       *SelfIdentity // self-identity; nil: the global one
	Trustpoint string        // ca trust-point; "": any
	VRF        string
	Local      []netip.Addr
	DPD        *DPD // keepalive; nil: the global one
}

// MatchIdentity is `match identity ...` of a profile.
type MatchIdentity struct {
	Peer   netip.Prefix // address; invalid otherwise
	VRF    string
	Host   string // host NAME: an FQDN
	Domain string // host domain NAME
	User   string // user NAME: a user FQDN; "@" before a domain of them
	Any    bool   // whoever it is
}

// SelfIdentity is how we name ourselves (`crypto isakmp identity`,
// `self-identity`): by address, by host name, or by the subject of our
// certificate.
type SelfIdentity struct {
	Kind IdentityKind
	Name string // of FQDN and UserFQDN
}

// IdentityKind is the kind of an identity of our own.
type IdentityKind uint8

// Kinds.
const (
	ByAddress IdentityKind = iota // the default
	ByFQDN
	ByUserFQDN
	ByDN
)

// Config is the desired state of the machine. Reconfiguring disturbs no SA;
// a removed key or policy counts from the next phase 1 on.
type Config struct {
	Enabled  bool     // crypto isakmp enable
	Policies []Policy // by priority
	Keyrings []Keyring
	Profiles []Profile
	// Trustpoints that are complete enough to prove or to check something, in
	// order of configuration.
	Trustpoints []*pki.Trustpoint
	Identity    SelfIdentity // crypto isakmp identity
	// Fragmentation allows Cisco's IKE fragments (crypto isakmp fragmentation).
	Fragmentation bool
	// InvalidSPIRecovery opens main mode to tell a peer that it uses an SA that
	// is not here (crypto isakmp invalid-spi-recovery). A peer with an ISAKMP SA
	// is told in any case.
	InvalidSPIRecovery bool
	// PhaseOneDOI is 1 or 2 (`platform gdoi wire phase1-doi`), sent as
	// initiator; any is accepted.
	PhaseOneDOI uint32
	// Accept says whether an unknown peer may open phase 1 to us (a key server
	// is configured). An initiator-only device answers nobody.
	Accept bool
	// Capabilities is the mask sent in our Vendor ID.
	// Zero: none is sent.
	Capabilities uint32
	DPD          DPD
	// KeyLog asks for a KeyLog output with every SA.
	KeyLog bool
}

// DPD is `crypto isakmp keepalive`; zero Interval is off, zero Retry is 2 s.
// A peer that answers neither a probe nor its five
// repetitions is dead. On demand, a peer is
// probed when an exchange starts and nothing was heard for Interval.
type DPD struct {
	Interval, Retry time.Duration
	Periodic        bool
}

// Identity is an ID payload body.
type Identity struct {
	Type     uint8
	Protocol uint8
	Port     uint16
	Data     []byte
}

// SAID names one phase-1 SA within its machine; it is the conn-id of screens.
type SAID uint32

// SA is what an established phase 1 lends to the exchanges above it. It holds
// no key: PRF computes prf(SKEYID_a, parts...).
type SA struct {
	ID            SAID
	Initiator     bool // we opened it
	VRF           string
	Local, Remote netip.AddrPort
	Peer          Identity
	// Certificate of the peer, DER; nil with a pre-shared key.
	Certificate []byte
	// Capabilities is the peer's mask from our Vendor ID; zero with Foreign set.
	Capabilities uint32
	Foreign      bool // the peer did not send our Vendor ID
	PRF          func(parts ...[]byte) []byte
}

// Capability bits of our Vendor ID.
const (
	CapTBAR        = 1 << 0
	CapDenyACE     = 1 << 1
	CapPushAck     = 1 << 2
	CapCOOP        = 1 << 3
	CapTwoOctetTEK = 1 << 4
)

// An Owner is who asked for a phase 1: an opaque number of the caller.
type Owner uint64

// Input is anything the machine reacts to.
type Input interface{ isakmpInput() }

type (
	// Datagram is one UDP datagram of IKE version 1 other than exchanges 33 and
	// 35. Data is the caller's again after Step.
	Datagram struct {
		VRF           string // of the socket; "" is the global table
		Local, Remote netip.AddrPort
		Data          []byte
	}
	// Tick says that Next has come.
	Tick struct{}
	// Configure replaces the configuration.
	Configure struct{ Config Config }
	// Connect asks for an established phase 1 from Local to Remote: PhaseOneUp at once
	// if there is one, else main mode. PhaseOneFailed after messages at
	// 0, 10, 20, 30 s when 40 s have passed.
	Connect struct {
		Owner         Owner
		VRF           string
		Local, Remote netip.AddrPort
	}
	// Abandon withdraws Connect; exchanges of the owner stop being retransmitted.
	Abandon struct{ Owner Owner }
	// Exchange2 starts or continues a phase-2 exchange: Payloads, a chain
	// starting with payload type First, goes out encrypted. It also says that
	// the peer's previous message of this exchange verified.
	Exchange2 struct {
		SA        SAID
		Owner     Owner
		Exchange  uint8
		MessageID uint32
		First     uint8
		Payloads  []byte
		Await     bool // retransmit at 10, 20, 30 s until answered; Phase2Failed at 40 s
	}
	// Accept ends an exchange whose last message verified and needs no answer.
	Accept struct {
		SA        SAID
		MessageID uint32
	}
	// Refuse says that a phase-2 message did not verify (its IV is not
	// committed) or was refused. A non-zero Notify goes out in an
	// authenticated Informational.
	Refuse struct {
		SA        SAID
		MessageID uint32
		Notify    uint16
	}
	// Clear deletes one SA (a Delete is sent), or all of them when All is set.
	Clear struct {
		SA  SAID
		All bool
	}
	// Reauthenticate deletes the SAs that a certificate of the peer's proved,
	// as Clear does: who wants another proves it again.
	Reauthenticate struct{}
	// InvalidSPI says that Remote sent ESP under an SPI that is not here. It is
	// told so by an authenticated notify, a few times a minute at most.
	InvalidSPI struct {
		VRF           string
		Local, Remote netip.AddrPort
		SPI           uint32
	}
	// Done brings the result of a Compute: as it came, or of a signature alone
	// the octets or the error.
	Done struct{ env.JobDone }
)

func (Datagram) isakmpInput()       {}
func (Tick) isakmpInput()           {}
func (Configure) isakmpInput()      {}
func (Connect) isakmpInput()        {}
func (Abandon) isakmpInput()        {}
func (Exchange2) isakmpInput()      {}
func (Accept) isakmpInput()         {}
func (Refuse) isakmpInput()         {}
func (Clear) isakmpInput()          {}
func (Reauthenticate) isakmpInput() {}
func (InvalidSPI) isakmpInput()     {}
func (Done) isakmpInput()           {}

// Output is anything the machine wants done, in order.
type Output interface{ isakmpOutput() }

type (
	// Send is one datagram. Data is not to be changed.
	Send struct {
		VRF           string
		Local, Remote netip.AddrPort
		Data          []byte
	}
	// Compute is work for elsewhere: Diffie-Hellman, or a signature of ours.
	Compute struct{ env.Job }
	// PhaseOneUp answers Connect.
	PhaseOneUp struct {
		Owner Owner
		SA    SA
	}
	// PhaseOneFailed ends Connect without success, 40 s after its first or
	// last message at the soonest. Reason is one of the Reason constants.
	PhaseOneFailed struct {
		Owner  Owner
		Reason string
	}
	// Phase2 hands up one decrypted phase-2 message, as received and without
	// padding. The receiver checks its HASH and answers with Exchange2, Accept
	// or Refuse. Exchange 5 (Informational) is handled inside, but for
	// notifies, which come as Notified.
	Phase2 struct {
		SA        SA
		Owner     Owner // of the exchange, when we started it
		Exchange  uint8
		MessageID uint32
		First     uint8 // type of the first payload
		Payloads  []byte
	}
	// Phase2Failed says that an awaited answer did not come in 40 s, or that
	// its SA is gone.
	Phase2Failed struct {
		SA        SAID
		Owner     Owner
		MessageID uint32
		Reason    string
	}
	// Notified is an authenticated notify from the peer. When Data is the
	// message ID of an exchange we started (a Refuse of ours is told so), Owner
	// and MessageID say which.
	Notified struct {
		SA        SA
		Type      uint16
		Data      []byte
		Owner     Owner
		MessageID uint32
	}
	// SADeleted says that an SA is no more.
	SADeleted struct{ SA SA }
	// Log is a line for the log.
	Log struct{ syslog.Message }
	// KeyLog is the decryption key of one phase 1, only while KeyLog is on.
	KeyLog struct {
		InitiatorCookie [8]byte
		Key             []byte
	}
)

func (Send) isakmpOutput()           {}
func (Compute) isakmpOutput()        {}
func (PhaseOneUp) isakmpOutput()     {}
func (PhaseOneFailed) isakmpOutput() {}
func (Phase2) isakmpOutput()         {}
func (Phase2Failed) isakmpOutput()   {}
func (Notified) isakmpOutput()       {}
func (SADeleted) isakmpOutput()      {}
func (Log) isakmpOutput()            {}
func (KeyLog) isakmpOutput()         {}

// Reasons of PhaseOneFailed and Phase2Failed.
const (
	ReasonNoAnswer       = "no answer"                 // the peer never answered at all
	ReasonStalled        = "peer stopped answering"    // after message 2
	ReasonAuthentication = "authentication failed"     // message 5 stayed unanswered: mostly another pre-shared key
	ReasonNoProposal     = "no proposal chosen"        // as an unauthenticated notify says
	ReasonNoKey          = "no pre-shared key"         // none configured here for the peer
	ReasonNoCertificate  = "no certificate"            // of ours, that a policy could use
	ReasonNoPolicy       = "no usable isakmp policy"   // none configured here
	ReasonDisabled       = "ISAKMP is off"             // no crypto isakmp enable
	ReasonCleared        = "cleared"                   // Clear
	ReasonSAGone         = "the ISAKMP SA was deleted" // by the peer, by its lifetime or by Clear
	ReasonBusy           = "too many exchanges"        // on one SA
	ReasonOver           = "the exchange is over"
	ReasonTooLong        = "message too long" // for one datagram
	ReasonDead           = "peer does not answer DPD"
)

// Snapshot is the machine as show commands see it.
type Snapshot struct {
	Config   Config
	SAs      []SASnapshot // by ID, which is 0 before there are keys
	Counters Counters
}

// SASnapshot is one phase-1 SA, finished or not.
type SASnapshot struct {
	ID            SAID
	Local, Remote netip.AddrPort
	Initiator     bool
	State         string // "MM_NO_STATE", "MM_SA_SETUP", "MM_KEY_EXCH", "GDOI_IDLE"
	Deleted       bool   // prints "ACTIVE (deleted)"
	Policy        Policy
	Created       time.Time
	Expires       time.Time
	Capabilities  uint32
	VRF           string   // of the transport
	Profile       string   // the ISAKMP profile in force, "" without one
	Peer          Identity // proven; its Type is zero before
	DPD           bool     // dead peers are looked for
	Foreign       bool     // the peer did not send our Vendor ID
	Fragments     bool     // both sides take IKE fragments
}

// Counters count what the machine dropped and why.
type Counters struct {
	Received, Sent, Retransmitted, Duplicates                    uint64
	Malformed, UnknownSA, BadCookie, NoProposal, NoKey, AuthFail uint64
	HashFail, HalfOpenEvicted, Unsupported                       uint64
	// Fragments counts those that arrived, FragmentsDropped those that no
	// message came of.
	Fragments, FragmentsDropped uint64
	// Unauthenticated counts notifies and deletes without a valid HASH, none of
	// which changes anything; Busy, messages dropped while too many
	// Diffie-Hellman computations were under way.
	Unauthenticated, Busy uint64
}
