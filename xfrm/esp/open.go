package esp

import (
	"crypto/subtle"
	"encoding/binary"

	"coterie/xfrm"
)

// SPIOf is the SPI of an ESP datagram; false when datagram is not a whole IPv4
// datagram of protocol 50 that begins an ESP packet.
func SPIOf(datagram []byte) (uint32, bool) {
	f, ok := xfrm.ParseFlow(datagram)
	if !ok || f.Protocol != xfrm.ProtoESP || f.Fragment || f.TotalLen < f.HeaderLen+espHeaderLen {
		return 0, false
	}
	return binary.BigEndian.Uint32(datagram[f.HeaderLen:]), true
}

// Open checks and decrypts an ESP datagram in place and returns the datagram
// it carries, a part of the argument. The integrity check comes before
// anything is decrypted, in constant time. The inner datagram must have the
// outer addresses, and leaves with the lower of the two TTLs and the combined
// ECN field of RFC 6040. The sequence number is not checked as such: a group SA
// has many senders.
//
// now is this member's pseudotime, 0 while it has none, and only looked at with
// time-based anti-replay: then a packet is refused whose pseudotime is further
// away than the window, and under a counter mode one whose IV was received
// before. sent is the sender's pseudotime, known once the integrity check has
// passed, even of a packet that is refused; 0 otherwise.
//
// Errors are Causes; the content of datagram is undefined then.
func (s *SA) Open(datagram []byte, now xfrm.Pseudotime) (inner []byte, sent xfrm.Pseudotime, err error) {
	if inner, sent, err = s.open(datagram, now); err != nil {
		return nil, sent, s.refuse(err)
	}
	s.decrypt.Add(1)
	return inner, sent, nil
}

func (s *SA) open(datagram []byte, now xfrm.Pseudotime) (inner []byte, sent xfrm.Pseudotime, err error) {
	f, ok := xfrm.ParseFlow(datagram)
	if !ok || f.Protocol != xfrm.ProtoESP {
		return nil, 0, ErrMalformed
	}
	if binary.BigEndian.Uint16(datagram[6:])&0x3fff != 0 {
		return nil, 0, ErrFragment // reassembly comes first (RFC 4303 section 3.4.1)
	}
	outer, packet := datagram[:f.HeaderLen], datagram[f.HeaderLen:f.TotalLen]
	if len(packet) < espHeaderLen {
		return nil, 0, ErrMalformed
	}
	if binary.BigEndian.Uint32(packet) != s.spi {
		return nil, 0, ErrSPI
	}
	r := s.replay.Load()
	if r != nil && now == 0 {
		return nil, 0, ErrUnsynchronized
	}
	w := s.take()
	payload, next, err := s.unprotect(w, packet)
	s.give(w)
	if err != nil {
		return nil, 0, err
	}
	if r != nil {
		if sent, payload, next, err = s.timely(r, packet, payload, next, now); err != nil {
			return nil, sent, err
		}
	}
	switch {
	case next == xfrm.ProtoNone:
		return nil, sent, ErrDummy
	case s.transport:
		inner, err = openTransport(datagram, outer, payload, next)
	case next != xfrm.ProtoIPv4:
		err = ErrNextHeader
	default:
		inner, err = openTunnel(outer, payload)
	}
	return inner, sent, err
}

// timely checks an authentic packet against replay, and takes off the header that
// its pseudotime may have come in. Dummy packets need none. A packet sent again
// long after is one seen before, if that can be told: it says nothing about clocks.
func (s *SA) timely(r *replay, packet, payload []byte, next byte, now xfrm.Pseudotime) (xfrm.Pseudotime, []byte, byte, error) {
	var sent xfrm.Pseudotime
	var ok bool
	switch {
	case r.metadata() && next == xfrm.ProtoNone:
		return 0, payload, next, nil
	case r.metadata() && next != protoMetadata:
		return 0, nil, 0, ErrNextHeader
	case r.metadata():
		var err error
		if sent, payload, next, err = parseMetadata(payload); err != nil {
			return 0, nil, 0, err
		}
		ok = within(sent, now, r.window)
	default:
		sent, ok = nearest(binary.BigEndian.Uint32(packet[4:]), now, r.window)
	}
	if s.aead != nil {
		iv := binary.BigEndian.Uint64(packet[espHeaderLen:])
		if ok && !s.seen.accept(iv, now, r.window) || !ok && s.seen.has(iv) {
			return sent, nil, 0, ErrSeen
		}
	}
	if !ok {
		return sent, nil, 0, ErrTime
	}
	return sent, payload, next, nil
}

