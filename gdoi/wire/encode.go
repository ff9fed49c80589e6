package wire

import (
	"cmp"
	"encoding/binary"
	"math"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/policy"
	"coterie/xfrm"
)

// Encode writes the policy as SA and KD with the lifetimes that remain at now.
// TEKs that have expired, and TEKs none of whose ACEs is a permit, are left
// out. An algorithm without a number on the wire is an error.
func (p Policy) Encode(now time.Time) (SA, []KeyPacket, error) {
	var sa SA
	var kd []KeyPacket
	if p.KEK != nil {
		k, packet, err := p.encodeKEK(now)
		if err != nil {
			return SA{}, nil, err
		}
		sa.SAK, kd = []SAK{k}, append(kd, packet)
	}
	for _, older := range []bool{false, true} {
		for i, t := range p.TEKs {
			if firstOf(p.TEKs, i) == older || !t.Expires().After(now) {
				continue
			}
			sats, err := encodeTEK(t, now, older)
			if err != nil {
				return SA{}, nil, err
			}
			sa.SAT = append(sa.SAT, sats...)
			for _, s := range sats {
				if s.ProtocolID == ProtoESP {
					kd = append(kd, tekPacket(t))
					break
				}
			}
		}
	}
	if p.ATD != nil {
		sa.GAP = append(sa.GAP, isakmp.Basic(gapATD, seconds16(*p.ATD)))
	}
	if p.DTD != nil {
		sa.GAP = append(sa.GAP, isakmp.Basic(gapDTD, seconds16(*p.DTD)))
	}
	if p.Pseudotime != nil {
		sa.GAP = append(sa.GAP, isakmp.Variable(gapPseudotime, binary.BigEndian.AppendUint64(nil, uint64(*p.Pseudotime))))
	}
	return sa, kd, nil
}

func (p Policy) encodeKEK(now time.Time) (SAK, KeyPacket, error) {
	k := p.KEK
	sak := SAK{Protocol: ipProtocolUDP, Src: AddrID(p.Server), Dst: AddrID(p.Rekey), SPI: k.SPI}
	if sak.Dst.Port == 0 {
		sak.Dst.Port = sak.Src.Port
	}
	known := false
	for _, a := range kekAlgorithms {
		if a.cipher != k.Cipher {
			continue
		}
		known = k.Key.Len() == k.Cipher.KeyLen() && k.IV.Len() == k.Cipher.BlockLen()
		sak.Attributes = append(sak.Attributes, isakmp.Basic(kekAlgorithm, a.algorithm))
		if a.bits != 0 {
			sak.Attributes = append(sak.Attributes, isakmp.Basic(kekKeyLength, a.bits))
		}
	}
	if !known {
		return SAK{}, KeyPacket{}, refused(PayloadSAK, "cipher %d with %d octets of key and %d of IV", k.Cipher, k.Key.Len(), k.IV.Len())
	}
	if SigHashNumber(k.SigHash) == 0 {
		return SAK{}, KeyPacket{}, refused(PayloadSAK, "signature hash %d", k.SigHash)
	}
	pub, err := rsaKey(k.SigKey)
	if err != nil {
		return SAK{}, KeyPacket{}, err
	}
	sak.Attributes = append(sak.Attributes,
		Long(kekKeyLifetime, seconds32(k.Expires().Sub(now))),
		isakmp.Basic(kekSigHash, uint16(SigHashNumber(k.SigHash))),
		isakmp.Basic(kekSigAlg, sigRSA),
		isakmp.Basic(kekSigKeyLen, uint16(pub.N.BitLen())))
	if k.AckWanted {
		sak.Attributes = append(sak.Attributes, isakmp.Basic(kekAck, ackNumber(k.AckHash)))
	}
	key := append(append([]byte(nil), k.IV.Reveal()...), k.Key.Reveal()...)
	return sak, KeyPacket{Type: KDKEK, SPI: append([]byte(nil), k.SPI[:]...), Attributes: []Attribute{
		isakmp.Variable(kdKEKAlgorithmKey, key),
		isakmp.Variable(kdKEKSigKey, k.SigKey),
	}}, nil
}

