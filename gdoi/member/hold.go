package member

import (
	"net/netip"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"
)

// changeoverGuard is how long before its end an old TEK stops encrypting: the
// clocks of members differ by what a message takes to reach them.
const changeoverGuard = 3 * time.Second

// holding is what the member has downloaded.
type holding struct {
	keks     []heldKEK // current first, then the one before it
	teks     []heldTEK // newest first
	rules    []rule    // the policy, in order
	sids     policy.SenderIDs
	lastConn uint32
}

// heldKEK is a KEK with its replay state.
type heldKEK struct {
	policy.KEK
	conn    uint32 // conn-id on screens
	unicast bool
	lastSeq uint32
	// recent are the last rekeys accepted and what acknowledged them.
	recent   []accepted
	src, dst netip.Addr // of rekeys, as the SAK says
	port     uint16     // of dst
}

// heldTEK is a TEK and when it does what.
type heldTEK struct {
	policy.TEK
	life   time.Duration // when it was new here: for the margins
	end    time.Time     // it decrypts until then
	active time.Time     // it encrypts from then on
	older  bool          // downloaded as an older generation: see wire
	// sidBits is the width of the sender IDs of a counter mode, 0 before it has
	// had one.
	sidBits uint8
	// worn says that a registration was asked for because the numbers of this
	// SA were nearly used up under sender ID wornSender.
	worn       bool
	wornSender uint32
}

// rule is one ACE of the policy and the `sa ipsec` whose TEK protects it.
type rule struct {
	xfrm.ACE
	sa int
}

func (h *holding) wipe() {
	h.dropKEKs()
	for i := range h.teks {
		h.teks[i].wipe()
	}
}

// dropKEKs wipes and forgets every KEK: no rekey under one of them counts.
func (h *holding) dropKEKs() {
	for i := range h.keks {
		h.keks[i].wipe()
	}
	h.keks = nil
}

// route takes the addresses of a SAK.
func (k *heldKEK) route(p wire.Policy) {
	k.unicast, k.src, k.dst, k.port = p.Unicast(), p.Server.Addr(), p.Rekey.Addr(), p.Rekey.Port()
}

func (k *heldKEK) wipe() {
	k.IV.Wipe()
	k.Key.Wipe()
}

func (t *heldTEK) wipe() {
	t.CipherKey.Wipe()
	t.AuthKey.Wipe()
}

