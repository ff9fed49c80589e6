package virtual

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"coterie/xfrm"
)

// UDP 848 is clear to and from the member itself and to the rekey group, and
// never in transit.
func TestControlExempt(t *testing.T) {
	a, _ := pair(t, aesSHA256)
	for _, c := range []struct {
		name     string
		packet   []byte
		outbound bool
		clear    bool
	}{
		{"registration to a key server", udp("192.168.1.2", 848, "192.168.1.254", 848), true, true},
		{"the answer", udp("192.168.1.254", 848, "192.168.1.2", 848), false, true},
		{"answer from another port", udp("192.168.1.254", 848, "192.168.1.2", 4848), false, true},
		{"multicast rekey received", udp("192.168.1.254", 848, "239.192.1.190", 848), false, true},
		{"multicast rekey forwarded", udp("10.0.0.1", 848, "239.192.1.190", 848), true, true},
		{"transit 848 out", udp("2.2.2.2", 848, "4.4.4.4", 848), true, false},
		{"transit 848 in", udp("4.4.4.4", 848, "2.2.2.2", 848), false, false},
		{"own address, other ports", udp("192.168.1.2", 500, "192.168.1.254", 500), true, false},
		{"to own address, other ports", udp("192.168.1.254", 53, "192.168.1.2", 53), false, false},
		{"rekey group, other ports", udp("192.168.1.254", 53, "239.192.1.190", 53), false, false},
		{"TCP 848 of our own", packet(6, "192.168.1.2", "192.168.1.254", []byte{3, 80, 3, 80, 0, 0}), true, false},
		{"forged own source, inbound", udp("192.168.1.2", 848, "2.2.2.2", 848), false, false},
		{"own address as destination, outbound", udp("2.2.2.2", 848, "192.168.1.2", 848), true, false},
		{"another multicast group", udp("192.168.1.254", 848, "239.192.1.191", 848), false, false},
	} {
		var got bool
		if c.outbound {
			got = one(t, a.Outbound(wire, c.packet))[9] != xfrm.ProtoESP
		} else {
			got = a.Inbound(wire, c.packet) != nil
		}
		if got != c.clear {
			t.Errorf("%s: clear %v, want %v", c.name, got, c.clear)
		}
	}
}

// cut splits a datagram into fragments of size octets of payload.
func cut(p []byte, size int) [][]byte {
	var out [][]byte
	for at := 0; at < len(p)-20; at += size {
		end := min(at+size, len(p)-20)
		f := append(bytes.Clone(p[:20]), p[20+at:20+end]...)
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		field := uint16(at / 8)
		if end < len(p)-20 {
			field |= 0x2000
		}
		binary.BigEndian.PutUint16(f[6:], field)
		xfrm.WriteChecksum(f[:20])
		out = append(out, f)
	}
	return out
}

// A registration message too long for the wire is exempt to its last fragment;
// a stranger's fragments are not.
func TestControlFragments(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, _ := pair(t, aesSHA256)
		own := cut(append(udp("192.168.1.2", 848, "192.168.1.254", 848), make([]byte, 100)...), 48)
		binary.BigEndian.PutUint16(own[0][2:], uint16(len(own[0])))
		for i, f := range own {
			if out := one(t, a.Outbound(wire, f)); !bytes.Equal(out, f) {
				t.Errorf("fragment %d: %x", i, out)
			}
		}
		other := bytes.Clone(own[1])
		other[5]++ // of another datagram
		sealed(t, a, other)
		time.Sleep(fragmentLife)
		sealed(t, a, own[1]) // too late
	})
}

// Fragments made before encryption each travel as ESP of their own; ESP that
// is cut on the way is put together, in whatever order it comes.
func TestFragments(t *testing.T) {
	a, b := pair(t, aesSHA256)
	whole := append(udp("2.2.2.2", 9, "4.4.4.4", 9), bytes.Repeat([]byte("x"), 200)...)
	for i, f := range cut(whole, 64) {
		if in := one(t, b.Inbound(wire, sealed(t, a, f))); !bytes.Equal(in, f) {
			t.Errorf("fragment %d: %x", i, in)
		}
	}
	big := packet(1, "2.2.2.2", "4.4.4.4", bytes.Repeat([]byte("y"), 1000))
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		parts := cut(sealed(t, a, big), 400)
		var in []byte
		for i, n := range order {
			got := one(t, b.Inbound(wire, parts[n]))
			if i < len(order)-1 && got != nil {
				t.Fatalf("order %v: early", order)
			}
			in = got
		}
		if !bytes.Equal(in, big) {
			t.Errorf("order %v: %d octets", order, len(in))
		}
	}
	parts := cut(sealed(t, a, big), 400)
	overlap := bytes.Clone(parts[1])
	overlap[7]-- // begins eight octets earlier
	for _, p := range [][]byte{parts[0], overlap, parts[1], parts[2]} {
		if b.Inbound(wire, p) != nil {
			t.Error("overlapping fragments were put together")
		}
	}
	if c := counts(t, b, keyB); c.DecapFail != 0 || c.VerifyFailRcv != 0 {
		t.Errorf("%+v", c)
	}
}

func TestReassemblyIsBounded(t *testing.T) {
	a, b := pair(t, aesSHA256)
	parts := cut(sealed(t, a, packet(1, "2.2.2.2", "4.4.4.4", make([]byte, 1000))), 400)
	for i := range 1000 {
		p := bytes.Clone(parts[i%2])
		binary.BigEndian.PutUint16(p[4:], uint16(i))
		if b.Inbound(wire, p) != nil {
			t.Fatal("a fragment came through")
		}
	}
	if n := len(b.parts.partial); n != reassembledAtOnce {
		t.Errorf("%d packets wait", n)
	}
}
