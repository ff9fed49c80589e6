package gdoi_test

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/gdoitest"
	"coterie/gdoi/member"
	"coterie/gdoi/wire"
	"coterie/internal/sim"
)

// memoryCap is what may be taken from the operating system while a hostile
// peer speaks, beside what was taken before.
const memoryCap = 64 << 20

// watchMemory fails the test when look finds more than memoryCap in use.
func watchMemory(t *testing.T) (look func()) {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	taken := func() uint64 {
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.Sys - s.HeapReleased
	}
	before := taken()
	old := debug.SetMemoryLimit(int64(before) + memoryCap)
	t.Cleanup(func() { debug.SetMemoryLimit(old) })
	return func() {
		t.Helper()
		if now := taken(); !raceEnabled && now > before+memoryCap {
			t.Fatalf("%d MiB beside the %d MiB of before", (now-before)>>20, before>>20)
		}
	}
}

// picture is what a member holds, as text.
func picture(g *gm) string {
	s := g.snapshot()
	text := fmt.Sprintln(s.Server, s.HasKEK, s.KEK.SPI, s.LastRekeySeq, s.Direction, s.SenderIDs)
	for _, t := range s.TEKs {
		text += fmt.Sprintln(t.SPI, t.Transform, t.Replay, t.Outbound)
	}
	if g.installed != nil {
		text += fmt.Sprintln(g.installed.Policies)
		for _, sa := range g.installed.SAs {
			text += fmt.Sprintf("%x %x %x %v\n", sa.SPI, sa.CipherKey.Reveal(), sa.AuthKey.Reveal(), sa.Expires)
		}
	}
	return text
}

// TestHostileKeyServer: a key server that has proven itself and sends every
// malformed policy and every malformed key there is, each under a HASH that
// fits. A member that holds keys refuses, keeps them as they are, and registers
// again with the next answer that is right; what it does accept it can take
// back to the honest policy. Neither panics, spins or grows.
func TestHostileKeyServer(t *testing.T) {
	l := newLab(t, 11, 1, nil)
	l.RunFor(10 * time.Second)
	g := l.gms[0]
	again := 0
	register := func() { // without dropping what is held
		again++
		cfg := g.cfg
		for range again % 2 {
			cfg.Servers = append(cfg.Servers[:1:1], cfg.Servers...)
		}
		g.host.Poke(func(now time.Time) { g.Step(now, member.Configure{Config: cfg}) })
		l.RunFor(12 * time.Millisecond)
		g.log, l.ks.log = nil, nil
	}
	liar, all := recordHarms(l, &l.ks.Between, register, 2, 4)
	look := watchMemory(t)
	refused := 0
	for i, x := range all {
		before, done := picture(g), g.snapshot().Succeeded
		used := allocated(func() { withHarm(liar, x, register) })
		if limit := uint64(4 << 20); used > limit {
			t.Errorf("message %d, %s: %d octets allocated", x.message, x.what, used)
		}
		if g.snapshot().Succeeded == done {
			refused++
			if after := picture(g); after != before {
				t.Fatalf("message %d, %s: refused, and changed\n%s\nto\n%s", x.message, x.what, before, after)
			}
			if i%16 != 0 { // the next trial shows that it still registers
				continue
			}
		}
		register()
		if g.snapshot().Succeeded <= done || len(spis(g)) != 1 || g.sends() == 0 {
			t.Fatalf("message %d, %s: does not register with honest answers any more", x.message, x.what)
		}
		if i%256 == 0 {
			look()
		}
	}
	look()
	if refused < len(all)/2 || refused < 3000 {
		t.Errorf("only %d of %d refused: the harm does not arrive", refused, len(all))
	}
	if n := l.ks.group().Members.Len(); n != 1 {
		t.Errorf("%d members", n)
	}
	t.Logf("%d of %d answers refused", refused, len(all))
}

// TestHostileMember: the reverse. A registered member sends every malformed
// question; the key server neither panics nor grows, and no other member and
// nothing of the group changes. The group is in counter mode, so that message 3
// asks for sender IDs.
func TestHostileMember(t *testing.T) {
	l := newLab(t, 12, 2, counterMode)
	l.RunFor(10 * time.Second)
	g := l.gms[0]
	register := func() {
		g.host.Poke(func(now time.Time) { g.Step(now, member.Clear{}) })
		l.RunFor(12 * time.Millisecond)
		g.log, l.ks.log = nil, nil
	}
	liar, all := recordHarms(l, &g.Between, register, 1, 3)
	look := watchMemory(t)
	other, group := picture(l.gms[1]), l.ks.group()
	refused := map[int]int{}
	for i, x := range all {
		done := g.snapshot().Succeeded
		if used := allocated(func() { withHarm(liar, x, register) }); used > 4<<20 {
			t.Errorf("message %d, %s: %d octets allocated", x.message, x.what, used)
		}
		if g.snapshot().Succeeded == done {
			refused[x.message]++
		}
		if i%256 == 0 {
			look()
		}
	}
	register()
	look()
	now := l.ks.group()
	if g.snapshot().Status != "Registered" || picture(l.gms[1]) != other || now.Members.Len() != 2 ||
		now.Seq != group.Seq || now.KEK.SPI != group.KEK.SPI || now.RekeysSent != group.RekeysSent || now.TEKs[0].SPI != group.TEKs[0].SPI {
		t.Errorf("after %d questions the member is %s, %d members", len(all), g.snapshot().Status, now.Members.Len())
	}
	if refused[1] < 500 || refused[3] < 50 {
		t.Errorf("only %v of %d refused: the harm does not arrive", refused, len(all))
	}
	t.Logf("%v of %d questions refused", refused, len(all))
}

