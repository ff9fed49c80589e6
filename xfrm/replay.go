package xfrm

import "time"

// Pseudotime is the clock of a group for time-based anti-replay (TBAR): whole
// milliseconds since the epoch that its first key server chose. It never goes
// backwards on a key server, and has nothing to do with the time of day.
type Pseudotime uint64

// MinPseudotime is where every epoch begins, so that no ESP sequence number
// made from a pseudotime is 0.
const MinPseudotime Pseudotime = 1 << 20

// MaxPseudotime is beyond any clock, and far from where numbers wrap: what is
// later is refused, off the wire and off the disk.
const MaxPseudotime Pseudotime = 1 << 48

// PseudoClock tells a member's pseudotime: At when Base was, and moving with
// the clock that Base was read from. Owed is what it is still ahead of the key
// server: it goes SlewRate slower until that is paid back. Comparable.
type PseudoClock struct {
	At   Pseudotime
	Base time.Time // zero: not synchronized
	Owed time.Duration
}

// SlewRate is how much slower than real time an indebted clock goes, per second.
const SlewRate = 50 * time.Millisecond

// Synchronized says whether the clock has been set.
func (c PseudoClock) Synchronized() bool { return !c.Base.IsZero() }

// Now is the pseudotime at a moment not before Base.
func (c PseudoClock) Now(now time.Time) Pseudotime {
	elapsed := max(now.Sub(c.Base), 0)
	paid := time.Duration(float64(elapsed) * SlewRate.Seconds())
	return c.At + Pseudotime((elapsed - min(paid, max(c.Owed, 0))).Milliseconds())
}

// TBAR is how a sender's pseudotime travels with a packet.
type TBAR uint8

// Encodings of TBAR; their numbers are those of the SAT attribute 32003.
const (
	NoTBAR       TBAR = 0
	TBARMetadata TBAR = 1 // a header of 12 octets inside, ESP next header 99
	TBARSequence TBAR = 2 // the ESP sequence number, in units of 10 ms
)

// FailClose is `crypto map M gdoi fail-close` with `activate`: while a group of
// the map has never been installed, or is no longer, everything but what Exempt
// denies and this member's own UDP 848 is dropped in both directions. Entries
// before that of the missing group decide first, so that a map of several groups
// encrypts for those it has; nothing in the clear gets past the missing one. A
// Group installed without policies counts as installed: it protects nothing and
// lets everything pass.
type FailClose struct {
	ACL    string
	Exempt []ACE // deny: pass in the clear; anything else: drop
}
