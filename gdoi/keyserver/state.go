package keyserver

import (
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/internal/secret"
	"coterie/xfrm"
)

// state is what record "state" of a group says: its keys, and the policy that
// its members hold. Times are those of the clock when it was written.
//
//	version  1 octet, 1
//	identity number and address
//	epoch, activation time
//	KEK, and the KEK of the last rekey where that is another: flag, keys
//	TEKs     their number, then each: keys, times, policy, access list
//	policy   in force: receive-only, size of sender IDs, rekey, `sa ipsec`
type state struct {
	id     policy.GroupID
	epoch  uint64
	active time.Time
	kek    *kek // without its signer
	under  *kek // nil: the last rekey was sent under kek
	teks   []*tek
	force  Group // what policyDiffers compares, and the names shown
}

const stateVersion = 1

// Least octets of what there may be many of; they bound what a reader
// allocates.
const (
	leastACE = 2 + 2*6
	leastTEK = 59
	leastSA  = 35
)

// stateOf is the state of a group as it is to be stored at now. Keys that have
// ended are left out.
func stateOf(now time.Time, g *group) state {
	s := state{id: g.cfg.ID, epoch: g.epoch, active: dated(g.active, now), force: g.force, kek: g.kek.dated(now)}
	if u := g.under; u != nil && u.Expires().After(now) {
		s.under = u.dated(now)
	}
	for _, t := range g.teks {
		if t.end.After(now) {
			c := *t
			c.Created, c.end = dated(t.Created, now), dated(t.end, now)
			s.teks = append(s.teks, &c)
		}
	}
	return s
}

// dated is a copy with its time as it is to be stored at now.
func (k *kek) dated(now time.Time) *kek {
	if k == nil {
		return nil
	}
	c := *k
	c.Created = dated(k.Created, now)
	return &c
}

func (s state) encode() []byte {
	o := make(octets, 0, 512)
	o.u8(stateVersion)
	o.u32(s.id.Number)
	o.addr(s.id.Address)
	o.u64(s.epoch)
	o.time(s.active)
	for _, k := range []*kek{s.kek, s.under} {
		o.flag(k != nil)
		if k != nil {
			o.kek(k)
		}
	}
	o.u16(uint16(len(s.teks)))
	for _, t := range s.teks {
		o.tek(t)
	}
	o.policy(s.force)
	return o
}

// decodeState reads a record; the error is errRecord.
func decodeState(b []byte) (state, error) {
	r := reader{b: b}
	var s state
	r.bad = r.u8() != stateVersion
	s.id.Number = r.u32()
	s.id.Address = r.addr()
	s.epoch = r.u64()
	s.active = r.time()
	for _, k := range []**kek{&s.kek, &s.under} {
		if r.flag() {
			*k = r.kek()
		}
	}
	for range r.count(leastTEK) {
		s.teks = append(s.teks, r.tek())
	}
	s.force = r.policy()
	return s, r.done()
}

func (o *octets) kek(k *kek) {
	*o = append(*o, k.SPI[:]...)
	o.u8(uint8(k.Cipher))
	o.bytes(k.IV.Reveal())
	o.bytes(k.Key.Reveal())
	o.u8(uint8(k.SigHash))
	o.bytes(k.SigKey)
	o.time(k.Created)
	o.duration(k.Lifetime)
	o.flag(k.AckWanted)
	o.u8(uint8(k.AckHash))
	o.rekey(k.rekey)
}

func (r *reader) kek() *kek {
	k := &kek{}
	copy(k.SPI[:], r.take(len(k.SPI)))
	k.Cipher = suite.Cipher(r.u8())
	k.IV, k.Key = secret.New(r.bytes()), secret.New(r.bytes())
	k.SigHash = suite.Hash(r.u8())
	k.SigKey = r.bytes()
	k.Created = r.time()
	k.Lifetime = r.duration()
	k.AckWanted = r.flag()
	k.AckHash = suite.Hash(r.u8())
	k.rekey = r.rekey()
	r.bad = r.bad || k.Key.Len() != k.Cipher.KeyLen() || k.IV.Len() != k.Cipher.BlockLen() || !k.SigHash.Known()
	return k
}

func (o *octets) tek(t *tek) {
	o.u32(uint32(t.SA))
	o.u32(t.SPI)
	o.transform(t.Transform)
	o.bytes(t.CipherKey.Reveal())
	o.bytes(t.AuthKey.Reveal())
	o.time(t.Created)
	o.duration(t.Lifetime)
	o.flag(t.Transport)
	o.replay(t.Replay)
	o.flag(t.ReceiveOnly)
	o.text(t.aclName)
	o.flag(t.superseded)
	o.time(t.end)
	o.aces(t.ACEs)
}

