package virtual

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/xfrm"
	"coterie/xfrm/esp"
)

var gcm = suite.Transform{Cipher: suite.ESPGCM128}

// timedGroup is a group with time-based anti-replay whose clock was at at when
// the test began.
func timedGroup(k xfrm.GroupKey, tr suite.Transform, tbar xfrm.TBAR, sender uint32, at xfrm.Pseudotime) xfrm.Group {
	s := sa(0x100, tr)
	s.SenderID, s.TBAR, s.Window = sender, tbar, 5*time.Second
	return xfrm.Group{Key: k, Policies: permitIP(0x100), SAs: []xfrm.SA{s}, Clock: xfrm.PseudoClock{At: at, Base: time.Now()}}
}

// TestTBAR: what was sent within the window arrives, what is older does not,
// even when it is sent again, and the event tells both clocks.
func TestTBAR(t *testing.T) {
	for _, tr := range []suite.Transform{aesSHA256, gcm} {
		for _, tbar := range []xfrm.TBAR{xfrm.TBARMetadata, xfrm.TBARSequence} {
			bubble(t, func(t *testing.T) {
				const start = 5_000_000
				a, b := newPlane(t, keyA), newPlane(t, keyB)
				install(t, a, timedGroup(keyA, tr, tbar, 1, start))
				install(t, b, timedGroup(keyB, tr, tbar, 2, start+100)) // 100 ms ahead of A
				if got, want := a.Overhead(wire), esp.Overhead(tr, tbar); got != want {
					t.Errorf("overhead %d, want %d", got, want)
				}
				p := sealed(t, a, ping)
				time.Sleep(4900 * time.Millisecond) // the very end of the window
				if got := one(t, b.Inbound(wire, p)); !bytes.Equal(got, ping) {
					t.Errorf("within the window: %x", got)
				}
				again := b.Inbound(wire, p) != nil
				if again != !tr.CounterMode() {
					t.Errorf("the same packet again: accepted %v", again)
				}
				if e := nextEvent(b); e != nil {
					t.Errorf("event %+v", e)
				}
				time.Sleep(40 * time.Second)
				b.Inbound(wire, p) // captured long ago
				if e := nextEvent(b); tr.CounterMode() == (e != nil) {
					t.Errorf("an old capture: event %+v", e)
				}
				time.Sleep(40 * time.Second) // events are rate-limited
				p = sealed(t, a, ping)
				time.Sleep(4910 * time.Millisecond)
				if b.Inbound(wire, p) != nil {
					t.Error("accepted outside the window")
				}
				want := xfrm.Event{Kind: xfrm.ReplayFailed, Interface: wire, Src: netip.MustParseAddr("2.2.2.2"), Dst: netip.MustParseAddr("4.4.4.4"),
					Protocol: 50, SPI: 0x100, Group: keyB, Own: start + 100 + 4900 + 80_000 + 4910, Peer: start + 4900 + 80_000, Window: 5 * time.Second}
				if e := nextEvent(b); e == nil || *e != want {
					t.Errorf("event\n got %+v\nwant %+v", e, want)
				}
				// 100 of them say nothing new.
				for range 100 {
					b.Inbound(wire, p)
				}
				if e := nextEvent(b); e != nil {
					t.Errorf("flooded with %+v", e)
				}
				c := counts(t, b, keyB)
				wantC := xfrm.Counters{Decrypt: 2, ReplayRcv: 2, ReplayFail: 102, MaxTimeDelta: 45 * time.Second}
				if tr.CounterMode() {
					wantC.Decrypt, wantC.ReplayRcv, wantC.ReplayFail = 1, 1, 103
				}
				if c != wantC {
					t.Errorf("receiver\n got %+v\nwant %+v", c, wantC)
				}
				if c := counts(t, a, keyA); c != (xfrm.Counters{Encrypt: 2, ReplaySend: 2}) {
					t.Errorf("sender %+v", c)
				}
				b.ClearCounters()
				if c := counts(t, b, keyB); c != (xfrm.Counters{}) {
					t.Errorf("cleared %+v", c)
				}
			})
		}
	}
}

