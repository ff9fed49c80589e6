package wire

import (
	"cmp"
	"encoding/binary"
	"math"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/xfrm"
)

// DecodeSA reads the policy of an SA payload; keys come later, with AddKeys.
// Lifetimes count from now. Algorithms and modes that a member cannot do are
// an *Error with NO-PROPOSAL-CHOSEN or ATTRIBUTES-NOT-SUPPORTED.
func DecodeSA(sa SA, now time.Time) (Policy, error) {
	var p Policy
	if len(sa.SAK) > 1 {
		return p, refused(PayloadSAK, "key hierarchies are not supported")
	}
	if len(sa.SAK) == 1 {
		if err := p.decodeSAK(sa.SAK[0], now); err != nil {
			return Policy{}, err
		}
	}
	if len(sa.SAT) > 0 {
		p.HasTEKs = true
		if err := p.decodeSATs(sa.SAT, now); err != nil {
			return Policy{}, err
		}
	}
	p.ATD, p.DTD = delay(sa.GAP, gapATD), delay(sa.GAP, gapDTD)
	if a, ok := Find(sa.GAP, gapPseudotime); ok {
		if len(a.Value) != 8 {
			return Policy{}, malformed(PayloadGAP, "pseudotime of %d octets", len(a.Value))
		}
		t := xfrm.Pseudotime(binary.BigEndian.Uint64(a.Value))
		p.Pseudotime = &t
	}
	return p, nil
}

func delay(gap []Attribute, t uint16) *time.Duration {
	v, ok := findNumber(gap, t)
	if !ok {
		return nil
	}
	d := time.Duration(min(v, math.MaxUint16)) * time.Second
	return &d
}

func (p *Policy) decodeSAK(s SAK, now time.Time) error {
	k := policy.KEK{SPI: s.SPI, Created: now}
	var ok bool
	if p.Server, ok = s.Src.AddrPort(); !ok && s.Src.Type != IDNone {
		return refused(PayloadSAK, "source identification type %d", s.Src.Type)
	}
	if p.Rekey, ok = s.Dst.AddrPort(); !ok && s.Dst.Type != IDNone {
		return refused(PayloadSAK, "destination identification type %d", s.Dst.Type)
	}
	if s.Protocol != ipProtocolUDP {
		return refused(PayloadSAK, "protocol %d", s.Protocol)
	}
	algorithm, ok := findNumber(s.Attributes, kekAlgorithm)
	if !ok {
		return refused(PayloadSAK, "no KEK algorithm")
	}
	bits, _ := findNumber(s.Attributes, kekKeyLength)
	if algorithm == 3 && bits == 0 {
		bits = 128
	}
	for _, a := range kekAlgorithms {
		if uint64(a.algorithm) == algorithm && (a.bits == 0 || uint64(a.bits) == bits) {
			k.Cipher = a.cipher
		}
	}
	if k.Cipher == 0 {
		return refused(PayloadSAK, "KEK algorithm %d of %d bits", algorithm, bits)
	}
	if v, ok := findNumber(s.Attributes, kekManagement); ok && v != 0 {
		return refused(PayloadSAK, "key hierarchies are not supported")
	}
	if v, ok := findNumber(s.Attributes, kekSigAlg); ok && v != sigRSA {
		return refused(PayloadSAK, "signature algorithm %d", v)
	}
	hash, ok := findNumber(s.Attributes, kekSigHash)
	if !ok {
		return refused(PayloadSAK, "no signature hash")
	}
	for _, h := range sigHashes {
		if uint64(h.number) == hash {
			k.SigHash = h.hash
		}
	}
	if k.SigHash == 0 {
		return refused(PayloadSAK, "signature hash %d", hash)
	}
	life, ok := findNumber(s.Attributes, kekKeyLifetime)
	if !ok {
		life = uint64(defaultKEKLifetime / time.Second)
	}
	k.Lifetime = lifetime(life)
	switch v, _ := findNumber(s.Attributes, kekAck); v {
	case ackKEKSHA256:
		k.AckWanted, k.AckHash = true, suite.SHA256
	case ackKEKSHA512:
		k.AckWanted, k.AckHash = true, suite.SHA512
	}
	p.KEK = &k
	return nil
}

