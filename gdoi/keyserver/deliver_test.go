package keyserver

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
)

// Silence: copies at 0, P and 2P, bit-identical; after three rekeys the member
// is out, and only it.
func TestRetransmissionAndEjection(t *testing.T) {
	w := newWorld(t, testGroup())
	good, mute := w.newMember(2), w.newMember(3)
	good.register(1234)
	mute.register(1234)
	mute.mute = true
	w.takeLogs()
	for i := 1; i <= 3; i++ {
		w.takeSends()
		began := w.now
		w.step(RekeyNow{})
		w.wantLogs(fmt.Sprintf("%%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey for group GDOI-GROUP1 from address 192.168.1.254 with seq # %d", i))
		if n := len(w.sends); n != 2 {
			t.Fatalf("%d first copies", n)
		}
		for _, copies := range []int{3, 4} {
			w.runTo(began.Add(time.Duration(copies-2) * 10 * time.Second))
			if len(w.sends) != copies {
				t.Fatalf("%d datagrams after %v, want %d", len(w.sends), w.now.Sub(began), copies)
			}
			last := w.sends[copies-1]
			if last.Remote != mute.sa.Remote || !bytes.Equal(last.Data, w.sends[0].Data) {
				t.Error("a retransmission that is not the same datagram to the silent member")
			}
		}
		w.runTo(began.Add(29 * time.Second))
		if m, _ := w.group().Members.Get(memberAddr(3)); m.AcksMissed != uint64(i-1) || m.RekeyRetries != uint64(2*i) {
			t.Errorf("before the verdict: %+v", m)
		}
		w.runTo(began.Add(time.Minute))
		if len(w.sends) != 4 {
			t.Errorf("%d datagrams, want no more than 4", len(w.sends))
		}
		if s := w.group(); s.LastRetransmits != 2 || s.LastRekeyDuration != 30*time.Second || s.RekeysSent != uint64(i) || s.Retransmits != uint64(2*i) {
			t.Errorf("statistics %+v", s)
		}
	}
	w.wantLogs("%GDOI-5-KS_NACK_GM_EJECT: KS ejected GM 10.0.0.3 in group GDOI-GROUP1.")
	if n := w.group().Members.Len(); n != 1 {
		t.Errorf("%d members", n)
	}
	// Out is out, until it registers again.
	w.takeSends()
	w.step(RekeyNow{})
	if len(w.takeSends()) != 1 {
		t.Error("an ejected member is still sent rekeys")
	}
	if !mute.register(1234) || w.group().Members.Len() != 2 {
		t.Error("an ejected member cannot come back")
	}
}

// Two misses and one acknowledgement: the count starts again.
func TestMissesMustBeConsecutive(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	for range 5 {
		for i := range 3 {
			m.mute = i < 2
			w.step(RekeyNow{})
			w.run(time.Minute)
		}
	}
	if n := w.group().Members.Len(); n != 1 {
		t.Fatal("ejected")
	}
	if got, _ := w.group().Members.Get(memberAddr(2)); got.AcksMissed != 10 || got.AcksRcvd != 5 {
		t.Errorf("%+v", got)
	}
}

// A member that cannot acknowledge is shown as such and kept.
func TestForeignMemberIsKept(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.sa.Foreign, m.sa.Capabilities = true, 0
	m.register(1234)
	m.mute = true
	for range 4 {
		w.step(RekeyNow{})
		w.run(time.Minute)
	}
	got, ok := w.group().Members.Get(memberAddr(2))
	if !ok || !got.Foreign || got.AcksMissed != 4 {
		t.Fatalf("%v %+v", ok, got)
	}
	// One acknowledgement, and it counts like the others.
	m.mute = false
	w.step(RekeyNow{})
	m.mute = true
	for range 3 {
		w.step(RekeyNow{})
		w.run(time.Minute)
	}
	if w.group().Members.Len() != 0 {
		t.Error("it has acknowledged before and is not ejected")
	}
	if l := w.takeLogs(); l[len(l)-1] != "%GDOI-6-KS_LAST_GM: Re-key: Last GM 10.0.0.2 left from the group GDOI-GROUP1." {
		t.Errorf("last line %q", l[len(l)-1])
	}
}

