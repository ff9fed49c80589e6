package virtual

import (
	"math"
	"sync/atomic"
	"time"

	"coterie/xfrm"
)

// A counter is one of xfrm.Counters. Those of tagging stay at zero: tags are
// not implemented.
type counter uint8

const (
	encrypted counter = iota
	decrypted
	noSASend
	invalidSARcv
	encapsFail
	decapFail
	invalidProtRcv
	verifyFailRcv
	internalErrSend
	internalErrRcv
	notIPSecRcv
	failCloseSend
	failCloseRcv
	replaySend
	replayRcv
	replayFail
	timeSyncErr
	maxTimeDelta // ms, not packets
	counterCount
)

type counters [counterCount]atomic.Uint64

// delta notes how far apart two pseudotimes were.
func (c *counters) delta(a, b xfrm.Pseudotime) {
	d := uint64(max(a, b) - min(a, b))
	for m := &c[maxTimeDelta]; ; {
		if old := m.Load(); d <= old || m.CompareAndSwap(old, d) {
			return
		}
	}
}

func (c *counters) snapshot() xfrm.Counters {
	return xfrm.Counters{
		Encrypt: c[encrypted].Load(), Decrypt: c[decrypted].Load(),
		NoSASend: c[noSASend].Load(), InvalidSARcv: c[invalidSARcv].Load(),
		EncapsFail: c[encapsFail].Load(), DecapFail: c[decapFail].Load(),
		InvalidProtRcv: c[invalidProtRcv].Load(), VerifyFailRcv: c[verifyFailRcv].Load(),
		InternalErrSend: c[internalErrSend].Load(), InternalErrRcv: c[internalErrRcv].Load(),
		NotIPSecRcv: c[notIPSecRcv].Load(), FailCloseSend: c[failCloseSend].Load(), FailCloseRcv: c[failCloseRcv].Load(),
		ReplaySend: c[replaySend].Load(), ReplayRcv: c[replayRcv].Load(), ReplayFail: c[replayFail].Load(), TimeSyncErr: c[timeSyncErr].Load(),
		MaxTimeDelta: time.Duration(min(c[maxTimeDelta].Load(), math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond,
	}
}

func (c *counters) clear() {
	for i := range c {
		c[i].Store(0)
	}
}

// hits count the packets that matched an ACE.
type hits struct{ outbound, inbound atomic.Uint64 }

func (h *hits) count(outbound bool) {
	if outbound {
		h.outbound.Add(1)
	} else {
		h.inbound.Add(1)
	}
}

// ClearCounters implements xfrm.CounterClearer.
func (d *Dataplane) ClearCounters() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.members {
		m.clear()
	}
}

// ClearGroupCounters implements xfrm.CounterClearer.
func (d *Dataplane) ClearGroupCounters(k xfrm.GroupKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.members[k]; m != nil {
		m.clear()
	}
}

func (m *member) clear() {
	m.counters.clear()
	for _, p := range m.group.policies {
		p.hits.outbound.Store(0)
		p.hits.inbound.Store(0)
	}
	for _, a := range m.group.associations {
		a.sa.ClearCounters()
	}
}
