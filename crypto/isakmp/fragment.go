package isakmp

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// Cisco's IKE fragments: a message that IP would fragment goes in several
// datagrams, each with the header of the message (but for the next payload and
// the flags) and one payload of type 132:
//
//	|          Fragment ID          |  Fragment #   |     Flags     |   then data
//
// The data of all are the whole message, its own header included. Both sides
// announce them by Vendor ID.
const (
	fragmentLen  = 4 // of the fields above
	lastFragment = 0x01
	// fragmentDatagram is what fits in an IP packet of 576 octets, behind the
	// headers of IP and UDP.
	fragmentDatagram = 576 - 28
	fragmentData     = fragmentDatagram - HeaderLen - genericLen - fragmentLen
	maxFragments     = 255
)

// Bounds of what is put together. Only a peer that has returned our cookie has
// any of it.
const (
	maxFragmentSets   = 4       // at a time, of one SA
	maxFragmentOctets = 4 << 20 // of all peers
	fragmentLife      = 10 * time.Second
)

// Fragment is the body of a fragment payload.
type Fragment struct {
	ID     uint16
	Number uint8 // from 1
	Last   bool
	Data   []byte
}

// ParseFragment reads the body; Data aliases it.
func ParseFragment(body []byte) (Fragment, error) {
	var f Fragment
	var flags uint8
	s := cryptobyte.String(body)
	if !s.ReadUint16(&f.ID) || !s.ReadUint8(&f.Number) || !s.ReadUint8(&flags) || f.Number == 0 || len(s) == 0 {
		return Fragment{}, malformed("fragment of %d octets", len(body))
	}
	f.Last, f.Data = flags&lastFragment != 0, s
	return f, nil
}

// Append appends the body of the fragment payload.
func (f Fragment) Append(b []byte) []byte {
	flags := uint8(0)
	if f.Last {
		flags = lastFragment
	}
	return append(append(binary.BigEndian.AppendUint16(b, f.ID), f.Number, flags), f.Data...)
}

// sendSA sends one message to the peer of an SA, in fragments when it is long
// and both sides take them. The same message has the same fragments again.
func (m *Machine) sendSA(sa *phaseOne, data []byte) {
	if !sa.fragments || len(data) <= fragmentDatagram || len(data) > maxFragments*fragmentData {
		m.send(sa.peer, data)
		return
	}
	digest := sha256.Sum256(data)
	f := Fragment{ID: max(1, binary.BigEndian.Uint16(digest[:]))}
	h, _, err := ParseHeader(data)
	if err != nil {
		panic("isakmp: " + err.Error()) // it is of our own making
	}
	h.Next, h.Flags = PayloadFragment, 0
	for rest := data; len(rest) > 0; {
		n := min(len(rest), fragmentData)
		f.Number++
		f.Data, rest = rest[:n], rest[n:]
		f.Last = len(rest) == 0
		h.Length = uint32(HeaderLen + genericLen + fragmentLen + n)
		b, err := AppendPayload(h.Append(nil), PayloadNone, f.Append(nil))
		if err != nil {
			panic("isakmp: " + err.Error()) // a fragment is short
		}
		m.send(sa.peer, b)
	}
}

// fragmentTable holds the messages that are not whole yet. Its zero value is
// empty.
type fragmentTable struct {
	sets   map[*phaseOne][]*fragmentSet // oldest first
	octets int                          // of memory
}

// fragmentSet is one message in pieces.
type fragmentSet struct {
	id      uint16
	parts   []Fragment // as they came
	seen    [maxFragments + 1]bool
	highest uint8
	last    uint8 // number of the last; zero while it is unknown
	octets  int   // of data
	cost    int   // of memory
	timer   *timer
}

// What a set and a fragment take beside the data.
const (
	fragmentSetCost = 512
	fragmentCost    = 64
)

