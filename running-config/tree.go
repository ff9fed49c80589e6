// Package runningconfig is the configuration of one device: a typed tree, its
// defaults, snapshots and files. It knows no syntax: package modes binds the
// grammar of IOS to these fields, and that binding both parses and prints.
//
// An absent line means what IOS means; the zero value of a field is therefore
// "not configured", and defaults are applied by readers through the methods
// of defaults.go. Names between objects are kept as typed and resolved when
// the configuration is compiled: a paste may refer to what comes later.
package runningconfig

import (
	"net/netip"

	"coterie/internal/secret"
)

// Config is the whole tree. Lists keep the order in which `show
// running-config` prints them; objects in them are pointers, so that an open
// configuration mode edits its object in place.
type Config struct {
	Frame      Frame
	Hostname   string
	DomainName string
	Logging    Logging
	Clock      Clock
	Platform   Platform
	AAA        AAA
	Archive    *Archive // nil without `archive`
	Exclusive  string   // configuration mode exclusive: "", "auto", "manual"

	PKI           PKI
	ISAKMP        ISAKMP
	TransformSets []*TransformSet
	IPsecProfiles []*IPsecProfile
	IPsecLifetime Lifetime // crypto ipsec security-association lifetime
	Groups        []*Group
	CryptoMaps    []*CryptoMap
	Interfaces    []*Interface
	Routes        []Route
	AccessLists   []*AccessList
	Lines         []*Line
	GDOITraps     []string  // snmp-server enable traps gdoi ...
	Stanzas       []*Stanza // sections without an engine: router bgp, class-map ...
}

// Frame is what every real configuration carries and this device only keeps:
// each is parsed, printed back and said once to have no effect.
type Frame struct {
	Version      string // version 15.4
	Services     []Service
	BootMarkers  bool // boot-start-marker / boot-end-marker
	ControlPlane bool
	// NoDomainLookup is `no ip domain lookup`.
	NoDomainLookup bool
	// Kept are top-level lines without an engine, as they print: "ip cef",
	// "no ip http server". Each command owns the lines that begin with its words.
	Kept []string
}

// Service is one `service ...` line; No is `no service ...`.
type Service struct {
	No   bool
	Text string // "timestamps log datetime msec"
}

// Platform holds our own knobs.
type Platform struct {
	Profile       string // "", "ios-xe", "ios-15.4"; "" is native
	PhaseOneDOI   int    // 0: 2
	TEKIDLength   int    // 0: 2
	SigDigestInfo bool
	// Of an acknowledgement: the length that its key is made with, and whether
	// the IV of the KEK is left out.
	AckDigestLength bool
	AckWithoutIV    bool
	TBARMetadata    bool // time-based anti-replay in a header of its own
	RekeyPace       RekeyPace
}

// RekeyPace is how unicast rekeys leave a key server: to so many members, and to
// as many again every so many seconds. Zero is DefaultRekeyPace.
type RekeyPace struct {
	Unpaced          bool // to all of them at once
	Members, Seconds int
}

// ISAKMP is phase 1.
type ISAKMP struct {
	Disabled           bool            // no crypto isakmp enable
	Policies           []*ISAKMPPolicy // by priority
	Keys               []ISAKMPKey
	Keepalive          Keepalive
	Identity           string // "", "hostname", "dn"
	InvalidSPIRecovery bool
	Fragmentation      bool
	AggressiveDisable  bool
	Keyrings           []*Keyring
	Profiles           []*ISAKMPProfile
}

// ISAKMPPolicy is `crypto isakmp policy N`.
type ISAKMPPolicy struct {
	Priority       int
	Encryption     string // "": des; "3des", "aes", "aes 192", "aes 256"
	Hash           string // "": sha; "md5", "sha256", "sha384", "sha512"
	Authentication string // "": rsa-sig; "pre-share", "rsa-encr", "ecdsa-sig"
	Group          int    // 0: 1
	Lifetime       int    // s, 0: 86400
}