// TestTBARClock: without a clock nothing passes either way; a clock that is set
// anew counts from there on, and nothing that was seen is forgotten.
func TestTBARClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := newPlane(t, keyA), newPlane(t, keyB)
		ga, gb := timedGroup(keyA, gcm, xfrm.TBARSequence, 1, 5_000_000), timedGroup(keyB, gcm, xfrm.TBARSequence, 2, 5_000_000)
		set := gb.Clock
		install(t, a, ga)
		gb.Clock = xfrm.PseudoClock{}
		install(t, b, gb)
		p := sealed(t, a, ping)
		if b.Inbound(wire, p) != nil || b.Outbound(wire, packet(1, "4.4.4.4", "2.2.2.2", nil)) != nil {
			t.Error("something passed without a clock")
		}
		if c := counts(t, b, keyB); c != (xfrm.Counters{TimeSyncErr: 2}) {
			t.Errorf("%+v", c)
		}
		gb.Clock = set
		install(t, b, gb)
		if b.Inbound(wire, p) == nil {
			t.Error("refused with a clock")
		}
		gb.Clock.At += 4000 // stepped forward: still within the window
		install(t, b, gb)
		if b.Inbound(wire, p) != nil {
			t.Error("what was received before the clock was set again is accepted once more")
		}
		q := sealed(t, a, ping)
		if b.Inbound(wire, q) == nil {
			t.Error("4 s apart: refused")
		}
		gb.SAs[0].Window = time.Second // the key server has narrowed the window
		install(t, b, gb)
		if b.Inbound(wire, sealed(t, a, ping)) != nil {
			t.Error("4 s apart: accepted in a window of 1 s")
		}
		bad := gb
		bad.SAs = []xfrm.SA{gb.SAs[0]}
		bad.SAs[0].TBAR = 9
		if err := b.SetGroup(bad); err == nil {
			t.Error("an unknown encoding was installed")
		}
	})
}

// TestSequenceNumberAndIV: time in the sequence number, while the IV counts on
// through reinstallation, another sender ID, and the return of the first.
func TestSequenceNumberAndIV(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := newPlane(t, keyA)
		for i, c := range []struct {
			sender uint32
			iv     uint64
		}{{1, 1<<40 | 1}, {1, 1<<40 | 2}, {9, 9<<40 | 1}, {1, 1<<40 | 3}, {9, 9<<40 | 2}} {
			if i == 3 { // the key is away for a moment
				install(t, a, xfrm.Group{Key: keyA})
			}
			at := xfrm.Pseudotime(2_000_000 + 1000*i)
			install(t, a, timedGroup(keyA, gcm, xfrm.TBARSequence, c.sender, at))
			p := sealed(t, a, ping)
			if seq := binary.BigEndian.Uint32(p[24:]); seq != uint32(at/10) {
				t.Errorf("%d: sequence number %d", i, seq)
			}
			if iv := binary.BigEndian.Uint64(p[28:]); iv != c.iv {
				t.Errorf("%d: IV %#x, want %#x", i, iv, c.iv)
			}
		}
	})
}

// TestMigration: from clear to encrypted under traffic in three steps that each
// member takes at its own time; not one packet is lost.
func TestMigration(t *testing.T) {
	members := []xfrm.GroupKey{keyA, keyB, {Name: "GETVPN", Source: netip.MustParseAddr("192.168.1.3")}}
	host := []string{"2.2.2.2", "4.4.4.4", "3.3.3.3"}
	var planes []*Dataplane
	for _, k := range members {
		planes = append(planes, newPlane(t, k))
	}
	encrypted := 0
	traffic := func(stage string) {
		t.Helper()
		for i, from := range planes {
			for j, to := range planes {
				if i == j {
					continue
				}
				p := packet(1, host[i], host[j], []byte("payload!"))
				out := one(t, from.Outbound(wire, p))
				if out == nil {
					t.Fatalf("%s: %s sends nothing to %s", stage, host[i], host[j])
				}
				if out[9] == xfrm.ProtoESP {
					encrypted++
				}
				if got := one(t, to.Inbound(wire, out)); !bytes.Equal(got, p) {
					t.Fatalf("%s: %s to %s was lost (protocol %d)", stage, host[i], host[j], out[9])
				}
			}
		}
	}
	traffic("before registration")
	for _, step := range []struct {
		name      string
		direction xfrm.Direction
	}{{"receive-only", xfrm.InboundOnly}, {"passive", xfrm.InboundOptional}, {"both", xfrm.Both}} {
		for i, d := range planes {
			s := sa(0x100, aesSHA256)
			s.SenderID = uint32(i + 1)
			install(t, d, xfrm.Group{Key: members[i], Direction: step.direction, Policies: permitIP(0x100), SAs: []xfrm.SA{s}})
			traffic(step.name)
		}
		if before := step.direction == xfrm.InboundOnly; before != (encrypted == 0) {
			t.Errorf("%s: %d packets encrypted so far", step.name, encrypted)
		}
	}
	encrypted = 0
	traffic("afterwards")
	if encrypted != 6 {
		t.Errorf("%d of 6 packets encrypted at the end", encrypted)
	}
}

