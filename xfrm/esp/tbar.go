package esp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"coterie/xfrm"
)

// Time-based anti-replay carries the sender's pseudotime with each packet, in one
// of two ways:
//
//	TBARSequence: the ESP sequence number is the low 32 bits of the pseudotime in
//	units of 10 ms. Packets of the same 10 ms share it, and it says nothing about
//	their number: the IV of a counter mode counts on its own.
//
//	TBARMetadata: ESP carries protocol 99, and in front of the datagram
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	| next header   |version|option | length        | flags         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                 pseudotime, milliseconds (64)                 |
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
//	with version 1, option 1, and the length in words of 4 octets. The next
//	header may be 99 again: option 2 is a security group tag of 8 octets in all,
//	which is skipped.
const (
	protoMetadata    = 99
	metadataVersion  = 1
	optionPseudotime = 1
	optionTag        = 2
	metadataLen      = 12 // octets, with the option of a pseudotime
)

// tick is the unit of the time in a sequence number.
const tick = 10 // ms

// maxWindow is a quarter of the time in which sequence numbers come round.
const maxWindow = (1 << 30) * tick * time.Millisecond

var errTBAR = errors.New("time-based anti-replay that ESP does not have")

// replay is the time-based anti-replay of an SA.
type replay struct {
	tbar   xfrm.TBAR
	window uint64 // ms
}

// CheckReplay refuses an unknown encoding, and a window that is negative or
// passes 124 days.
func CheckReplay(tbar xfrm.TBAR, window time.Duration) error {
	if tbar > xfrm.TBARSequence || tbar != xfrm.NoTBAR && (window < 0 || window > maxWindow) {
		return fmt.Errorf("encoding %d, window %v: %w", tbar, window, errTBAR)
	}
	return nil
}

// SetReplay turns time-based anti-replay on, or off with NoTBAR. IVs that were
// seen are not forgotten. Its error is that of CheckReplay; then nothing changes.
func (s *SA) SetReplay(tbar xfrm.TBAR, window time.Duration) error {
	if err := CheckReplay(tbar, window); err != nil {
		return err
	}
	if tbar == xfrm.NoTBAR {
		s.replay.Store(nil)
		return nil
	}
	r := replay{tbar, uint64(window.Milliseconds())}
	if old := s.replay.Load(); old == nil || *old != r {
		s.replay.Store(&r)
	}
	return nil
}

// metadata says whether the pseudotime travels in front of the datagram.
func (r *replay) metadata() bool { return r != nil && r.tbar == xfrm.TBARMetadata }

// ticks is a pseudotime as a sequence number.
func ticks(t xfrm.Pseudotime) uint32 { return uint32(t / tick) }

// nearest is the pseudotime closest to own whose sequence number is seq, and
// whether it is at most window milliseconds away. Both are counted in whole ticks.
func nearest(seq uint32, own xfrm.Pseudotime, window uint64) (xfrm.Pseudotime, bool) {
	d := int64(int32(seq - ticks(own)))
	t := int64(own/tick) + d
	return xfrm.Pseudotime(max(t, 0)) * tick, uint64(max(d, -d))*tick <= window
}

// within says whether two pseudotimes are at most window milliseconds apart.
func within(a, b xfrm.Pseudotime, window uint64) bool {
	return uint64(max(a, b)-min(a, b)) <= window
}

// writeMetadata puts the header for a pseudotime in front of a datagram.
func writeMetadata(b []byte, next byte, t xfrm.Pseudotime) {
	b[0], b[1], b[2], b[3] = next, metadataVersion<<4|optionPseudotime, metadataLen/4, 0
	binary.BigEndian.PutUint64(b[4:], uint64(t))
}

// parseMetadata takes the metadata headers off a payload: what they say, what is
// behind them, and its protocol. Every option comes at most once, a pseudotime
// must; what is not known is refused. Flags and the octets behind a tag are not
// looked at.
func parseMetadata(b []byte) (t xfrm.Pseudotime, rest []byte, next byte, err error) {
	var seen [optionTag + 1]bool
	for next = protoMetadata; next == protoMetadata; {
		if len(b) < 4 || b[1]>>4 != metadataVersion {
			return 0, nil, 0, ErrMetadata
		}
		option, n := b[1]&15, int(b[2])*4
		switch {
		case option > optionTag, seen[option], n > len(b):
			return 0, nil, 0, ErrMetadata
		case option == optionPseudotime && n == metadataLen:
			t = xfrm.Pseudotime(binary.BigEndian.Uint64(b[4:]))
		case option == optionTag && n == 8:
		default:
			return 0, nil, 0, ErrMetadata
		}
		seen[option] = true
		next, b = b[0], b[n:]
	}
	if !seen[optionPseudotime] {
		return 0, nil, 0, ErrMetadata
	}
	return t, b, next, nil
}