// recordHarms puts a liar in its place, runs an honest exchange and makes harm of
// two of its messages.
func recordHarms(l *lab, place *gdoitest.Between, register func(), messages ...int) (liar *gdoitest.Liar, all []harm) {
	liar = &gdoitest.Liar{Change: func(message int, first uint8, rest []byte) (uint8, []byte) {
		for _, m := range messages {
			if m != message {
				continue
			}
			if message == 3 { // an honest one may be a HASH alone
				first, rest := fullThird()
				all = append(all, harms(m, first, rest)...)
				continue
			}
			all = append(all, harms(m, first, bytes.Clone(rest))...)
		}
		return first, rest
	}}
	*place = liar
	register()
	liar.Change = nil
	if len(all) < 1500 {
		l.t.Fatalf("only %d changes", len(all))
	}
	return liar, all
}

// fullThird is a message 3 with all that may be in it.
func fullThird() (first uint8, rest []byte) {
	gap, err := isakmp.AppendAttributes(nil, wire.SenderIDRequest(2))
	if err != nil {
		panic(err)
	}
	info, err := wire.Info{Version: "1.0.27", Hostname: "R2"}.Append(nil)
	if err != nil {
		panic(err)
	}
	first, rest, err = isakmp.AppendChain(nil, isakmp.Payload{Type: wire.PayloadGAP, Body: gap}, isakmp.Payload{Type: wire.PayloadCoterie, Body: info})
	if err != nil {
		panic(err)
	}
	return first, rest
}

func withHarm(liar *gdoitest.Liar, x harm, register func()) {
	liar.Change = func(message int, first uint8, rest []byte) (uint8, []byte) {
		if message != x.message {
			return first, rest
		}
		now := gdoitest.NonceOf(first, rest)
		if first, rest = x.change(first, rest); now != nil {
			rest = bytes.ReplaceAll(rest, x.nonce, now) // else it were an old answer, and nothing more
		}
		return first, rest
	}
	register()
	liar.Change = nil
}

func allocated(f func()) uint64 {
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	f()
	runtime.ReadMemStats(&b)
	return b.TotalAlloc - a.TotalAlloc
}

// FuzzInsider gives the two sides of a PULL messages of a peer that has proven
// itself: the fuzzer's octets in place of, or changed into, the payloads behind
// a HASH that fits.
func FuzzInsider(f *testing.F) {
	for message := range uint8(4) {
		f.Add(message, uint16(0), []byte{0xff}, []byte{})
		f.Add(message, uint16(22), []byte{0, 1, 0xff}, []byte{})
		f.Add(message, uint16(40), []byte{}, []byte{0, 0, 0, 8, 1, 2, 3, 4})
	}
	// Whole messages, so that the fuzzer need not find their structure.
	seeds := map[int][]byte{}
	for _, side := range []int{0, 1} {
		l := &lab{Network: sim.New(31, start), ks: &ks{phase1: isakmpConfig(true), cfg: serverConfig()}}
		counterMode(&l.ks.cfg.Groups[0])
		l.Add("R1", l.ks, serverAddr)
		l.join(2, serverAddr)
		liar := &gdoitest.Liar{Change: func(message int, first uint8, rest []byte) (uint8, []byte) {
			seeds[message] = bytes.Clone(rest)
			return first, rest
		}}
		if side == 0 {
			l.ks.Between = liar
		} else {
			l.gms[0].Between = liar
		}
		l.RunFor(10 * time.Second)
	}
	for message, rest := range seeds {
		f.Add(uint8(message-1), uint16(0), []byte{}, rest)
	}
	_, third := fullThird()
	f.Add(uint8(2), uint16(0), []byte{}, third)

	var l *lab
	var liars [2]*gdoitest.Liar // of messages 1 and 3, of 2 and 4
	count := 0
	f.Fuzz(func(t *testing.T, which uint8, at uint16, change, whole []byte) {
		if l == nil || count%5000 == 0 { // a TEK has an hour
			l = newLab(t, 31, 1, counterMode)
			liars = [2]*gdoitest.Liar{{}, {}}
			l.gms[0].Between, l.ks.Between = liars[0], liars[1]
			l.RunFor(10 * time.Second)
		}
		count++
		g := l.gms[0]
		register := func() {
			g.host.Poke(func(now time.Time) { g.Step(now, member.Clear{}) })
			l.RunFor(12 * time.Millisecond)
			g.log, l.ks.log = nil, nil
		}
		message := int(which)%4 + 1
		liar := liars[(message-1)%2]
		liar.Change = func(m int, first uint8, rest []byte) (uint8, []byte) {
			if m != message {
				return first, rest
			}
			nonce := gdoitest.NonceOf(first, rest)
			if len(whole) > 0 && len(whole) < 60000 {
				if old := gdoitest.NonceOf(first, whole); old != nil && nonce != nil {
					whole = bytes.ReplaceAll(whole, old, nonce)
				}
				rest = whole
			}
			for i, x := range change {
				if p := int(at) + i; p < len(rest) {
					rest[p] ^= x
				}
			}
			return first, rest
		}
		register()
		liar.Change = nil
		register()
		if s := g.snapshot(); s.Status != "Registered" || l.ks.group().Members.Len() != 1 || len(s.TEKs) > 300 {
			t.Fatalf("message %d: afterwards the member is %s, %d members", message, s.Status, l.ks.group().Members.Len())
		}
	})
}