// encodeTEK writes one SAT for each ACE; of an older generation, of each
// permit.
func encodeTEK(t policy.TEK, now time.Time, older bool) ([]SAT, error) {
	attrs, id, err := tekAttributes(t, now, older)
	if err != nil {
		return nil, err
	}
	var out []SAT
	for _, a := range t.ACEs {
		if older && !a.Permit {
			continue
		}
		s := SAT{ProtocolID: ProtoESP, Protocol: a.Protocol, Src: matchID(a.Src), Dst: matchID(a.Dst)}
		if !a.Permit {
			s.ProtocolID = ProtoBypass
			if rangeOf(a.Src.Ports) || rangeOf(a.Dst.Ports) {
				return nil, refused(PayloadSAT, "a deny entry with a range of ports")
			}
			out = append(out, s)
			continue
		}
		s.Transform, s.SPI, s.Attributes = id, t.SPI, attrs
		if rangeOf(a.Src.Ports) {
			s.Attributes = append(s.Attributes[:len(attrs):len(attrs)], portRange(PrivateSrcPorts, a.Src.Ports))
		}
		if rangeOf(a.Dst.Ports) {
			s.Attributes = append(s.Attributes[:len(s.Attributes):len(s.Attributes)], portRange(PrivateDstPorts, a.Dst.Ports))
		}
		out = append(out, s)
	}
	return out, nil
}

// rangeOf says that the ports are neither one port nor any.
func rangeOf(p xfrm.PortRange) bool { return p.Lo != p.Hi }

func portRange(t uint16, p xfrm.PortRange) Attribute {
	return isakmp.Variable(t, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.Lo), p.Hi))
}

func tekAttributes(t policy.TEK, now time.Time, older bool) (attrs []Attribute, id uint8, err error) {
	var bits uint16
	known := false
	for _, c := range espCiphers {
		if c.cipher == t.Transform.Cipher {
			id, bits, known = c.id, c.bits, true
		}
	}
	cipher, auth := t.Transform.Keys()
	if !known || t.CipherKey.Len() != cipher || t.AuthKey.Len() != auth {
		return nil, 0, refused(PayloadSAT, "transform %v with %d and %d octets of key", t.Transform, t.CipherKey.Len(), t.AuthKey.Len())
	}
	mode := uint16(1)
	if t.Transport {
		mode = 2
	}
	attrs = []Attribute{
		isakmp.Basic(satLifeType, 1),
		Long(satLifeDuration, seconds32(t.Expires().Sub(now))),
		isakmp.Basic(satEncapsulation, mode),
	}
	for _, a := range espAuths {
		if a.auth == t.Transform.Auth {
			attrs = append(attrs, isakmp.Basic(satAuth, a.number))
		}
	}
	if bits != 0 {
		attrs = append(attrs, isakmp.Basic(satKeyLength, bits))
	}
	direction := uint16(3)
	if older {
		direction = directionReceiver
	}
	attrs = append(attrs, isakmp.Basic(satPreservation, 4), isakmp.Basic(satDirection, direction))
	switch t.Replay.Method {
	case policy.ReplayTime:
		attrs = append(attrs, Long(PrivateTBARWindow, uint32(t.Replay.TimeWindow.Milliseconds())),
			isakmp.Basic(PrivateTBAREncoding, uint16(cmp.Or(t.Replay.Encoding, xfrm.TBARSequence))))
	case policy.ReplayNone:
		attrs = append(attrs, isakmp.Basic(PrivateCounterWindow, 0))
	case policy.ReplayCounter:
		if w := t.Replay.CounterWindow; w != 0 && w != defaultCounterWindow {
			attrs = append(attrs, isakmp.Basic(PrivateCounterWindow, uint16(w)))
		}
	}
	if t.ReceiveOnly {
		attrs = append(attrs, isakmp.Basic(PrivateReceiveOnly, 1))
	}
	if t.SA != 0 {
		attrs = append(attrs, Long(PrivatePolicyID, uint32(t.SA)))
	}
	return attrs, id, nil
}

const defaultCounterWindow = 64

func tekPacket(t policy.TEK) KeyPacket {
	p := KeyPacket{Type: KDTEK, SPI: binary.BigEndian.AppendUint32(nil, t.SPI)}
	if t.CipherKey.Len() > 0 {
		p.Attributes = append(p.Attributes, isakmp.Variable(kdTEKAlgorithmKey, t.CipherKey.Reveal()))
	}
	if t.AuthKey.Len() > 0 {
		p.Attributes = append(p.Attributes, isakmp.Variable(kdTEKIntegrityKey, t.AuthKey.Reveal()))
	}
	return p
}

// seconds32 is what remains of a lifetime, in whole seconds and at least one.
func seconds32(d time.Duration) uint32 {
	return uint32(min(max(d/time.Second, 1), math.MaxUint32))
}

// seconds16 is a delay of a GAP.
func seconds16(d time.Duration) uint16 { return uint16(min(max(d/time.Second, 0), math.MaxUint16)) }