// A KEK's replacement goes on being retransmitted when a TEK's follows: a
// member that missed the first cannot read the second.
func TestNewKEKIsNotOvertaken(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	drop := 1
	w.lose = func(Send) bool { drop--; return drop >= 0 }
	g := testGroup()
	g.Rekey.Cipher = suite.AES128
	w.configure(g)
	w.step(RekeyNow{}) // lost; brings the new KEK
	w.run(3 * time.Second)
	w.step(RekeyNow{}) // under the new KEK: unreadable
	if m.ignored != 1 || len(m.pushes) != 0 {
		t.Fatalf("%d ignored, %d read", m.ignored, len(m.pushes))
	}
	w.run(time.Minute)
	if len(m.pushes) != 2 || !m.holds(w.group().TEKs[0].SPI) {
		t.Errorf("%d rekeys read after the retransmissions", len(m.pushes))
	}
	if got, _ := w.group().Members.Get(memberAddr(2)); got.AcksRcvd != 2 || got.AcksMissed != 0 {
		t.Errorf("%+v", got)
	}
}

// Fifty members every five seconds.
func TestPacing(t *testing.T) {
	w := newWorld(t, testGroup())
	for i := range 120 {
		w.newMember(i + 1).register(1234)
	}
	w.takeSends()
	w.step(RekeyNow{})
	for _, tt := range []struct {
		at   time.Duration
		sent int
	}{{0, 50}, {4 * time.Second, 50}, {5 * time.Second, 100}, {9 * time.Second, 100}, {10 * time.Second, 120}, {time.Minute, 120}} {
		w.runTo(start.Add(tt.at))
		if len(w.sends) != tt.sent {
			t.Errorf("%d datagrams after %v, want %d", len(w.sends), tt.at, tt.sent)
		}
	}
	if d := w.group().LastRekeyDuration; d != 10*time.Second {
		t.Errorf("the rekey took %v", d)
	}
}

// Keys and sequence number are on disk before a rekey leaves, numbers 32 at a
// time, and after a failed write the next copy tries again.
func TestSequenceNumberIsStoredFirst(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	w.trace = nil
	w.step(RekeyNow{})
	if got := strings.Join(w.trace, " "); got != "Compute Persist Log Send PlainPush PersistLater" {
		t.Errorf("order of duties: %s", got)
	}
	for range 40 {
		w.step(RekeyNow{})
	}
	if len(w.persists) != 42 { // the first keys, and those of each rekey
		t.Fatalf("%d records for 41 rekeys", len(w.persists))
	}
	spi := w.m.groups[0].kek.SPI
	for i, p := range w.persists {
		free := byte(33)
		if i >= 33 {
			free = 65
		}
		want := append(spi[:], 0, 0, 0, free)
		if r := p.Records[1]; p.Records[0].Key != "state" || r.Group != "GDOI-GROUP1" || r.Key != "seq" || !bytes.Equal(r.Value, want) {
			t.Errorf("record %d: %x, want %x", i, r.Value, want)
		}
	}
	// The record of 65 fails, nothing goes out, and the retransmission stores
	// it again.
	for range 23 {
		w.step(RekeyNow{})
	}
	w.persists = nil
	w.takeSends()
	w.diskFull = true
	w.step(RekeyNow{})
	if len(w.takeSends()) != 0 {
		t.Fatal("sent with a number that is not stored")
	}
	w.diskFull = false
	w.run(10 * time.Second)
	if n := len(w.persists); n != 2 || len(w.takeSends()) != 1 || m.seq != 65 {
		t.Errorf("%d records, member at SEQ %d", n, m.seq)
	}
}

func TestMulticast(t *testing.T) {
	g := testGroup()
	g.Rekey.Unicast, g.Rekey.Multicast = false, netip.MustParseAddrPort("239.10.10.1:848")
	w := newWorld(t, g)
	m := w.newMember(2)
	m.register(1234)
	w.newMember(3).register(1234)
	if m.policy.Unicast() || m.policy.Rekey != g.Rekey.Multicast || m.kek.AckWanted {
		t.Errorf("rekeys go to %v", m.policy.Rekey)
	}
	w.takeLogs()
	w.step(RekeyNow{})
	w.wantLogs("%GDOI-5-KS_SEND_MCAST_REKEY: Sending Multicast Rekey for group GDOI-GROUP1 from address 192.168.1.254 to 239.10.10.1  with seq # 1")
	w.run(time.Minute)
	sends := w.takeSends()
	if len(sends) != 3 || sends[0].Remote != g.Rekey.Multicast || !bytes.Equal(sends[0].Data, sends[2].Data) {
		t.Errorf("%d datagrams", len(sends))
	}
	if w.group().Members.Len() != 2 {
		t.Error("members ejected, who cannot acknowledge")
	}
	// To unicast: told under the old KEK, to the group; then to each member.
	w.configure(testGroup())
	if l := w.takeLogs(); l[0] != "%GDOI-5-KS_REKEY_TRANS_2_UNI: Group GDOI-GROUP1 transitioned to Unicast Rekey." || !strings.Contains(l[1], "POLICY_CHANGE") {
		t.Error(l)
	}
	w.step(RekeyNow{})
	w.step(RekeyNow{})
	for i, want := range []netip.Addr{g.Rekey.Multicast.Addr(), memberAddr(2), memberAddr(3)} {
		if i >= len(w.sends) || w.sends[i].Remote.Addr() != want {
			t.Fatalf("datagrams %d: %+v", i, len(w.sends))
		}
	}
	// Multicast without an address: no rekey is possible.
	g.Rekey.Multicast = netip.AddrPort{}
	w.configure(g)
	w.step(RekeyNow{})
	w.run(48 * time.Hour)
	if w.group().HasKEK || len(w.group().TEKs) == 0 {
		t.Error("a KEK without a way to rekey")
	}
}

