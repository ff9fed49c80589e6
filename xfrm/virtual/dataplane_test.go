package virtual

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Every transform crosses the wire, both ways, as ESP between the original
// addresses.
func TestEveryTransform(t *testing.T) {
	for _, c := range suite.ESPCiphers() {
		for _, a := range append(suite.ESPAuths(), suite.ESPAuthNone) {
			tr := suite.Transform{Cipher: c, Auth: a}
			if tr.Validate() != nil {
				continue
			}
			pa, pb := pair(t, tr)
			for range 3 {
				// A -> B
				out := sealed(t, pa, ping)
				if !bytes.Equal(out[12:20], ping[12:20]) {
					t.Fatalf("%v: outer addresses %x", tr, out[12:20])
				}
				if len(out) > len(ping)+pa.Overhead(wire) {
					t.Fatalf("%v: %d octets more than Overhead %d", tr, len(out)-len(ping), pa.Overhead(wire))
				}
				if in := one(t, pb.Inbound(wire, out)); !bytes.Equal(in, ping) {
					t.Fatalf("%v: %x", tr, in)
				}
				// B -> A
				reply := packet(1, "4.4.4.4", "2.2.2.2", []byte("reply"))
				if in := one(t, pa.Inbound(wire, sealed(t, pb, reply))); !bytes.Equal(in, reply) {
					t.Fatalf("%v: %x", tr, in)
				}
			}
			if got, want := counts(t, pa, keyA), (xfrm.Counters{Encrypt: 3, Decrypt: 3}); got != want {
				t.Errorf("%v: %+v", tr, got)
			}
		}
	}
}

func TestTamper(t *testing.T) {
	a, b := pair(t, aesSHA256)
	good := sealed(t, a, ping)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		in := one(t, b.Inbound(wire, bad))
		switch {
		case i >= 20:
			if in != nil {
				t.Errorf("octet %d: accepted", i)
			}
		case in == nil, i == 0 && bytes.Equal(in, bad): // dropped; no longer IPv4
		default: // the network may change TTL and ECN, and nothing verifies the outer checksum here
			in[1], in[8] = ping[1], ping[8]
			xfrm.WriteChecksum(in[:20])
			if !bytes.Equal(in, ping) {
				t.Errorf("octet %d of the outer header: %x", i, in)
			}
		}
	}
	c := counts(t, b, keyB)
	if want := uint64(len(good) - 24); c.VerifyFailRcv != want || c.InvalidSARcv != 4 {
		t.Errorf("verify fail %d, want %d; invalid sa %d", c.VerifyFailRcv, want, c.InvalidSARcv)
	}
}

// Unknown and expired SPIs are dropped and reported; a deny that covers ESP
// lets the tunnels of others through.
func TestUnknownSPI(t *testing.T) {
	a, b := pair(t, aesSHA256)
	out := sealed(t, a, ping)
	out[23]++
	if b.Inbound(wire, out) != nil {
		t.Error("unknown SPI accepted")
	}
	want := xfrm.Event{Kind: xfrm.InvalidSPI, Interface: wire, Src: netip.MustParseAddr("2.2.2.2"),
		Dst: netip.MustParseAddr("4.4.4.4"), Protocol: 50, SPI: 0x101, Group: keyB}
	if e := nextEvent(b); e == nil || *e != want {
		t.Errorf("event %+v", e)
	}
	if c := counts(t, b, keyB); c != (xfrm.Counters{InvalidSARcv: 1}) {
		t.Errorf("%+v", c)
	}
	attachMap(t, b, xfrm.MapEntry{Sequence: 10, Group: keyB, Local: []xfrm.ACE{{Protocol: 50}}})
	if got := one(t, b.Inbound(wire, out)); !bytes.Equal(got, out) {
		t.Error("foreign ESP under `deny esp any any` dropped")
	}
	out[23]--
	if got := one(t, b.Inbound(wire, out)); !bytes.Equal(got, ping) {
		t.Error("the group's own ESP under `deny esp any any` not decrypted")
	}
	short := packet(50, "2.2.2.2", "4.4.4.4", []byte("1234567"))
	if b.Inbound(wire, short) != nil || counts(t, b, keyB).DecapFail != 1 {
		t.Error("ESP too short for its header")
	}
}