// ISAKMPKey is `crypto isakmp key ... address ...`.
type ISAKMPKey struct {
	Key      secret.Bytes
	Type6    bool
	Address  netip.Addr   // with Mask; 0.0.0.0 alone is the wildcard
	Mask     netip.Addr   // invalid: host (or the wildcard for 0.0.0.0)
	Hostname string       // instead of an address
	IPv6     netip.Prefix // instead of an address
	NoXAuth  bool
}

// Keepalive is `crypto isakmp keepalive`; zero Interval: off.
type Keepalive struct {
	Interval, Retry int // s
	Periodic        bool
}

// TransformSet is `crypto ipsec transform-set`.
type TransformSet struct {
	Name   string
	Cipher string // "esp-aes", "esp-aes 256", "esp-gcm 256", "esp-null", ""
	Auth   string // "esp-sha-hmac", ...; "" with gcm and gmac
	AH     string
	LZS    bool   // comp-lzs
	ESN    bool   // esn
	Mode   string // "": tunnel (printed), "transport", "transport require"
}

// Lifetime of security associations; zero is the default.
type Lifetime struct {
	Seconds     int // 0: 3600
	Days        int
	Kilobytes   int
	NoKilobytes bool // kilobytes disable
}

// IPsecProfile is `crypto ipsec profile`.
type IPsecProfile struct {
	Name          string
	Description   string
	TransformSets []string
	Lifetime      Lifetime
	ReplayDisable bool
	ReplayWindow  int
	PFS           string
	ISAKMPProfile string
	Kept          []string // other lines, verbatim
}

// Group is `crypto gdoi group` or `crypto gkm group`, one object either way.
type Group struct {
	Name                  string
	IPv6                  bool   // `group ipv6 NAME`
	Family                string // "gdoi" or "gkm": the word typed
	Identity              Identity
	Servers               []Server // server address ..., in order
	Local                 *LocalServer
	Passive               bool
	NoBypassPolicy        bool
	RegistrationInterface string   // client registration interface
	RecoveryCheck         int      // s
	RekeyCiphers          []string // client rekey encryption
	RekeyHashes           []string // client rekey hash
	TransformSets         []string // client transform-sets
	FailCloseRevert       bool
	Kept                  []string // other lines, verbatim
}

// Identity is `identity number N` or `identity address ipv4 A`.
type Identity struct {
	Set     bool
	Number  int64
	Address netip.Addr
}

// Server is one `server address ipv4` or `server hostname`.
type Server struct {
	Address  netip.Addr // IPv4 or IPv6
	Hostname string
	IPv6     bool // of the address that Hostname stands for
}

// LocalServer is `server local`.
type LocalServer struct {
	Address               netip.Addr // address ipv4
	Authorization         string     // authorization address ipv4 NAME
	AuthorizationIdentity string     // authorization identity NAME
	RekeyAddress          string     // rekey address ipv4 ACL
	RekeyAlgorithm        string     // "": 3des-cbc; "des-cbc", "aes 128", ...
	RekeySigHash          string     // "": sha
	RekeyKey              string     // rekey authentication mypubkey rsa LABEL
	RekeyLifetime         Lifetime   // Seconds or Days; 0: 86400
	Retransmit            Retransmit
	Unicast               bool
	Acknowledgement       string     // "": cisco
	SAs                   []*GroupSA // sa ipsec N, by number
	ReceiveOnly           bool
	Redundancy            *Redundancy
	Size                  string // group size
	Identifier            *Identifier
	RegistrationInterface string
	RegistrationCRL       string   // registration periodic crl trustpoint NAME
	Kept                  []string // other lines, verbatim
}

// Retransmit is `rekey retransmit`; zero: 10 s, 2.
type Retransmit struct {
	Interval int // s
	Number   int
	Periodic bool
}

// GroupSA is `sa ipsec N`.
type GroupSA struct {
	Number  int
	Profile string
	ACL     string // match address ipv4
	Replay  Replay
	Tag     bool // tag cts sgt
}

