package gdoi_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/member"
	"coterie/gdoi/wire"
	"coterie/internal/sim"
)

// hand changes what one side of a PULL says: the side knows the keys, so that
// phase 1 is good and every HASH fits, and means harm. A nil hand changes
// nothing.
type hand struct {
	prf    func(...[]byte) []byte
	mid    uint32
	nonces [][]byte
	count  int // messages of the exchange so far
	// change gets the number of a message, the type of the payload behind HASH
	// and the payloads from there on. Nil: nothing is changed.
	change func(message int, first uint8, rest []byte) (uint8, []byte)
}

func (h *hand) up(sa isakmp.SA) {
	if h != nil {
		h.prf = sa.PRF
	}
}

// message takes part in the count of messages and notes the nonces.
func (h *hand) message(mid uint32, chain []byte) {
	if mid != h.mid || h.count == 4 {
		h.mid, h.nonces, h.count = mid, nil, 0
	}
	h.count++
	if h.count > 2 {
		return
	}
	h.nonces = append(h.nonces, nonceOf(isakmp.PayloadHash, chain))
}

// nonceOf finds the nonce in a chain of payloads.
func nonceOf(first uint8, chain []byte) []byte {
	list, err := isakmp.Payloads(first, chain)
	if err != nil {
		return nil
	}
	for _, p := range list {
		if p.Type == isakmp.PayloadNonce {
			return bytes.Clone(p.Body)
		}
	}
	return nil
}

func (h *hand) received(p isakmp.Phase2) {
	if h != nil {
		h.prf = p.SA.PRF
		h.message(p.MessageID, p.Payloads)
	}
}

func (h *hand) sends(in isakmp.Input) isakmp.Input {
	x, ok := in.(isakmp.Exchange2)
	if h == nil || !ok || x.Exchange != isakmp.ExchangePull {
		return in
	}
	if x.MessageID != h.mid || h.count == 4 {
		h.mid, h.nonces, h.count = x.MessageID, nil, 0
	}
	if h.change != nil {
		list, err := isakmp.Payloads(x.First, x.Payloads)
		if err != nil {
			panic(err)
		}
		honest := x.Payloads[len(list[0].Raw):]
		first := uint8(isakmp.PayloadNone)
		if len(list) > 1 {
			first = list[1].Type
		}
		first, rest := h.change(h.count+1, first, bytes.Clone(honest))
		parts := append(append([][]byte{binary.BigEndian.AppendUint32(nil, x.MessageID)}, h.nonces...), rest)
		head, err := isakmp.AppendPayload(nil, first, h.prf(parts...))
		if err != nil {
			panic(err)
		}
		x.Payloads = append(head, rest...)
	}
	h.message(x.MessageID, x.Payloads)
	return x
}

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
		g.host.Poke(func(now time.Time) { g.member.Step(now, member.Configure{Config: cfg}); g.drain(now) })
		l.RunFor(12 * time.Millisecond)
		g.log, l.ks.log = nil, nil
	}
	all := recordHarms(l, &l.ks.hand, register, 2, 4)
	look := watchMemory(t)
	refused := 0
	for i, x := range all {
		before, done := picture(g), g.snapshot().Succeeded
		used := allocated(func() { withHarm(l.ks.hand, x, register) })
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
		g.host.Poke(func(now time.Time) { g.member.Step(now, member.Clear{}); g.drain(now) })
		l.RunFor(12 * time.Millisecond)
		g.log, l.ks.log = nil, nil
	}
	all := recordHarms(l, &g.hand, register, 1, 3)
	look := watchMemory(t)
	other, group := picture(l.gms[1]), l.ks.group()
	refused := map[int]int{}
	for i, x := range all {
		done := g.snapshot().Succeeded
		if used := allocated(func() { withHarm(g.hand, x, register) }); used > 4<<20 {
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

// recordHarms runs an honest exchange under a hand and makes harm of two of its
// messages.
func recordHarms(l *lab, h **hand, register func(), messages ...int) (all []harm) {
	*h = &hand{change: func(message int, first uint8, rest []byte) (uint8, []byte) {
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
	register()
	(*h).change = nil
	if len(all) < 1500 {
		l.t.Fatalf("only %d changes", len(all))
	}
	return all
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

func withHarm(h *hand, x harm, register func()) {
	h.change = func(message int, first uint8, rest []byte) (uint8, []byte) {
		if message != x.message {
			return first, rest
		}
		now := nonceOf(first, rest)
		if first, rest = x.change(first, rest); now != nil {
			rest = bytes.ReplaceAll(rest, x.nonce, now) // else it were an old answer, and nothing more
		}
		return first, rest
	}
	register()
	h.change = nil
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
		h := &hand{change: func(message int, first uint8, rest []byte) (uint8, []byte) {
			seeds[message] = bytes.Clone(rest)
			return first, rest
		}}
		if side == 0 {
			l.ks.hand = h
		} else {
			l.gms[0].hand = h
		}
		l.RunFor(10 * time.Second)
	}
	for message, rest := range seeds {
		f.Add(uint8(message-1), uint16(0), []byte{}, rest)
	}
	_, third := fullThird()
	f.Add(uint8(2), uint16(0), []byte{}, third)

	var l *lab
	count := 0
	f.Fuzz(func(t *testing.T, which uint8, at uint16, change, whole []byte) {
		if l == nil || count%5000 == 0 { // a TEK has an hour
			l = newLab(t, 31, 1, counterMode)
			l.ks.hand, l.gms[0].hand = new(hand), new(hand)
			l.RunFor(10 * time.Second)
		}
		count++
		g := l.gms[0]
		register := func() {
			g.host.Poke(func(now time.Time) { g.member.Step(now, member.Clear{}); g.drain(now) })
			l.RunFor(12 * time.Millisecond)
			g.log, l.ks.log = nil, nil
		}
		message := int(which)%4 + 1
		h := g.hand
		if message%2 == 0 {
			h = l.ks.hand
		}
		h.change = func(m int, first uint8, rest []byte) (uint8, []byte) {
			if m != message {
				return first, rest
			}
			nonce := nonceOf(first, rest)
			if len(whole) > 0 && len(whole) < 60000 {
				if old := nonceOf(first, whole); old != nil && nonce != nil {
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
		h.change = nil
		register()
		if s := g.snapshot(); s.Status != "Registered" || l.ks.group().Members.Len() != 1 || len(s.TEKs) > 300 {
			t.Fatalf("message %d: afterwards the member is %s, %d members", message, s.Status, l.ks.group().Members.Len())
		}
	})
}