// A permit without a usable SA drops: none, expired, no sender ID.
func TestNoSASend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		d := newPlane(t, keyA)
		dropped := uint64(0)
		drop := func(why string, g xfrm.Group) {
			t.Helper()
			g.Key, g.Policies = keyA, permitIP(0x100)
			install(t, d, g)
			dropped++
			if out := d.Outbound(wire, ping); out != nil || counts(t, d, keyA).NoSASend != dropped {
				t.Errorf("%s: %x, %+v", why, out, counts(t, d, keyA))
			}
		}
		drop("no SA", xfrm.Group{})
		drop("another SPI", xfrm.Group{SAs: []xfrm.SA{sa(0x200, aesSHA256)}})
		counter := sa(0x100, suite.Transform{Cipher: suite.ESPGCM256})
		counter.SIDBits = 0
		drop("counter mode without sender ID", xfrm.Group{SAs: []xfrm.SA{counter}})
		live := sa(0x100, aesSHA256)
		live.Expires = time.Now().Add(time.Minute)
		install(t, d, xfrm.Group{Key: keyA, Policies: permitIP(0x100), SAs: []xfrm.SA{live}})
		out := sealed(t, d, ping)
		time.Sleep(time.Minute)
		dropped++
		if d.Outbound(wire, ping) != nil || counts(t, d, keyA).NoSASend != dropped {
			t.Error("expired SA encrypts")
		}
		if d.Inbound(wire, out) != nil || counts(t, d, keyA).InvalidSARcv != 1 {
			t.Error("expired SA decrypts")
		}
	})
}

// During a rekey both TEKs decrypt and the policy's encrypts; counters, hits
// and sequence numbers of what stays go on.
func TestRollover(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a, b := pair(t, aesSHA256)
		old, fresh := sa(0x100, aesSHA256), sa(0x200, suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1})
		inFlight := sealed(t, a, ping)
		for _, x := range []struct {
			d *Dataplane
			k xfrm.GroupKey
		}{{b, keyB}, {a, keyA}} {
			install(t, x.d, xfrm.Group{Key: x.k, Policies: permitIP(0x200), SAs: []xfrm.SA{old, fresh}})
		}
		if !bytes.Equal(one(t, b.Inbound(wire, inFlight)), ping) {
			t.Error("packet in flight under the old TEK lost")
		}
		out := sealed(t, a, ping)
		if spi := binary.BigEndian.Uint32(out[20:]); spi != 0x200 {
			t.Errorf("encrypts under %#x", spi)
		}
		if !bytes.Equal(one(t, b.Inbound(wire, out)), ping) {
			t.Error("packet under the new TEK lost")
		}
		want := []xfrm.SACounters{{SPI: 0x100, Decrypt: 1}, {SPI: 0x200, Decrypt: 1}}
		s := group1(t, b, keyB)
		for i, x := range s.SAs {
			if x.Counters != want[i] {
				t.Errorf("%+v, want %+v", x.Counters, want[i])
			}
		}
		if s.Policies[1].Inbound != 2 {
			t.Errorf("hits %d", s.Policies[1].Inbound)
		}
		// Back to the old one: its numbers go on, even after the group was gone.
		if err := a.RemoveGroup(keyA); err != nil {
			t.Fatal(err)
		}
		install(t, a, xfrm.Group{Key: keyA, Policies: permitIP(0x100), SAs: []xfrm.SA{old}})
		if seq := binary.BigEndian.Uint32(sealed(t, a, ping)[24:]); seq != 2 {
			t.Errorf("sequence number %d after reinstallation", seq)
		}
		// The same SPI with other keys is another SA.
		other := old
		other.CipherKey = secret.New(bytes.Repeat([]byte{9}, 32))
		install(t, a, xfrm.Group{Key: keyA, Policies: permitIP(0x100), SAs: []xfrm.SA{other}})
		if seq := binary.BigEndian.Uint32(sealed(t, a, ping)[24:]); seq != 1 {
			t.Errorf("sequence number %d under a new key", seq)
		}
	})
}