// receiveFragment takes one fragment, and the whole message with the last that
// was missing. The initiator's message 1 and the answer to it are never in
// pieces: who has not returned a cookie costs us no memory.
func (m *Machine) receiveFragment(p peer, h Header, body []byte) {
	m.count.Fragments++
	sa := m.find(p, h)
	if sa == nil || !sa.fragments || sa.state < iMM2 {
		m.count.FragmentsDropped++
		return
	}
	list, err := m.payloads(PayloadFragment, body)
	if err != nil || len(list) != 1 {
		m.count.FragmentsDropped++
		return
	}
	f, err := ParseFragment(list[0].Body)
	if err != nil {
		m.count.FragmentsDropped++
		return
	}
	data := m.fragments.add(m, sa, f)
	if data == nil {
		return
	}
	whole, body, err := ParseHeader(data)
	if err != nil || whole.Next == PayloadFragment || whole.InitiatorCookie != h.InitiatorCookie ||
		whole.ResponderCookie != h.ResponderCookie || int(whole.Length) != len(data) {
		m.count.Malformed++
		return
	}
	m.dispatch(p, whole, body, sha256.Sum256(data))
}

// add enters a fragment and returns the message when it is whole.
func (t *fragmentTable) add(m *Machine, sa *phaseOne, f Fragment) []byte {
	var set *fragmentSet
	for _, s := range t.sets[sa] {
		if s.id == f.ID {
			set = s
		}
	}
	switch {
	case set == nil:
		if len(t.sets[sa]) >= maxFragmentSets {
			t.drop(m, sa, t.sets[sa][0])
		}
		set = &fragmentSet{id: f.ID, cost: fragmentSetCost}
		t.octets += set.cost
		if t.sets == nil {
			t.sets = make(map[*phaseOne][]*fragmentSet)
		}
		t.sets[sa] = append(t.sets[sa], set)
		set.timer = m.after(fragmentLife, func() { t.drop(m, sa, set) })
	case set.seen[f.Number]:
		m.count.Duplicates++
		return nil
	}
	cost := fragmentCost + len(f.Data)
	if set.last != 0 && (f.Last || f.Number > set.last) || f.Last && f.Number < set.highest ||
		set.octets+len(f.Data) > maxDatagram || t.octets+cost > maxFragmentOctets {
		t.drop(m, sa, set) // it is not one message, or too much
		return nil
	}
	f.Data = append([]byte(nil), f.Data...)
	set.parts = append(set.parts, f)
	set.seen[f.Number] = true
	set.highest = max(set.highest, f.Number)
	set.octets += len(f.Data)
	set.cost += cost
	t.octets += cost
	if f.Last {
		set.last = f.Number
	}
	if len(set.parts) != int(set.last) {
		return nil
	}
	slices.SortFunc(set.parts, func(a, b Fragment) int { return int(a.Number) - int(b.Number) })
	data := make([]byte, 0, set.octets)
	for _, part := range set.parts {
		data = append(data, part.Data...)
	}
	t.remove(m, sa, set)
	return data
}

// drop gives an incomplete message up.
func (t *fragmentTable) drop(m *Machine, sa *phaseOne, set *fragmentSet) {
	m.count.FragmentsDropped += uint64(max(1, len(set.parts)))
	t.remove(m, sa, set)
}

func (t *fragmentTable) remove(m *Machine, sa *phaseOne, set *fragmentSet) {
	m.timers.stop(set.timer)
	t.octets -= set.cost
	var rest []*fragmentSet
	for _, s := range t.sets[sa] {
		if s != set {
			rest = append(rest, s)
		}
	}
	if len(rest) > 0 {
		t.sets[sa] = rest
	} else {
		delete(t.sets, sa)
	}
}

// forget drops what an SA that goes has in pieces.
func (t *fragmentTable) forget(m *Machine, sa *phaseOne) {
	for len(t.sets[sa]) > 0 {
		t.drop(m, sa, t.sets[sa][0])
	}
}
