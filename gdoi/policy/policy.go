// Package policy holds the values a key server and its members share: what is
// encrypted and how, which keys are live, how rekeys travel, and the timing
// rules of GET VPN. Pure values; no machine, no wire format.
package policy

import (
	"net/netip"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/secret"
	"coterie/xfrm"
)

// Version is the GET VPN software version we announce and show: the feature
// level whose screens and behaviour are followed (`show crypto gdoi feature`).
const Version = "1.0.27"

// GroupID is the group's identity on the wire: a number (ID_KEY_ID, four
// octets) or an IPv4 address (ID_IPV4_ADDR). Comparable.
type GroupID struct {
	Number  uint32
	Address netip.Addr // valid: `identity address ipv4`
}

// GroupSize is how many bits of the IV of a counter mode name the sender
// (`group size`; RFC 6054 section 3), and how many of them the key server.
type GroupSize struct{ Bits, ServerBits uint8 }

// Sizes of IOS: small 8, 12 or 16 leave no bits to tell key servers apart.
var (
	SizeSmall8  = GroupSize{8, 0}
	SizeSmall12 = GroupSize{12, 0}
	SizeSmall16 = GroupSize{16, 0}
	SizeMedium  = GroupSize{24, 7} // the default
	SizeLarge   = GroupSize{32, 9}
)

// Members is how many sender IDs one key server identifier has. Number 0 of
// each is not left out; the last one of `large` and `medium` is.
func (s GroupSize) Members() uint32 { return 1<<(s.Bits-s.ServerBits) - 1 }

// SenderID puts a key server identifier and a number together.
func (s GroupSize) SenderID(server, number uint32) uint32 {
	return server<<(s.Bits-s.ServerBits) | number
}

// SenderIDs are what a member was given: values right-aligned in Bits bits. The
// zero value is none.
type SenderIDs struct {
	Bits   uint8
	Values []uint32
}

// KEK is the key that protects rekeys.
type KEK struct {
	SPI       [16]byte
	Cipher    suite.Cipher
	IV, Key   secret.Bytes
	SigHash   suite.Hash
	SigKey    []byte // DER SubjectPublicKeyInfo of the key server's RSA key
	Created   time.Time
	Lifetime  time.Duration
	AckWanted bool // RFC 8263 KEK_ACK_REQUESTED
	// AckHash is the hash of the acknowledgement: SHA256, also when zero, or SHA512.
	AckHash suite.Hash
}

// Expires is the end of the KEK's life.
func (k KEK) Expires() time.Time { return k.Created.Add(k.Lifetime) }

// TEK is the key that protects traffic: one SPI for all ACEs of a `sa ipsec`.
type TEK struct {
	SA          int // number of the `sa ipsec`
	SPI         uint32
	Transform   suite.Transform
	CipherKey   secret.Bytes
	AuthKey     secret.Bytes
	Created     time.Time
	Lifetime    time.Duration
	Transport   bool
	Replay      Replay
	ACEs        []xfrm.ACE
	ReceiveOnly bool
}

// Expires is the end of the TEK's life.
func (t TEK) Expires() time.Time { return t.Created.Add(t.Lifetime) }

// Replay is the anti-replay method of a `sa ipsec`. Counter is stored and
// shown, never enforced on a group SA: with a second sender it would drop traffic.
type Replay struct {
	Method        ReplayMethod
	CounterWindow int           // 64 ... 1024
	TimeWindow    time.Duration // 1 s ... 100 s
	Encoding      xfrm.TBAR     // of ReplayTime
}

// ReplayMethod is none, counter or time.
type ReplayMethod uint8

// Replay methods.
const (
	ReplayCounter ReplayMethod = iota // the default, window 64
	ReplayTime
	ReplayNone
)

// The timing rules of GET VPN: what key servers and members of IOS were measured to do.

// KEKMargin is how long before its end a KEK is replaced.
func KEKMargin(life time.Duration, retransmit time.Duration, count, members int, unicast bool) time.Duration {
	return max(200*time.Second, max(60*time.Second, life/20)+life/50) + pacing(retransmit, count, members, unicast)
}

// TEKMargin is how long before its end a TEK is replaced. The unicast pacing
// is left out where it would leave the TEK almost no life.
func TEKMargin(life time.Duration, retransmit time.Duration, count, members int, unicast bool) time.Duration {
	base := max(90*time.Second, max(60*time.Second, life/20)+life/50)
	if m := base + pacing(retransmit, count, members, unicast); m < life*9/10 {
		return m
	}
	return base
}

// pacing is P*N + 5 s per started batch of 50 members.
func pacing(retransmit time.Duration, count, members int, unicast bool) time.Duration {
	if !unicast {
		return 0
	}
	return retransmit*time.Duration(count) + 5*time.Second*time.Duration((members+49)/50)
}

// ReRegisterMargin is how long before the end of its TEK a member that saw no
// rekey registers again; jitter is drawn from [0, 2% of life].
func ReRegisterMargin(life, jitter time.Duration) time.Duration {
	return max(60*time.Second, life/20) + min(jitter, life/50)
}

// ShortenedLife is what is left of an old TEK after a rekey with new policy:
// MIN(remaining, MAX(90 s, MIN(5 % of configured, 3600 s))).
func ShortenedLife(remaining, configured time.Duration) time.Duration {
	return min(remaining, max(90*time.Second, min(configured/20, time.Hour)))
}
