package virtual

import (
	"sync/atomic"

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
	counterCount
)

type counters [counterCount]atomic.Uint64

func (c *counters) snapshot() xfrm.Counters {
	return xfrm.Counters{
		Encrypt: c[encrypted].Load(), Decrypt: c[decrypted].Load(),
		NoSASend: c[noSASend].Load(), InvalidSARcv: c[invalidSARcv].Load(),
		EncapsFail: c[encapsFail].Load(), DecapFail: c[decapFail].Load(),
		InvalidProtRcv: c[invalidProtRcv].Load(), VerifyFailRcv: c[verifyFailRcv].Load(),
		InternalErrSend: c[internalErrSend].Load(), InternalErrRcv: c[internalErrRcv].Load(),
		NotIPSecRcv: c[notIPSecRcv].Load(),
	}
}

func (c *counters) clear() {
	for i := range c {
		c[i].Store(0)
	}
}

// hits count the packets that matched an ACE.
type hits struct{ outbound, inbound atomic.Uint64 }

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
