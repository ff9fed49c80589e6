package keyserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

var start = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

var serverAddr = netip.MustParseAddr("192.168.1.254")

func memberAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

func ace(permit bool, protocol uint8) xfrm.ACE { return xfrm.ACE{Permit: permit, Protocol: protocol} }

// testGroup is a complete unicast group: AES-256 KEK of a day, AES TEK of an hour.
func testGroup() Group {
	key, spki := testkey.Long()
	return Group{
		Name: "GDOI-GROUP1", ID: policy.GroupID{Number: 1234}, Address: serverAddr, Port: 848,
		Acknowledgement: "Cisco",
		Rekey: Rekey{
			Unicast: true, Cipher: suite.AES256, SigHash: suite.SHA256, KeyLabel: "MYRSAKEY", Signer: key, SPKI: spki,
			Lifetime: 24 * time.Hour, Retransmit: 10 * time.Second, Count: 2,
		},
		SAs: []SA{{
			Number: 1, Profile: "P", ACLName: "getvpn-acl", ACEs: []xfrm.ACE{ace(true, 1)},
			Transform: suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}, Lifetime: time.Hour,
			Replay: policy.Replay{CounterWindow: 64},
		}},
	}
}

// world drives a machine: it makes signatures at once, keeps what is sent and
// logged, and passes PUSH datagrams to the members it knows.
type world struct {
	t        testing.TB
	m        *Machine
	now      time.Time
	members  map[netip.Addr]*member
	sends    []Send
	logs     []string
	persists []Persist
	refused  []isakmp.Refuse
	answer   *isakmp.Exchange2
	plain    []PlainPush
	toISAKMP []isakmp.Input
	trace    []string // kinds of outputs, in order
	lose     func(Send) bool
	noSign   bool // hold signatures back
	held     []Compute
	diskFull bool
	disk     map[[2]string][]byte // by group and key
	quick    bool                 // members neither verify nor keep anything but the last SEQ
}

func newWorld(t testing.TB, groups ...Group) *world {
	w := &world{t: t, now: start, members: map[netip.Addr]*member{}}
	seed := sha256.Sum256([]byte("keyserver"))
	w.m = New(env.Env{Rand: rand.NewChaCha8(seed)})
	w.configure(groups...)
	return w
}

func (w *world) configure(groups ...Group) {
	w.step(Configure{Config{Groups: groups, KeyLog: true}})
}

func (w *world) step(in Input) {
	w.m.Step(w.now, in)
	w.drain()
}

