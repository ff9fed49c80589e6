package isakmp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// stage is a pair of machines stopped before a message is delivered: the
// receiver is in the state that awaits it.
type stage struct {
	w    *wire
	next Send
}

// stages are the runs stopped before each of their datagrams: main mode, a
// phase-2 exchange of two messages, an Informational.
func stages(t testing.TB) []stage {
	var out []stage
	for stop := 1; stop <= stageCount; stop++ {
		out = append(out, stageAt(t, stop))
	}
	return out
}

const stageCount = 9

func stageAt(t testing.TB, stop int) stage {
	w := standardPair(t)
	n := 0
	var at Send
	w.deliver = func(s Send) []Send {
		if n++; n < stop {
			return []Send{s}
		}
		if n == stop {
			at = s
		}
		return nil
	}
	w.upper = func(a netip.AddrPort, p Phase2) {
		if a == ksAddr && n < stop {
			w.step(ksAddr, Exchange2{SA: p.SA.ID, Exchange: ExchangePull, MessageID: p.MessageID, First: PayloadHash, Payloads: hashed(t, p.SA, p.MessageID, "an answer")})
		}
	}
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.flush()
	if n < stop {
		gm := must[PhaseOneUp](w, gmAddr).SA
		question(w, gm, 9)
		w.flush()
		if n < stop {
			w.step(gmAddr, Clear{SA: gm.ID})
			w.flush()
		}
	}
	if n < stop {
		t.Fatalf("no message %d", stop)
	}
	return stage{w, at}
}

func (s stage) give(data []byte) {
	s.w.step(s.next.Remote, Datagram{Local: s.next.Remote, Remote: s.next.Local, Data: data})
}

// Each message truncated at every octet, and with each of its lengths wrong:
// dropped without an answer longer than itself, and the right message, which
// comes afterwards, is still taken.
func TestHostileLengths(t *testing.T) {
	for i, s := range stages(t) {
		good := s.next.Data
		m := s.w.nodes[s.next.Remote]
		var bad [][]byte
		for n := range good {
			bad = append(bad, good[:n])
			cut := bytes.Clone(good[:n])
			if n >= HeaderLen { // an honest header length, a cut chain
				binary.BigEndian.PutUint32(cut[24:], uint32(n))
				bad = append(bad, cut)
			}
		}
		for _, length := range []uint32{0, 1, 27, 28, 65535, 1 << 31, 1<<32 - 1} {
			b := bytes.Clone(good)
			binary.BigEndian.PutUint32(b[24:], length)
			bad = append(bad, b)
		}
		for _, length := range []uint16{0, 1, 65535} { // of the first payload
			b := bytes.Clone(good)
			binary.BigEndian.PutUint16(b[HeaderLen+2:], length)
			bad = append(bad, b)
		}
		s.w.sent = nil
		before := len(m.byCookies)
		for _, b := range bad {
			sent := len(s.w.sent)
			s.give(b)
			for _, answer := range s.w.sent[sent:] {
				if len(answer.Data) > len(b) {
					t.Fatalf("stage %d: %d octets answered %d", i+1, len(answer.Data), len(b))
				}
			}
			if p, ok := take[Phase2](s.w, s.next.Remote); ok { // a cut chain may still be one
				s.w.step(s.next.Remote, Refuse{SA: p.SA.ID, MessageID: p.MessageID})
			}
		}
		if got := len(m.byCookies); got != before {
			t.Errorf("stage %d: %d SAs, before %d", i+1, got, before)
		}
		// Then the right one.
		s.w.deliver = nil
		s.give(good)
		s.w.flush()
		switch {
		case i < 6:
			if len(m.byID) != 1 {
				t.Errorf("stage %d: the right message is not taken any more", i+1)
			}
		case i < 8:
			must[Phase2](s.w, s.next.Remote)
		default:
			must[SADeleted](s.w, s.next.Remote)
		}
	}
}

// A flipped bit in an authenticated message never yields another valid one.
func TestFlippedBits(t *testing.T) {
	for i, s := range stages(t) {
		if i < 4 { // nothing in messages 1 to 4 is authenticated by itself
			continue
		}
		good := s.next.Data
		m := s.w.nodes[s.next.Remote]
		for bit := 8 * HeaderLen; bit < 8*len(good); bit++ {
			b := bytes.Clone(good)
			b[bit/8] ^= 1 << (bit % 8)
			s.give(b)
			if p, ok := take[Phase2](s.w, s.next.Remote); ok {
				if bytes.Equal(p.Payloads, hashed(t, p.SA, p.MessageID, asked)) || bytes.Equal(p.Payloads, hashed(t, p.SA, p.MessageID, "an answer")) {
					continue // the bit was in the padding
				}
				list, err := Payloads(p.First, p.Payloads)
				if err != nil {
					t.Fatal(err)
				}
				id := binary.BigEndian.AppendUint32(nil, p.MessageID)
				if bytes.Equal(list[0].Body, p.SA.PRF(id, p.Payloads[len(list[0].Raw):])) {
					t.Errorf("stage %d: bit %d gives another valid message", i+1, bit)
				}
				s.w.step(s.next.Remote, Refuse{SA: p.SA.ID, MessageID: p.MessageID})
			}
		}
		switch {
		case i == 4:
			// Message 5 ends within a block of padding; the flipped bit may be there.
			if len(m.byID) == 1 && m.all()[0].state == complete && m.count.AuthFail == 0 {
				t.Errorf("stage %d: a forged message was taken", i+1)
			}
		case i == 8:
			none[Notified](s.w, s.next.Remote)
		}
	}
}

// FuzzMachine mutates the message that each state of each role awaits.
func FuzzMachine(f *testing.F) {
	for i := range stageCount {
		f.Add(byte(i), uint16(HeaderLen), []byte{0xff}, uint16(0))
		f.Add(byte(i), uint16(HeaderLen+2), []byte{0, 0}, uint16(0))
		f.Add(byte(i), uint16(0), []byte{}, uint16(30))
	}
	f.Fuzz(func(t *testing.T, which byte, at uint16, change []byte, cut uint16) {
		stop := int(which) % stageCount
		s := stageAt(t, stop+1)
		data := bytes.Clone(s.next.Data)
		for i, x := range change {
			if p := int(at) + i; p < len(data) {
				data[p] ^= x
			} else if len(data) < 4096 {
				data = append(data, x)
			}
		}
		if cut > 0 && int(cut) < len(data) {
			data = data[:cut]
		}
		if len(data) >= HeaderLen && at&1 == 1 { // half of the time the header tells the truth
			binary.BigEndian.PutUint32(data[24:], uint32(len(data)))
		}
		m := s.w.nodes[s.next.Remote]
		s.w.sent = nil
		s.give(data)
		s.give(data)
		s.give(s.next.Data)
		if stop == 0 { // our cookie is not back yet
			for _, a := range s.w.sent {
				if len(a.Data) > max(len(data), len(s.next.Data)) {
					t.Errorf("%d octets answered %d", len(a.Data), len(data))
				}
			}
		}
		if len(m.byCookies) > 2 || len(m.jobs) > 1 || len(m.timers.heap) > 16 {
			t.Errorf("%d SAs, %d jobs, %d timers", len(m.byCookies), len(m.jobs), len(m.timers.heap))
		}
		s.w.deliver = nil
		s.w.upper = nil
		s.w.pass(200e9)
	})
}