func TestAcknowledgements(t *testing.T) {
	w := newWorld(t, testGroup())
	m := w.newMember(2)
	m.register(1234)
	m.mute = true
	w.step(RekeyNow{})
	w.takeLogs()
	kek := *m.kek
	ack := func(kek policy.KEK, seq uint32, from netip.AddrPort) []byte {
		b, err := wire.BuildAck(kek, seq, from)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	step := func(from netip.AddrPort, data []byte) {
		w.step(Ack{Local: netip.AddrPortFrom(serverAddr, 848), Remote: from, Data: data})
	}
	stranger := netip.AddrPortFrom(memberAddr(9), 848)
	other := kek
	other.SPI[0]++
	forged := ack(kek, 1, m.sa.Remote)
	forged[40] ^= 1

	step(m.sa.Remote, []byte("short"))
	step(m.sa.Remote, forged)
	if c := w.m.counters; c.AcksReceived != 2 || c.AcksBad != 2 {
		t.Errorf("bad ones: %+v", c)
	}
	step(m.sa.Remote, ack(other, 1, m.sa.Remote)) // a KEK nobody knows
	step(stranger, ack(kek, 1, stranger))         // not a member
	w.wantLogs("%GDOI-4-KS_UNSOL_ACK: KS received unsolicited ACK from GM 10.0.0.9 in group GDOI-GROUP1.")
	step(m.sa.Remote, ack(kek, 2, m.sa.Remote)) // a rekey that was never sent
	w.wantLogs("%GDOI-4-KS_UNSOL_ACK: KS received unsolicited ACK from GM 10.0.0.2 in group GDOI-GROUP1.")
	step(m.sa.Remote, ack(kek, 1, stranger)) // in another's name
	if c := w.m.counters; c.AcksUnsolicited != 4 {
		t.Errorf("unsolicited ones: %+v", c)
	}
	if got, _ := w.group().Members.Get(memberAddr(2)); got.AcksRcvd != 0 {
		t.Errorf("counted: %+v", got)
	}
	step(m.sa.Remote, ack(kek, 1, m.sa.Remote))
	step(m.sa.Remote, ack(kek, 1, m.sa.Remote)) // the answer to a retransmission
	got, _ := w.group().Members.Get(memberAddr(2))
	if got.AcksRcvd != 1 || got.SentSeq != [4]uint32{1} || got.RcvdSeq != [4]uint32{1} {
		t.Errorf("counted: %+v", got)
	}
	if c := w.m.counters; c.AcksUnsolicited != 4 || c.AcksBad != 2 {
		t.Errorf("a duplicate is no offence: %+v", c)
	}
	if w.group().RetransmitRemaining != 0 {
		t.Error("still retransmitting")
	}
}

// A periodic rekey ends with its KEK: it can neither be read nor acknowledged.
func TestPeriodicEndsWithKEK(t *testing.T) {
	g := testGroup()
	g.Rekey.Periodic, g.Rekey.Lifetime, g.SAs[0].Lifetime = true, 10*time.Minute, 24*time.Hour
	w := newWorld(t, g)
	gm := w.newMember(2)
	gm.register(1234)
	gm.mute = true
	w.run(10 * time.Hour)
	for _, f := range w.m.groups[0].flights {
		if !f.done && !f.kek.Expires().After(w.now) {
			t.Errorf("%d goes on under a KEK that ended at %v", f.seq, f.kek.Expires())
		}
	}
	if n := w.group().Members.Len(); n != 0 {
		t.Errorf("%d members: it has acknowledged nothing for hours", n)
	}
}