func (w *world) drain() {
	for out := w.m.Drain(); len(out) > 0; out = w.m.Drain() {
		for i, o := range out {
			w.trace = append(w.trace, strings.TrimPrefix(fmt.Sprintf("%T", o), "keyserver."))
			switch o := o.(type) {
			case Send:
				w.sends = append(w.sends, o)
				if m := w.members[o.Remote.Addr()]; m != nil && (w.lose == nil || !w.lose(o)) {
					m.push(o)
				}
			case Log:
				if o.Event != nil {
					w.logs = append(w.logs, o.Text())
				}
			case Persist:
				w.persists = append(w.persists, o)
				if w.diskFull {
					w.m.Step(w.now, Persisted{o.Number, errors.New("disk full")})
					out = out[:i]
				} else {
					w.store(o.Records)
					w.m.Step(w.now, Persisted{o.Number, nil})
				}
			case PersistLater:
				w.store(o.Records)
			case Compute:
				if w.noSign {
					w.held = append(w.held, o)
				} else {
					w.m.Step(w.now, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
				}
			case ToISAKMP:
				w.toISAKMP = append(w.toISAKMP, o.Input)
				switch in := o.Input.(type) {
				case isakmp.Exchange2:
					w.answer = &in
				case isakmp.Refuse:
					w.refused = append(w.refused, in)
				}
			case PlainPush:
				w.plain = append(w.plain, o)
			}
			if w.diskFull && len(out) == i {
				break
			}
		}
	}
}

// run lets d pass, with a Tick whenever the machine wants one.
func (w *world) run(d time.Duration) { w.runTo(w.now.Add(d)) }

func (w *world) runTo(end time.Time) {
	for ticks := 0; ; ticks++ {
		next := w.m.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		if ticks > 1_000_000 {
			w.t.Fatal("the machine asks for ticks without end")
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(Tick{})
	}
	w.now = end
}

func (w *world) group() GroupSnapshot { return w.m.Snapshot(w.now).Groups[0] }

// takeLogs returns what was logged since it was last asked.
func (w *world) takeLogs() []string {
	l := w.logs
	w.logs = nil
	return l
}

func (w *world) wantLogs(want ...string) {
	w.t.Helper()
	if got := w.takeLogs(); !slices.Equal(got, want) {
		w.t.Errorf("logged\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (w *world) takeSends() []Send {
	s := w.sends
	w.sends = nil
	return s
}

// member is a group member made of the codec alone.
type member struct {
	w       *world
	sa      isakmp.SA
	mid     uint32
	ni, nr  []byte
	offered wire.Policy
	policy  wire.Policy
	kek     *policy.KEK
	seq     uint32
	teks    []policy.TEK // newest first
	pushes  []*wire.ReceivedPush
	ignored int // PUSHes it could not use
	// reauthenticates is how often it was told to prove itself again.
	reauthenticates int
	left            int // times it was told to leave, and how late it may

	leaveAfter time.Duration
	mute       bool
}

// phaseOne is the established phase 1 of member i, which can what the mask says.
func phaseOne(i int, can uint32) isakmp.SA {
	remote := netip.AddrPortFrom(memberAddr(i), 848)
	key := sha256.Sum256(remote.Addr().AsSlice())
	return isakmp.SA{
		ID: isakmp.SAID(i), Local: netip.AddrPortFrom(serverAddr, 848), Remote: remote, Peer: isakmp.AddressID(remote), Capabilities: can,
		PRF: func(parts ...[]byte) []byte {
			h := hmac.New(sha256.New, key[:])
			for _, p := range parts {
				h.Write(p)
			}
			return h.Sum(nil)
		},
	}
}

// newMember is a peer with an established phase 1 and all our capabilities.
func (w *world) newMember(i int) *member {
	m := &member{w: w, mid: uint32(i) << 16, sa: phaseOne(i, isakmp.CapDenyACE|isakmp.CapPushAck|isakmp.CapTwoOctetTEK)}
	w.members[m.sa.Remote.Addr()] = m
	return m
}

func (m *member) send(first uint8, chain []byte) {
	m.w.answer = nil
	m.w.step(Phase2{isakmp.Phase2{SA: m.sa, Exchange: isakmp.ExchangePull, MessageID: m.mid, First: first, Payloads: chain}})
}

// pull1 sends message 1 and reads the offer; false when it was refused.
func (m *member) pull1(number uint32) bool {
	m.mid++
	m.ni = bytes.Repeat([]byte{byte(m.mid)}, 20)
	first, chain, err := wire.BuildPull1(m.sa.PRF, m.mid, wire.Pull1{
		Nonce: m.ni, ID: wire.GroupIdentity(policy.GroupID{Number: number}), Info: &wire.Info{Version: "1.0.27", Hostname: "R2"},
	})
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.send(first, chain)
	if m.w.answer == nil {
		return false
	}
	msg, err := wire.ParsePull2(m.sa.PRF, m.mid, m.ni, m.w.answer.First, m.w.answer.Payloads, wire.Form{})
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.nr = msg.Nonce
	if m.offered, err = wire.DecodeSA(msg.SA, m.w.now); err != nil {
		m.w.t.Fatal(err)
	}
	return true
}

// pull3 accepts the offer and takes the keys.
func (m *member) pull3() bool {
	first, chain, err := wire.BuildPull3(m.sa.PRF, m.mid, m.ni, m.nr, wire.Pull3{})
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.send(first, chain)
	if m.w.answer == nil {
		return false
	}
	msg, err := wire.ParsePull4(m.sa.PRF, m.mid, m.ni, m.nr, m.w.answer.First, m.w.answer.Payloads)
	if err != nil {
		m.w.t.Fatal(err)
	}
	if err := m.offered.AddKeys(msg.KD); err != nil {
		m.w.t.Fatal(err)
	}
	m.policy = m.offered
	if m.kek, m.seq = m.policy.KEK, msg.Seq; msg.HasSeq != (m.kek != nil) {
		m.w.t.Fatalf("SEQ %v, KEK %v", msg.HasSeq, m.kek)
	}
	m.teks = slices.Clone(m.policy.TEKs)
	return true
}

func (m *member) register(number uint32) bool { return m.pull1(number) && m.pull3() }

// push takes a rekey as a member does and acknowledges it. Under an unknown
// KEK it does nothing; a duplicate is acknowledged again.
func (m *member) push(s Send) {
	if m.mute || m.kek == nil {
		return
	}
	t := m.w.t
	p, err := wire.ParsePush(*m.kek, s.Data, wire.Form{})
	if err != nil {
		m.ignored++
		return
	}
	acknowledged := *m.kek
	if p.Seq > m.seq {
		if m.w.quick {
			m.seq = p.Seq
		} else {
			m.apply(p)
		}
	} else if p.Seq < m.seq {
		t.Errorf("%v: SEQ %d after %d", m.sa.Remote.Addr(), p.Seq, m.seq)
	}
	ack, err := wire.BuildAck(acknowledged, p.Seq, m.sa.Remote)
	if err != nil {
		t.Fatal(err)
	}
	m.w.m.Step(m.w.now, Ack{Local: s.Local, Remote: m.sa.Remote, Data: ack})
}

func (m *member) apply(p *wire.ReceivedPush) {
	t := m.w.t
	if err := p.VerifySignature(); err != nil {
		t.Fatalf("seq %d: %v", p.Seq, err)
	}
	m.seq = p.Seq
	m.pushes = append(m.pushes, p)
	for _, d := range p.Deletes {
		for _, spi := range d.TEKs() {
			m.teks = slices.DeleteFunc(m.teks, func(t policy.TEK) bool { return t.SPI == spi })
		}
	}
	if m.leave(p) {
		return
	}
	w, err := wire.DecodeSA(*p.SA, m.w.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddKeys(p.KD); err != nil {
		t.Fatal(err)
	}
	m.policy = w
	if w.DTD != nil {
		for i, old := range m.teks {
			end := m.w.now.Add(*w.DTD)
			if end.Before(old.Expires()) {
				m.teks[i].Lifetime = end.Sub(old.Created)
			}
		}
	}
	for _, n := range slices.Backward(w.TEKs) {
		if !slices.ContainsFunc(m.teks, func(o policy.TEK) bool { return o.SPI == n.SPI }) {
			m.teks = append([]policy.TEK{n}, m.teks...)
		}
	}
	if w.KEK != nil && w.KEK.SPI != m.kek.SPI {
		m.kek, m.seq = w.KEK, 0
	}
}

// leave does what a Delete of everything without an SA of its own asks for.
func (m *member) leave(p *wire.ReceivedPush) bool {
	if len(p.Deletes) == 1 && p.SA == nil && p.Deletes[0].All() && p.Deletes[0].Protocol == wire.ProtoKEK {
		m.reauthenticates++
		return true
	}
	if len(p.Deletes) != 2 || p.SA != nil && len(p.SA.SAT) > 0 {
		return false
	}
	if !p.Deletes[0].All() || p.Deletes[0].Protocol != wire.ProtoESP || !p.Deletes[1].All() || p.Deletes[1].Protocol != wire.ProtoKEK {
		m.w.t.Fatalf("Deletes %+v", p.Deletes)
	}
	m.left, m.leaveAfter = m.left+1, 0
	if p.SA == nil {
		m.teks = nil
		return true
	}
	w, err := wire.DecodeSA(*p.SA, m.w.now)
	if err != nil || w.DTD == nil {
		m.w.t.Fatalf("%+v, %v", p.SA, err)
	}
	m.leaveAfter = *w.DTD
	for i, old := range m.teks {
		if end := m.w.now.Add(*w.DTD); end.Before(old.Expires()) {
			m.teks[i].Lifetime = end.Sub(old.Created)
		}
	}
	return true
}

// holds tells whether the member can decrypt under an SPI.
func (m *member) holds(spi uint32) bool {
	return slices.ContainsFunc(m.teks, func(t policy.TEK) bool { return t.SPI == spi && t.Expires().After(m.w.now) })
}

func pushSeq(data []byte, kek policy.KEK) uint32 {
	p, err := wire.ParsePush(kek, data, wire.Form{})
	if err != nil {
		return 0
	}
	return p.Seq
}

func spiText(spi [16]byte) string { return fmt.Sprintf("%x", binary.BigEndian.Uint32(spi[:])) }