// Lifetimes of an SA that does not say: the IOS default of a KEK, and RFC 2407
// section 4.5.4 for a TEK.
const (
	defaultKEKLifetime = 24 * time.Hour
	defaultTEKLifetime = 8 * time.Hour
)

// lifetime keeps a number of seconds inside what a Duration and a screen hold.
func lifetime(seconds uint64) time.Duration {
	return time.Duration(min(seconds, math.MaxUint32)) * time.Second
}

// maxTEKs bounds the SPIs of one message: several `sa ipsec`, a few
// generations of each.
const maxTEKs = 256

func (p *Policy) decodeSATs(sats []SAT, now time.Time) error {
	var denies []xfrm.ACE // waiting for the TEK of the next permit
	at := make(map[uint32]int)
	nextSA := 0
	for _, s := range sats {
		ace := xfrm.ACE{Permit: s.ProtocolID == ProtoESP, Protocol: s.Protocol}
		var err error
		if s.Raw != nil || s.ProtocolID != ProtoESP && s.ProtocolID != ProtoBypass {
			return refused(PayloadSAT, "protocol identifier %d", s.ProtocolID)
		}
		if ace.Src, err = s.Src.match(); err != nil {
			return err
		}
		if ace.Dst, err = s.Dst.match(); err != nil {
			return err
		}
		if !ace.Permit {
			denies = append(denies, ace)
			continue
		}
		if err := ports(&ace.Src.Ports, s.Attributes, PrivateSrcPorts); err != nil {
			return err
		}
		if err := ports(&ace.Dst.Ports, s.Attributes, PrivateDstPorts); err != nil {
			return err
		}
		t, err := decodeSAT(s, now)
		if err != nil {
			return err
		}
		i, known := at[t.SPI]
		if !known {
			if t.SA == 0 {
				nextSA--
				t.SA = nextSA // set apart from the numbers sent, made positive below
			}
			if i = len(p.TEKs); i == maxTEKs {
				return refused(PayloadSAT, "more than %d SPIs", maxTEKs)
			}
			at[t.SPI] = i
			p.TEKs = append(p.TEKs, t)
		} else if o := p.TEKs[i]; o.Transform != t.Transform || o.Transport != t.Transport || t.SA != 0 && o.SA != t.SA {
			return refused(PayloadSAT, "SPI 0x%X with two policies", t.SPI)
		}
		p.TEKs[i].ACEs = append(p.TEKs[i].ACEs, denies...)
		p.TEKs[i].ACEs = append(p.TEKs[i].ACEs, ace)
		denies = nil
	}
	if len(denies) > 0 {
		if i := len(p.Current()) - 1; i >= 0 {
			last := at[p.Current()[i].SPI]
			p.TEKs[last].ACEs = append(p.TEKs[last].ACEs, denies...)
		}
	}
	numberSAs(p.TEKs)
	return nil
}

// numberSAs gives TEKs without a policy identifier the numbers 1, 2, 3 ... in
// their order, passing over those that were sent.
func numberSAs(teks []policy.TEK) {
	used := make(map[int]bool)
	for _, t := range teks {
		used[t.SA] = true
	}
	n := 0
	for i := range teks {
		if teks[i].SA >= 0 {
			continue
		}
		for n++; used[n]; n++ {
		}
		teks[i].SA = n
	}
}

func ports(r *xfrm.PortRange, attrs []Attribute, t uint16) error {
	a, ok := Find(attrs, t)
	if !ok {
		return nil
	}
	if len(a.Value) != 4 {
		return malformed(PayloadSAT, "port range of %d octets", len(a.Value))
	}
	lo, hi := binary.BigEndian.Uint16(a.Value), binary.BigEndian.Uint16(a.Value[2:])
	if lo > hi {
		return refused(PayloadSAT, "ports %d to %d", lo, hi)
	}
	*r = xfrm.PortRange{Lo: lo, Hi: hi}
	return nil
}