// TestWhoseSPI: ESP of an unknown SPI is told to be the group's whose policy
// encrypts between its addresses, or of the only group there is.
func TestWhoseSPI(t *testing.T) {
	second := xfrm.GroupKey{Name: "SECOND", Source: addrA}
	stranger, _ := pair(t, aesSHA256)
	d := New(new(env.Clock), new(stream))
	defer d.Close()
	attachMap(t, d, xfrm.MapEntry{Sequence: 10, Group: keyA}, xfrm.MapEntry{Sequence: 20, Group: second})
	net := func(s string) xfrm.Match {
		p := netip.MustParsePrefix(s)
		return xfrm.Match{Addr: p.Addr(), Mask: netip.MustParseAddr("255.0.0.0")}
	}
	expired := sa(0x300, aesSHA256)
	expired.Expires = time.Now().Add(-time.Second)
	install(t, d, xfrm.Group{Key: keyA, SAs: []xfrm.SA{sa(0x200, aesSHA256)}, Policies: []xfrm.Policy{
		{ACE: xfrm.ACE{Permit: true, Src: net("2.0.0.0/8"), Dst: net("4.0.0.0/8")}, SPI: 0x200}}})
	install(t, d, xfrm.Group{Key: second, SAs: []xfrm.SA{expired}, Policies: []xfrm.Policy{
		{ACE: xfrm.ACE{Permit: true, Src: net("2.0.0.0/8"), Dst: net("5.0.0.0/8")}, SPI: 0x300}}})
	for _, c := range []struct {
		name, src string
		spi       uint32
		want      xfrm.GroupKey
		counted   xfrm.GroupKey
	}{
		{"the first's addresses", "4.4.4.4", 0x100, keyA, keyA},
		{"the second's addresses", "5.5.5.5", 0x100, second, second},
		{"nobody's addresses", "6.6.6.6", 0x100, xfrm.GroupKey{}, keyA},
		{"an expired SPI", "7.7.7.7", 0x300, second, second},
	} {
		p := sealed(t, stranger, packet(1, c.src, "2.2.2.2", nil))
		binary.BigEndian.PutUint32(p[20:], c.spi)
		before := counts(t, d, c.counted).InvalidSARcv
		if d.Inbound(wire, p) != nil {
			t.Errorf("%s: accepted", c.name)
		}
		if e := nextEvent(d); e == nil || e.Kind != xfrm.InvalidSPI || e.Group != c.want || e.SPI != c.spi {
			t.Errorf("%s: event %+v", c.name, e)
		}
		if counts(t, d, c.counted).InvalidSARcv != before+1 {
			t.Errorf("%s: not counted for %s", c.name, c.counted.Name)
		}
	}
}

// TestVRFs: two members of one group in two VRFs, with the same addresses, are
// two groups: neither decrypts for the other, and each stops for itself.
func TestVRFs(t *testing.T) {
	red, blue := keyA, keyA
	red.VRF, blue.VRF = "RED", "BLUE"
	d := New(new(env.Clock), new(stream))
	defer d.Close()
	set := func(iface string, k xfrm.GroupKey) {
		t.Helper()
		if err := d.SetInterface(xfrm.InterfacePolicy{Interface: iface, MapName: k.VRF, Entries: []xfrm.MapEntry{{Sequence: 10, Group: k}}}); err != nil {
			t.Fatal(err)
		}
	}
	set("Ethernet0/0", red)
	set("Ethernet0/1", blue)
	install(t, d, xfrm.Group{Key: red, Policies: permitIP(0x100), SAs: []xfrm.SA{sa(0x100, aesSHA256)}})
	install(t, d, xfrm.Group{Key: blue, Policies: permitIP(0x200), SAs: []xfrm.SA{sa(0x200, aesSHA256)}})
	r, b := one(t, d.Outbound("Ethernet0/0", ping)), one(t, d.Outbound("Ethernet0/1", ping))
	if binary.BigEndian.Uint32(r[20:]) != 0x100 || binary.BigEndian.Uint32(b[20:]) != 0x200 {
		t.Fatalf("red %x, blue %x", r[20:24], b[20:24])
	}
	back := packet(1, "4.4.4.4", "2.2.2.2", nil)
	peer := newPlane(t, keyB)
	install(t, peer, xfrm.Group{Key: keyB, Policies: permitIP(0x100), SAs: []xfrm.SA{sa(0x100, aesSHA256)}})
	p := sealed(t, peer, back)
	if d.Inbound("Ethernet0/1", p) != nil {
		t.Error("blue decrypts with red's key")
	}
	if e := nextEvent(d); e == nil || e.Group != blue {
		t.Errorf("event %+v", e)
	}
	if d.Inbound("Ethernet0/0", p) == nil {
		t.Error("red does not decrypt")
	}
	if err := d.RemoveGroup(red); err != nil {
		t.Fatal(err)
	}
	if r, b := one(t, d.Outbound("Ethernet0/0", ping)), one(t, d.Outbound("Ethernet0/1", ping)); r[9] == xfrm.ProtoESP || b[9] != xfrm.ProtoESP {
		t.Errorf("after red was removed: red protocol %d, blue %d", r[9], b[9])
	}
}