// Two SPIs of a counter mode under one key share the numbers, and so never a
// nonce.
func TestCounterModeNumbersBelongToTheKey(t *testing.T) {
	d := newPlane(t, keyA)
	one, two := sa(0x100, suite.Transform{Cipher: suite.ESPGCM128}), sa(0x200, suite.Transform{Cipher: suite.ESPGCM128})
	two.CipherKey = one.CipherKey
	seen := map[string]bool{}
	for range 3 {
		for _, spi := range []uint32{0x100, 0x200} {
			install(t, d, xfrm.Group{Key: keyA, Policies: permitIP(spi), SAs: []xfrm.SA{one, two}})
			iv := string(sealed(t, d, ping)[28:36])
			if seen[iv] {
				t.Fatalf("IV %x twice", iv)
			}
			seen[iv] = true
		}
	}
}

func TestSetGroupFailsWhole(t *testing.T) {
	a, _ := pair(t, aesSHA256)
	before := a.Snapshot()
	bad := sa(0x300, aesSHA256)
	bad.CipherKey = secret.New([]byte("short"))
	if err := a.SetGroup(xfrm.Group{Key: keyA, SAs: []xfrm.SA{sa(0x200, aesSHA256), bad}}); err == nil {
		t.Error("short key accepted")
	}
	twice := sa(0x100, aesSHA256)
	twice.AuthKey = secret.New(make([]byte, 32))
	if err := a.SetGroup(xfrm.Group{Key: keyA, SAs: []xfrm.SA{sa(0x100, aesSHA256), twice}}); !errors.Is(err, ErrDuplicateSPI) {
		t.Errorf("one SPI, two keys: %v", err)
	}
	if diff := cmp.Diff(before, a.Snapshot(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

func TestSnapshotSortedAndCleared(t *testing.T) {
	d := New(new(env.Clock), new(stream))
	keys := []xfrm.GroupKey{
		{Name: "A", Source: addrA}, {Name: "A", Source: addrB}, {Name: "B", Source: addrA}, {VRF: "RED", Name: "A", Source: addrA},
	}
	for i := range keys {
		install(t, d, xfrm.Group{Key: keys[len(keys)-1-i], Policies: permitIP(0x100), SAs: []xfrm.SA{sa(0x100, aesSHA256)}})
	}
	for _, name := range []string{"Ethernet0/2", "Ethernet0/1"} {
		if err := d.SetInterface(xfrm.InterfacePolicy{Interface: name, Entries: []xfrm.MapEntry{{Sequence: 1, Group: keys[0]}}}); err != nil {
			t.Fatal(err)
		}
	}
	s := d.Snapshot()
	for i, g := range s.Groups {
		if g.Key != keys[i] {
			t.Errorf("group %d is %+v", i, g.Key)
		}
	}
	if len(s.Groups) != 4 || s.Interfaces[0].Interface != "Ethernet0/1" || len(s.Interfaces) != 2 {
		t.Errorf("%+v", s)
	}
	d.Outbound("Ethernet0/1", ping)
	used := func() bool {
		g := d.Snapshot().Groups[0]
		return g.Counters != xfrm.Counters{} || g.Policies[1].Outbound > 0 || g.SAs[0].Counters.Encrypt > 0
	}
	if !used() {
		t.Fatal("nothing counted")
	}
	d.ClearGroupCounters(keys[1])
	if !used() {
		t.Error("another group's clear cleared this one")
	}
	d.ClearGroupCounters(keys[0])
	if used() {
		t.Error("not cleared")
	}
	d.Outbound("Ethernet0/1", ping)
	d.ClearCounters()
	if used() {
		t.Error("not cleared with all")
	}
	// A group that nothing names any more is gone; one on a map is still shown.
	d.RemoveGroup(keys[0])
	d.RemoveGroup(keys[2])
	if s := d.Snapshot(); len(s.Groups) != 3 || s.Groups[0].Key != keys[0] || len(s.Groups[0].SAs) != 0 {
		t.Errorf("%+v", s.Groups)
	}
}

func TestOddPackets(t *testing.T) {
	a, _ := pair(t, aesSHA256)
	for name, p := range map[string][]byte{"IPv6": {0x60, 0, 0, 0}, "empty": {}, "ARP-like": {0, 1, 8, 0}} {
		if got := one(t, a.Outbound(wire, p)); !bytes.Equal(got, p) {
			t.Errorf("%s out: %x", name, got)
		}
		if got := one(t, a.Inbound(wire, p)); !bytes.Equal(got, p) {
			t.Errorf("%s in: %x", name, got)
		}
	}
	if a.Outbound(wire, ping[:19]) != nil || a.Inbound(wire, ping[:19]) != nil {
		t.Error("half an IPv4 header passed")
	}
	if c := counts(t, a, keyA); c.InternalErrSend != 1 || c.InternalErrRcv != 1 {
		t.Errorf("%+v", c)
	}
	before := bytes.Clone(ping)
	in := sealed(t, a, ping)
	kept := bytes.Clone(in)
	a.Inbound(wire, in)
	if !bytes.Equal(before, ping) || !bytes.Equal(kept, in) {
		t.Error("a caller's buffer was changed")
	}
}

// Packets on many goroutines while policies are replaced: none is lost, none
// leaves in the clear (run with -race).
func TestConcurrentReplacement(t *testing.T) {
	a, b := pair(t, aesSHA256)
	old, fresh := sa(0x100, aesSHA256), sa(0x200, suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1})
	for _, x := range []struct {
		d *Dataplane
		k xfrm.GroupKey
	}{{a, keyA}, {b, keyB}} {
		install(t, x.d, xfrm.Group{Key: x.k, Policies: permitIP(0x100), SAs: []xfrm.SA{old, fresh}})
	}
	stop := make(chan struct{})
	var packets, control sync.WaitGroup
	control.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			for _, x := range []struct {
				d *Dataplane
				k xfrm.GroupKey
			}{{b, keyB}, {a, keyA}} {
				if err := x.d.SetGroup(xfrm.Group{Key: x.k, Policies: permitIP([]uint32{0x100, 0x200}[i%2]), SAs: []xfrm.SA{fresh, old}}); err != nil {
					t.Error(err)
				}
			}
			a.Snapshot()
			attachMap(t, a, xfrm.MapEntry{Sequence: 10 + i%2, Group: keyA})
		}
	})
	for range 4 {
		packets.Go(func() {
			for range 300 {
				out := a.Outbound(wire, ping)
				if len(out) != 1 || out[0][9] != xfrm.ProtoESP {
					t.Errorf("not encrypted: %x", out)
					return
				}
				if in := b.Inbound(wire, out[0]); len(in) != 1 || !bytes.Equal(in[0], ping) {
					t.Errorf("lost: %x", in)
					return
				}
			}
		})
	}
	packets.Wait()
	close(stop)
	control.Wait()
	if ca, cb := counts(t, a, keyA), counts(t, b, keyB); ca.Encrypt != 1200 || cb.Decrypt != 1200 {
		t.Errorf("%+v\n%+v", ca, cb)
	}
}

// Whatever arrives or leaves: no panic, and what a data plane remembers stays
// bounded.
func FuzzPackets(f *testing.F) {
	a, b := pair(f, aesSHA256)
	f.Add(ping)
	f.Add(sealed(f, a, ping))
	f.Add(cut(sealed(f, a, ping), 24)[1])
	f.Add(udp("192.168.1.254", 848, "192.168.1.4", 848))
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, out := range a.Outbound(wire, p) {
			if fl, ok := xfrm.ParseFlow(out); ok && len(p) > 0 && len(out) > len(p)+a.Overhead(wire) {
				t.Fatalf("%d octets became %d (%+v)", len(p), len(out), fl)
			}
		}
		for _, in := range b.Inbound(wire, p) {
			if len(in) > 65535 {
				t.Fatalf("%d octets", len(in))
			}
		}
		if len(b.reports.last) > reportSources || len(b.parts.partial) > reassembledAtOnce {
			t.Fatal("growth")
		}
	})
}