func decodeSAT(s SAT, now time.Time) (policy.TEK, error) {
	t := policy.TEK{SPI: s.SPI, Created: now, Lifetime: defaultTEKLifetime,
		Replay: policy.Replay{Method: policy.ReplayCounter, CounterWindow: defaultCounterWindow}}
	if s.SPI < 256 {
		return t, refused(PayloadSAT, "reserved SPI %d", s.SPI)
	}
	var bits, auth, lifeType uint64
	for _, a := range s.Attributes {
		v, numeric := a.Uint()
		if !numeric && a.Type <= satDirection {
			return t, malformed(PayloadSAT, "attribute %d of %d octets", a.Type, len(a.Value))
		}
		switch a.Type {
		case satLifeType:
			lifeType = v
		case satLifeDuration:
			if lifeType == 1 {
				t.Lifetime = lifetime(v)
			}
		case satEncapsulation:
			if v != 1 && v != 2 {
				return t, refused(PayloadSAT, "encapsulation mode %d", v)
			}
			t.Transport = v == 2
		case satAuth:
			auth = v
		case satKeyLength:
			bits = v
		case satESN:
			if v == 1 {
				return t, refused(PayloadSAT, "extended sequence numbers")
			}
		case satPreservation:
			if v != 4 {
				return t, refused(PayloadSAT, "address preservation %d", v)
			}
		case satDirection:
			if v != directionReceiver && v != 3 {
				return t, refused(PayloadSAT, "direction %d", v)
			}
			t.ReceiveOnly = t.ReceiveOnly || v == directionReceiver
		case PrivateTBARWindow:
			t.Replay = policy.Replay{Method: policy.ReplayTime, TimeWindow: time.Duration(min(v, math.MaxUint32)) * time.Millisecond,
				Encoding: cmp.Or(t.Replay.Encoding, xfrm.TBARSequence)}
		case PrivateTBAREncoding:
			if v != uint64(xfrm.TBARMetadata) && v != uint64(xfrm.TBARSequence) {
				return t, refused(PayloadSAT, "time-based anti-replay encoding %d", v)
			}
			t.Replay.Encoding = xfrm.TBAR(v)
		case PrivateReceiveOnly:
			t.ReceiveOnly = t.ReceiveOnly || v == 1
		case PrivatePolicyID:
			if v == 0 || v > math.MaxInt32 {
				return t, malformed(PayloadSAT, "policy identifier %d", v)
			}
			t.SA = int(v)
		case PrivateCounterWindow:
			t.Replay = policy.Replay{Method: policy.ReplayCounter, CounterWindow: int(min(v, math.MaxUint16))}
			if v == 0 {
				t.Replay = policy.Replay{Method: policy.ReplayNone}
			}
		default:
			if !assignedSAAttribute(a.Type) {
				return t, &Error{Notify: NotifyAttributesNotSupported, Payload: PayloadSAT, Reason: "unknown attribute"}
			}
		}
	}
	var err error
	t.Transform, err = decodeTransform(s.Transform, bits, auth)
	return t, err
}

func decodeTransform(id uint8, bits, auth uint64) (suite.Transform, error) {
	var t suite.Transform
	switch {
	case counterMode(id) && (bits == 160 || bits == 224 || bits == 288):
		bits -= 32 // with the salt, as one implementation counts it
	case bits == 0 && (id == 12 || counterMode(id)):
		bits = 128
	}
	for _, c := range espCiphers {
		if c.id == id && (c.bits == 0 || uint64(c.bits) == bits) {
			t.Cipher = c.cipher
		}
	}
	for _, a := range espAuths {
		if uint64(a.number) == auth {
			t.Auth = a.auth
		}
	}
	switch {
	case t.Cipher == 0:
		return t, refused(PayloadSAT, "transform %d with a key of %d bits", id, bits)
	case auth != 0 && t.Auth == 0:
		return t, refused(PayloadSAT, "authentication algorithm %d", auth)
	case counterMode(id) && auth != 0:
		return t, refused(PayloadSAT, "authentication algorithm %d with transform %d", auth, id)
	case t.Cipher == suite.ESPNull && auth == 0:
		return t, refused(PayloadSAT, "neither encryption nor authentication")
	}
	return t, nil
}