// Replay is `replay counter`, `replay time` or `no replay`; zero: counter, 64.
type Replay struct {
	Disabled bool
	Counter  int // window, 64 ... 1024
	Time     int // window, s
}

// Redundancy is stored; nothing is served until cooperation exists.
type Redundancy struct {
	Priority int // 0: 1
	Peers    []netip.Addr
	Version  string
	PDU      int
}

// CryptoMap is all lines of one map name.
type CryptoMap struct {
	Name         string
	Entries      []*CryptoMapEntry // by sequence
	IPv6         bool              // crypto map ipv6 M
	LocalAddress string            // crypto map M local-address IF
	FailClose    *FailClose
}

// CryptoMapEntry is `crypto map M SEQ gdoi`.
type CryptoMapEntry struct {
	Sequence    int
	Family      string // "gdoi", "gkm" or "ipsec-isakmp"
	Group       string
	ACL         string // match address
	Description string
	Kept        []string // other lines, verbatim
}

// FailClose is `crypto map M gdoi fail-close`.
type FailClose struct {
	ACL      string
	Activate bool
}

// Interface is one interface under its canonical name, "Ethernet0/0".
type Interface struct {
	Name                string // printed as first typed: type spelling of the user
	Description         string
	Addresses           []InterfaceAddress // primary first
	NoAddress           bool
	Shutdown            bool
	NoShutdown          bool // typed explicitly; prints nothing
	CryptoMap           string
	MapRedundancy       string // crypto map M redundancy NAME
	MTU, IPMTU          int
	AdjustMSS           int
	Bandwidth           int
	Delay               int
	Duplex, Speed       string
	LoadInterval        int
	VRF                 string
	OldVRF              bool // `ip vrf forwarding` rather than `vrf forwarding`
	AccessIn, AccessOut string
	Kept                []string  // lines without an engine, verbatim
	Sections            []*Stanza // cts manual
}

// InterfaceAddress is `ip address A M [secondary]`.
type InterfaceAddress struct {
	Address   netip.Addr
	Mask      netip.Addr
	Secondary bool
}

// Route is `ip route`.
type Route struct {
	VRF          string
	Prefix, Mask netip.Addr
	Interface    string
	NextHop      netip.Addr
	Distance     int // 0: 1
	Name         string
	Permanent    bool
	Tag          uint32
	Track        int // object that must be up; 0: none
}

// AccessList is a standard or extended IPv4 access list, named or numbered.
type AccessList struct {
	Name     string
	Extended bool
	Numbered bool  // entered as access-list N ...
	Entries  []ACE // by sequence
	index    entryIndex
}

// ACE is one entry.
type ACE struct {
	Sequence int
	Remark   string // instead of the rest
	Permit   bool
	Protocol string // "ip", "udp", "89"; "" in a standard list
	Src, Dst Endpoint
	Options  []string // established, log, icmp types ...: kept, in printing order
}

// Endpoint is one side of an ACE.
type Endpoint struct {
	Any      bool
	Host     bool
	Addr     netip.Addr
	Wildcard netip.Addr // invalid with Any, Host, or a bare standard address
	PortOp   string     // "", eq, neq, lt, gt, range
	Ports    []uint16
}

// Line is `line con 0`, `line aux 0` or `line vty 0 4`.
type Line struct {
	Kind        string // "con", "aux", "vty"; "" of a service module
	First, Last int
	ExecTimeout string // "10 0" as typed
	LoggingSync bool
	Login       string // "", "login", "no login", "login local"
	Transport   string // of `transport input`: "ssh", "telnet ssh", "all", "none"
	Privilege   int
	Password    Password // type 0 or 7
	StopBits    string   // "1", "1.5", "2"
	Kept        []string
}

// Stanza is a section that is only kept: its first line, then its lines and
// sections as they print, without indentation.
type Stanza struct {
	Header string // "router bgp 65001"
	Lines  []string
	Subs   []*Stanza // address-family ipv4, class NAME; printed after Lines
}
