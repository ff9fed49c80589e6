package member

import (
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/internal/syslog"
)

const (
	// senderIDs is how many a registration asks for: one for each part of the
	// data plane that counts packets on its own.
	senderIDs = 1
	// A member without a sender ID for a counter mode registers again after
	// senderPause, and each time without success after twice as long.
	senderPause     = 10 * time.Second
	senderDoublings = 5
)

// counterMode says whether a TEK among these needs a sender ID.
func counterMode(teks []policy.TEK) bool {
	return slices.ContainsFunc(teks, func(t policy.TEK) bool { return t.Transform.CounterMode() })
}

// takeSenderIDs puts the sender IDs of a registration in force, for every TEK
// at once. Without any, no counter mode encrypts from here on: the ID of an
// earlier registration may belong to somebody else by now. The width is fixed
// for the life of a TEK (RFC 6054 section 3): one that has begun with another
// does not encrypt either.
func (h *holding) takeSenderIDs(ids policy.SenderIDs) {
	h.sids = ids
	h.bindSenders()
}

// bindSenders fixes the width of TEKs that are new.
func (h *holding) bindSenders() {
	for i := range h.teks {
		if t := &h.teks[i]; t.Transform.CounterMode() && t.sidBits == 0 {
			t.sidBits = h.sids.Bits
		}
	}
}

// sender is the sender ID under which a TEK encrypts; 0 bits is none.
func (h *holding) sender(t *heldTEK) (id uint32, bits uint8) {
	if !t.Transform.CounterMode() || len(h.sids.Values) == 0 || h.sids.Bits == 0 || t.sidBits != h.sids.Bits {
		return 0, 0
	}
	return h.sids.Values[0], h.sids.Bits
}

// canEncrypt says whether a TEK may encrypt as far as sender IDs go.
func (h *holding) canEncrypt(t *heldTEK) bool {
	if !t.Transform.CounterMode() {
		return true
	}
	_, bits := h.sender(t)
	return bits > 0
}

// lacksSender is the first current TEK that waits for a sender ID, or nil.
func (h *holding) lacksSender() *heldTEK {
	seen := make(map[int]bool)
	for i := range h.teks {
		t := &h.teks[i]
		if !seen[t.SA] && !t.ReceiveOnly && h.ruled(t.SA) && !h.canEncrypt(t) {
			return t
		}
		seen[t.SA] = true
	}
	return nil
}

// planSender draws when to register again for want of a sender ID, if that is
// sooner than planned.
func (m *Machine) planSender(now time.Time) {
	t := m.lacksSender()
	if t == nil {
		m.senderTries = 0
		return
	}
	pause := senderPause * time.Duration(1<<min(m.senderTries, senderDoublings)-1)
	m.again(now.Add(pause + time.Duration(m.env.Below(int64(senderPause)))))
}

// missedSender counts a registration that brought no sender ID where one is
// needed, and says so.
func (m *Machine) missedSender() {
	if t := m.lacksSender(); t != nil {
		m.senderTries++
		m.log(syslog.GMNoSenderID.With(m.group(), m.registered, transformName(t.Transform)))
	}
}

// numbersLow registers again while there are numbers left to send with: that gives
// another sender ID, or the TEK that is in force by now. Once for each SA and
// sender ID: where it gives neither, asking again does not help.
func (m *Machine) numbersLow(now time.Time, spi uint32) {
	i := m.find(spi)
	if i < 0 {
		return
	}
	t := &m.teks[i]
	if id, _ := m.sender(t); !t.worn || t.wornSender != id {
		t.worn, t.wornSender, m.numbersDue = true, id, true
		m.log(syslog.GMNumbersLow.With(m.group(), spi))
		m.again(now.Add(time.Duration(m.env.Below(int64(senderPause)))))
	}
}

// again plans to register again at a time, unless that is due sooner.
func (m *Machine) again(at time.Time) {
	if m.reRegisterAt.IsZero() || at.Before(m.reRegisterAt) {
		m.reRegisterAt = at
	}
}