// unprotect checks and decrypts packet, from SPI to ICV, and returns what is
// inside without padding, and its next header.
func (s *SA) unprotect(w *worker, packet []byte) (payload []byte, next byte, err error) {
	n := len(packet) - espHeaderLen - s.ivLen - s.icvLen
	if n < 2 || n%s.align != 0 {
		return nil, 0, ErrMalformed
	}
	iv := packet[espHeaderLen : espHeaderLen+s.ivLen]
	payload = packet[espHeaderLen+s.ivLen:]
	sealed := len(packet) - s.icvLen
	switch {
	case s.gmac:
		copy(w.nonce[4:], iv)
		if _, err := s.aead.Open(w.sum[:0], w.nonce[:], packet[sealed:], packet[:sealed]); err != nil {
			return nil, 0, ErrICV
		}
	case s.aead != nil:
		copy(w.nonce[4:], iv)
		if _, err := s.aead.Open(payload[:0], w.nonce[:], payload, packet[:espHeaderLen]); err != nil {
			return nil, 0, ErrICV
		}
	default:
		if w.mac != nil && subtle.ConstantTimeCompare(w.sign(packet[:sealed])[:s.icvLen], packet[sealed:]) != 1 {
			return nil, 0, ErrICV
		}
		if s.block != nil {
			w.decrypter.SetIV(iv)
			w.decrypter.CryptBlocks(payload[:n], payload[:n])
		}
	}
	padLen := int(payload[n-2])
	next = payload[n-1]
	if padLen > n-2 {
		return nil, 0, ErrPad
	}
	n -= padLen + 2
	for i, b := range payload[n : n+padLen] {
		if b != byte(i+1) {
			return nil, 0, ErrPad
		}
	}
	return payload[:n], next, nil
}

// openTunnel checks the inner datagram against the outer header and merges
// into it what the way has changed. Octets behind it are traffic-flow padding
// (RFC 4303 section 2.7).
func openTunnel(outer, payload []byte) ([]byte, error) {
	f, ok := xfrm.ParseFlow(payload)
	if !ok {
		return nil, ErrInner
	}
	inner := payload[:f.TotalLen]
	if string(inner[12:20]) != string(outer[12:20]) {
		return nil, ErrAddress
	}
	tos, ok := mergeECN(inner[1], outer[1])
	if !ok {
		return nil, ErrECN
	}
	rewrite(inner, 0, uint16(inner[0])<<8|uint16(tos))
	if outer[8] < inner[8] {
		rewrite(inner, 8, uint16(outer[8])<<8|uint16(inner[9]))
	}
	return inner, nil
}

// mergeECN is the inner TOS after decapsulation (RFC 6040 figure 4), or false
// when the packet must be dropped.
func mergeECN(inner, outer byte) (byte, bool) {
	const notECT, ect1, ect0, ce = 0, 1, 2, 3
	switch in, out := inner&3, outer&3; {
	case in == notECT && out == ce:
		return 0, false
	case in == notECT || in == ce:
		return inner, true
	case out == ce, in == ect0 && out == ect1:
		return inner&^3 | out, true
	}
	return inner, true
}

// rewrite replaces the 16-bit word at offset and adjusts the header checksum
// for it (RFC 1624), so that a header that was wrong stays wrong.
func rewrite(header []byte, offset int, word uint16) {
	old := binary.BigEndian.Uint16(header[offset:])
	if old == word {
		return
	}
	sum := uint32(^binary.BigEndian.Uint16(header[10:])) + uint32(^old) + uint32(word)
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(header[offset:], word)
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum))
}

// openTransport moves the header up to the payload and gives it back the
// payload's protocol and length.
func openTransport(datagram, outer, payload []byte, next byte) ([]byte, error) {
	// The payload lies behind header, SPI, sequence number and IV.
	total := len(outer) + len(payload)
	start := cap(datagram) - cap(payload) - len(outer)
	inner := datagram[start : start+total]
	copy(inner, outer)
	inner[9] = next
	binary.BigEndian.PutUint16(inner[2:], uint16(total))
	xfrm.WriteChecksum(inner[:len(outer)])
	return inner, nil
}