// next is the first time after t at which something about the keys changes.
func (h *holding) next(t time.Time) time.Time {
	var next time.Time
	take := func(at time.Time) {
		if at.After(t) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	for _, k := range h.teks {
		take(k.active)
		take(k.end.Add(-changeoverGuard))
		take(k.end)
	}
	for _, k := range h.keks {
		take(k.Expires())
	}
	return next
}

// expire drops and wipes what has ended; it says whether a TEK was among it.
func (h *holding) expire(now time.Time) (tek bool) {
	h.keks = slices.DeleteFunc(h.keks, func(k heldKEK) bool {
		gone := !k.Expires().After(now)
		if gone {
			k.wipe()
		}
		return gone
	})
	h.teks = slices.DeleteFunc(h.teks, func(t heldTEK) bool {
		gone := !t.end.After(now)
		if gone {
			t.wipe()
			tek = true
		}
		return gone
	})
	return tek
}

func (h *holding) find(spi uint32) int {
	return slices.IndexFunc(h.teks, func(t heldTEK) bool { return t.SPI == spi })
}

func (h *holding) spis() (out []uint32) {
	for _, t := range h.teks {
		out = append(out, t.SPI)
	}
	return out
}

// outbound is the SPI that encrypts for an `sa ipsec`, zero when none can: the
// newest active one with more than a moment left, else the newest of all. A
// counter mode without a sender ID never encrypts.
func (h *holding) outbound(sa int, now time.Time) uint32 {
	for i := range h.teks {
		if t := &h.teks[i]; t.SA == sa && !t.older && !t.active.After(now) && t.end.After(now.Add(changeoverGuard)) && h.canEncrypt(t) {
			return t.SPI
		}
	}
	for i := range h.teks {
		if t := &h.teks[i]; t.SA == sa && !t.older && t.end.After(now) && h.canEncrypt(t) {
			return t.SPI
		}
	}
	return 0
}

// receiveOnly says whether the current TEKs are all receive-only (`sa
// receive-only` on the key server).
func (h *holding) receiveOnly() bool {
	for _, r := range h.rules {
		if !r.Permit {
			continue
		}
		for _, t := range h.teks {
			if t.SA == r.sa {
				if !t.ReceiveOnly {
					return false
				}
				break
			}
		}
	}
	return len(h.teks) > 0
}

// change is one message's effect on the traffic keys.
type change struct {
	policy wire.Policy
	pull   bool // by registration, else by rekey
	// replaceNow: the rekey deletes TEKs and brings new ones.
	replaceNow bool
	remove     func(spi uint32) bool // TEKs a Delete names; nil: none
}

// apply takes the TEKs and rules of a message. Nothing is wiped before the
// whole message has been found good: the caller has checked all of it.
func (h *holding) apply(now time.Time, c change) {
	p := c.policy
	if c.remove != nil {
		h.teks = slices.DeleteFunc(h.teks, func(t heldTEK) bool {
			named := slices.ContainsFunc(p.TEKs, func(n policy.TEK) bool { return n.SPI == t.SPI })
			gone := c.remove(t.SPI) && !named
			if gone {
				t.wipe()
			}
			return gone
		})
	}
	if !p.HasTEKs {
		if p.DTD != nil {
			h.shorten(now.Add(*p.DTD), nil)
		}
		return
	}
	delay := wire.DefaultActivationDelay
	switch {
	case p.ATD != nil:
		delay = *p.ATD
	case c.pull, c.replaceNow:
		delay = 0
	}
	current := make(map[int]uint32)
	var fresh, olderOnes []heldTEK
	for _, t := range p.TEKs {
		_, older := current[t.SA]
		if !older {
			current[t.SA] = t.SPI
		}
		n := heldTEK{TEK: t, life: t.Lifetime, end: t.Expires(), active: now.Add(delay)}
		n.ACEs = nil // they are in rules
		if older {
			// It may encrypt only where the key server asks for a delay.
			n.older, n.active = delay == 0, now
			n.ReceiveOnly = false
		}
		if i := h.find(t.SPI); i >= 0 {
			was := h.teks[i]
			n.life, n.active, n.older, n.sidBits = was.life, was.active, was.older && older, was.sidBits
			n.worn, n.wornSender = was.worn, was.wornSender
			if older {
				n.ReceiveOnly = was.ReceiveOnly
			}
			h.teks[i].wipe()
			h.teks = slices.Delete(h.teks, i, i+1)
		}
		if older {
			olderOnes = append(olderOnes, n)
		} else {
			fresh = append(fresh, n)
		}
	}
	h.teks = slices.Concat(fresh, olderOnes, h.teks)
	if !c.pull { // a registration brings sender IDs of its own
		h.bindSenders()
	}
	slices.SortStableFunc(h.teks[len(fresh):], func(a, b heldTEK) int { return b.end.Compare(a.end) })
	if p.DTD != nil {
		h.shorten(now.Add(*p.DTD), current)
	}
	h.rules = nil
	for _, t := range p.Current() {
		for _, a := range t.ACEs {
			h.rules = append(h.rules, rule{a, t.SA})
		}
	}
}

// shorten ends every TEK by end, but for the current ones.
func (h *holding) shorten(end time.Time, current map[int]uint32) {
	for i := range h.teks {
		t := &h.teks[i]
		if current[t.SA] != t.SPI && end.Before(t.end) {
			t.end = end
		}
	}
}
