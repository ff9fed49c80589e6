package esp

import (
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"

	"coterie/xfrm"
)

// A Sequence is what this member has counted under one key: packets, and the IVs
// of a counter mode under each sender ID it has had. It only moves forward: keep
// it for as long as the key may come back, since an IV used twice under a counter
// mode gives the plain text away. The sequence number of ESP and the counter in
// the IV are two things: with time in the former, only the latter counts.
type Sequence struct {
	last atomic.Uint64

	mu  sync.Mutex
	ivs map[uint64]*atomic.Uint64 // last counter by sender prefix
}

// Last is how many packets were numbered: without TBARSequence the sequence
// number of the latest, 0 before the first.
func (q *Sequence) Last() uint64 { return q.last.Load() }

// counter is that of the IVs under prefix, the same one every time.
func (q *Sequence) counter(prefix uint64) *atomic.Uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.ivs[prefix]
	if c == nil {
		if q.ivs == nil {
			q.ivs = map[uint64]*atomic.Uint64{}
		}
		c = new(atomic.Uint64)
		q.ivs[prefix] = c
	}
	return c
}

// next takes a number from 1 up to limit.
func next(counter *atomic.Uint64, limit uint64) (uint64, error) {
	for {
		n := counter.Load()
		if n >= limit {
			return 0, ErrExhausted
		}
		if counter.CompareAndSwap(n, n+1) {
			return n + 1, nil
		}
	}
}

// lastSequence is the last ESP sequence number: they never begin again under
// one key (RFC 4303 section 3.3.3).
const lastSequence = math.MaxUint32

// A sender is this member's share of the IVs of a counter mode (RFC 6054
// section 3): the sender ID in the most significant bits, a counter below.
type sender struct {
	prefix  uint64
	limit   uint64 // last counter value that may be used
	counter *atomic.Uint64
}

// SetSender sets this member's sender ID, right-aligned in the bits most
// significant bits of the IV of a counter mode. Each ID counts for itself from
// 1, and goes on where it stopped when it comes back. bits 0, or an ID that does
// not fit, leaves the SA unable to encrypt; CBC and NULL need no sender.
func (s *SA) SetSender(id uint32, bits uint8) {
	if s.aead == nil || bits == 0 || bits > 32 || bits < 32 && id>>bits != 0 {
		s.sender.Store(nil)
		return
	}
	prefix := uint64(id) << (64 - bits)
	if from := s.sender.Load(); from != nil && from.prefix == prefix && from.limit == lastCounter(bits) {
		return
	}
	s.sender.Store(&sender{prefix: prefix, limit: lastCounter(bits), counter: s.sequence.counter(prefix)})
}

// lastCounter is the last value of a counter below a sender ID of bits bits; the
// greatest that would fit is never used.
func lastCounter(bits uint8) uint64 { return uint64(1)<<(64-bits) - 2 }

// LowNumbers is how many are few: enough for a registration with each key server of
// a list at a million packets a second.
const LowNumbers = 1 << 27

// Left is how many packets Seal may still send: 0 for a counter mode without a
// sender ID. The clock that time-based anti-replay needs is not asked. Until a key is new, or in a counter mode the sender ID, it only falls.
func (s *SA) Left() uint64 {
	left := remaining(&s.sequence.last, s.lastNumber())
	if s.aead == nil {
		return left
	}
	from := s.sender.Load()
	if from == nil {
		return 0
	}
	return min(left, remaining(from.counter, from.limit))
}

func remaining(counter *atomic.Uint64, limit uint64) uint64 {
	if n := counter.Load(); n < limit {
		return limit - n
	}
	return 0
}

// lastNumber is how many packets may be numbered.
func (s *SA) lastNumber() uint64 {
	if r := s.replay.Load(); r != nil && r.tbar == xfrm.TBARSequence {
		return math.MaxUint64
	}
	return lastSequence
}

// number counts one packet, and its IV under a counter mode.
func (s *SA) number() (seq, iv uint64, err error) {
	var from *sender
	if s.aead != nil {
		if from = s.sender.Load(); from == nil {
			return 0, 0, ErrNoSenderID
		}
	}
	if seq, err = next(&s.sequence.last, s.lastNumber()); err != nil {
		return 0, 0, err
	}
	if from != nil {
		if iv, err = next(from.counter, from.limit); err != nil {
			return 0, 0, err
		}
		iv |= from.prefix
	}
	return seq, iv, nil
}

// writeIV writes the IV of a counter mode, or makes one for CBC.
func (s *SA) writeIV(w *worker, b []byte, iv uint64) {
	switch {
	case s.aead != nil:
		binary.BigEndian.PutUint64(b, iv)
	case s.ivCipher != nil:
		clear(w.iv[:])
		binary.BigEndian.PutUint64(w.iv[8:], s.ivCounter.Add(1))
		s.ivCipher.Encrypt(w.iv[:], w.iv[:])
		copy(b, w.iv[:s.ivLen])
	}
}
