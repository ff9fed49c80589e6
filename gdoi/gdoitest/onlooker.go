package gdoitest

import (
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
)

// Onlooker reads the registrations of one member over its shoulder. What is
// wrong with them the member finds out.
type Onlooker struct {
	// Policy is that of the last message 2, with the keys of message 4 if it has come.
	Policy wire.Policy
	// Registered, if not nil, is called with each message 4 and its sender IDs.
	Registered func(p wire.Policy, ids policy.SenderIDs)

	sa     isakmp.SA
	mid    uint32
	ni, nr []byte
}

// Up is part of Between.
func (l *Onlooker) Up(sa isakmp.SA) { l.sa = sa }

// Sends is part of Between: what the member asks for.
func (l *Onlooker) Sends(in isakmp.Input) isakmp.Input {
	if e, ok := in.(isakmp.Exchange2); ok && e.MessageID != l.mid {
		if m, err := wire.ParsePull1(l.sa.PRF, e.MessageID, e.First, e.Payloads); err == nil {
			l.mid, l.ni, l.nr = e.MessageID, m.Nonce, nil
		}
	}
	return in
}

// Received is part of Between: what the key server answers.
func (l *Onlooker) Received(now time.Time, in isakmp.Phase2) {
	if in.MessageID != l.mid {
		return
	}
	if l.nr == nil {
		if m, err := wire.ParsePull2(in.SA.PRF, l.mid, l.ni, in.First, in.Payloads, wire.Form{}); err == nil {
			if l.Policy, err = wire.DecodeSA(m.SA, now); err == nil {
				l.nr = m.Nonce
			}
		}
		return
	}
	m, err := wire.ParsePull4(in.SA.PRF, l.mid, l.ni, l.nr, in.First, in.Payloads)
	if err != nil || l.Policy.AddKeys(m.KD) != nil {
		return
	}
	if ids, err := wire.SenderIDsOf(m.KD); err == nil && l.Registered != nil {
		l.Registered(l.Policy, ids)
	}
	l.nr = nil
}