func (r *reader) tek() *tek {
	t := &tek{}
	t.SA = int(r.u32())
	t.SPI = r.u32()
	t.Transform = r.transform()
	t.CipherKey, t.AuthKey = secret.New(r.bytes()), secret.New(r.bytes())
	t.Created = r.time()
	t.Lifetime = r.duration()
	t.Transport = r.flag()
	t.Replay = r.replay()
	t.ReceiveOnly = r.flag()
	t.aclName = r.text()
	t.superseded = r.flag()
	t.end = r.time()
	t.ACEs = r.aces()
	cipher, auth := t.Transform.Keys()
	r.bad = r.bad || t.SPI < 256 || t.CipherKey.Len() != cipher || t.AuthKey.Len() != auth
	return t
}

func (o *octets) transform(t suite.Transform) {
	o.u8(uint8(t.Cipher))
	o.u8(uint8(t.Auth))
}

func (r *reader) transform() suite.Transform {
	return suite.Transform{Cipher: suite.ESPCipher(r.u8()), Auth: suite.ESPAuth(r.u8())}
}

func (o *octets) replay(p policy.Replay) {
	o.u8(uint8(p.Method))
	o.u32(uint32(p.CounterWindow))
	o.duration(p.TimeWindow)
	o.u8(uint8(p.Encoding))
}

func (r *reader) replay() policy.Replay {
	return policy.Replay{Method: policy.ReplayMethod(r.u8()), CounterWindow: int(r.u32()), TimeWindow: r.duration(), Encoding: xfrm.TBAR(r.u8())}
}

func (o *octets) aces(list []xfrm.ACE) {
	o.u16(uint16(len(list)))
	for _, a := range list {
		o.flag(a.Permit)
		o.u8(a.Protocol)
		for _, m := range []xfrm.Match{a.Src, a.Dst} {
			o.addr(m.Addr)
			o.addr(m.Mask)
			o.u16(m.Ports.Lo)
			o.u16(m.Ports.Hi)
		}
	}
}

func (r *reader) aces() []xfrm.ACE {
	var list []xfrm.ACE
	for range r.count(leastACE) {
		a := xfrm.ACE{Permit: r.flag(), Protocol: r.u8()}
		for _, m := range []*xfrm.Match{&a.Src, &a.Dst} {
			m.Addr, m.Mask = r.addr(), r.addr()
			m.Ports = xfrm.PortRange{Lo: r.u16(), Hi: r.u16()}
			r.bad = r.bad || m.Addr.BitLen() != m.Mask.BitLen()
		}
		list = append(list, a)
	}
	return list
}

// rekey writes how rekeys travel and what signs them.
func (o *octets) rekey(k Rekey) {
	o.flag(k.Unicast)
	o.addrPort(k.Multicast)
	o.u8(uint8(k.Cipher))
	o.u8(uint8(k.SigHash))
	o.text(k.KeyLabel)
	o.bytes(k.SPKI)
	o.duration(k.Lifetime)
	o.duration(k.Retransmit)
	o.u16(uint16(k.Count))
	o.flag(k.Periodic)
}

func (r *reader) rekey() Rekey {
	return Rekey{
		Unicast: r.flag(), Multicast: r.addrPort(), Cipher: suite.Cipher(r.u8()), SigHash: suite.Hash(r.u8()),
		KeyLabel: r.text(), SPKI: r.bytes(), Lifetime: r.duration(), Retransmit: r.duration(), Count: int(r.u16()), Periodic: r.flag(),
	}
}

func (o *octets) policy(g Group) {
	o.flag(g.ReceiveOnly)
	o.u8(g.Size.Bits)
	o.u8(g.Size.ServerBits)
	o.rekey(g.Rekey)
	o.u16(uint16(len(g.SAs)))
	for _, sa := range g.SAs {
		o.u32(uint32(sa.Number))
		o.text(sa.Profile)
		o.text(sa.ACLName)
		o.aces(sa.ACEs)
		o.transform(sa.Transform)
		o.duration(sa.Lifetime)
		o.flag(sa.Transport)
		o.replay(sa.Replay)
	}
}

func (r *reader) policy() Group {
	g := Group{ReceiveOnly: r.flag(), Size: policy.GroupSize{Bits: r.u8(), ServerBits: r.u8()}, Rekey: r.rekey()}
	for range r.count(leastSA) {
		g.SAs = append(g.SAs, SA{
			Number: int(r.u32()), Profile: r.text(), ACLName: r.text(), ACEs: r.aces(),
			Transform: r.transform(), Lifetime: r.duration(), Transport: r.flag(), Replay: r.replay(),
		})
	}
	return g
}
