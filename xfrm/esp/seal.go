package esp

import (
	"encoding/binary"

	"coterie/xfrm"
)

// An ESP packet (RFC 4303 section 2), as Seal lays it around a datagram:
//
//	| outer IPv4 | SPI | Seq | IV | inner datagram | 1 2 3 ... | pad len | 4 | ICV |
//	             |<--------------------- authenticated ------------------>|
//	                              |<------------- encrypted ------------->|
//
// Transport mode has the datagram's own header in front instead, and its
// payload inside.

// Seal encrypts the IPv4 datagram buf[start:end] in place and returns the ESP
// datagram, a part of buf. buf needs Headroom octets before start and Tailroom
// behind end (its capacity counts). The outer header copies the inner one's
// addresses, TOS with ECN (RFC 6040 normal mode), TTL and DF, takes an
// identification of its own, and has no options. now is this member's pseudotime,
// 0 while it has none: with time-based anti-replay nothing leaves then, and
// without it now is not looked at. Errors are Causes; the buffer's content is
// undefined then.
func (s *SA) Seal(buf []byte, start, end int, now xfrm.Pseudotime) ([]byte, error) {
	out, err := s.seal(buf, start, end, now)
	if err != nil {
		return nil, s.refuse(err)
	}
	s.encrypt.Add(1)
	return out, nil
}

func (s *SA) seal(buf []byte, start, end int, now xfrm.Pseudotime) ([]byte, error) {
	if start < 0 || end < start || end > len(buf) {
		return nil, ErrRoom
	}
	f, ok := xfrm.ParseFlow(buf[start:end])
	if !ok {
		return nil, ErrMalformed
	}
	end = start + f.TotalLen
	outerLen, next, payload := ipHeaderLen, byte(xfrm.ProtoIPv4), start
	if s.transport {
		if binary.BigEndian.Uint16(buf[start+6:])&0x3fff != 0 {
			return nil, ErrFragment // would have to be reassembled first (RFC 4303 section 3.3.4)
		}
		outerLen, next, payload = f.HeaderLen, f.Protocol, start+f.HeaderLen
	}
	r := s.replay.Load()
	if r != nil && now == 0 {
		return nil, ErrUnsynchronized
	}
	body := payload // what is encrypted
	if r.metadata() {
		body -= metadataLen
	}
	esp := body - s.ivLen - espHeaderLen
	outer := esp - outerLen
	total := end + s.padLen(end-body) + 2 + s.icvLen - outer
	switch {
	case outer < 0 || outer+total > cap(buf):
		return nil, ErrRoom
	case total > 65535:
		return nil, ErrTooLong
	}
	n, iv, err := s.number()
	if err != nil {
		return nil, err
	}

	out := buf[:cap(buf)][outer : outer+total]
	if s.transport {
		copy(out, buf[start:start+outerLen])
		out[9] = xfrm.ProtoESP
	} else {
		s.writeOuter(out, buf[start:start+ipHeaderLen], n)
	}
	binary.BigEndian.PutUint16(out[2:], uint16(total))
	xfrm.WriteChecksum(out[:outerLen])
	if r.metadata() {
		writeMetadata(buf[body:payload], next, now)
		next = protoMetadata
	}

	packet := out[outerLen:]
	seq := uint32(n)
	if r != nil && r.tbar == xfrm.TBARSequence {
		seq = ticks(now)
	}
	binary.BigEndian.PutUint32(packet, s.spi)
	binary.BigEndian.PutUint32(packet[4:], seq)
	w := s.take()
	s.writeIV(w, packet[espHeaderLen:espHeaderLen+s.ivLen], iv)
	s.protect(w, packet, end-body, next)
	s.give(w)
	return out, nil
}

// writeOuter derives the outer header from the inner one; length and checksum
// are still to be filled in.
func (s *SA) writeOuter(out, inner []byte, n uint64) {
	out[0] = 0x45
	out[1] = inner[1] // DSCP and ECN
	// The identification must not be the inner one: the fragments of one inner
	// datagram become whole packets of their own, which may be cut again. n is
	// the packet's number, not the time.
	binary.BigEndian.PutUint16(out[4:], uint16(n)+uint16(s.spi))
	out[6], out[7] = inner[6]&0x40, 0 // DF; no fragment
	out[8] = inner[8]                 // TTL: a loop outside is still a loop
	out[9] = xfrm.ProtoESP
	copy(out[12:20], inner[12:20])
}

// padLen is how many octets of padding follow n octets of payload.
func (s *SA) padLen(n int) int { return (s.align - (n+2)%s.align) % s.align }

// protect encrypts and authenticates packet, whose SPI, sequence number and IV
// are in place before n octets of payload; the rest of packet is exactly the
// room that trailer and ICV take.
func (s *SA) protect(w *worker, packet []byte, n int, next byte) {
	payload := packet[espHeaderLen+s.ivLen:]
	padLen := s.padLen(n)
	for i := range padLen {
		payload[n+i] = byte(i + 1)
	}
	payload[n+padLen] = byte(padLen)
	payload[n+padLen+1] = next
	n += padLen + 2
	iv := packet[espHeaderLen : espHeaderLen+s.ivLen]
	sealed := espHeaderLen + s.ivLen + n // everything before the ICV
	switch {
	case s.gmac:
		copy(w.nonce[4:], iv)
		s.aead.Seal(packet[sealed:sealed], w.nonce[:], nil, packet[:sealed])
		return
	case s.aead != nil:
		copy(w.nonce[4:], iv)
		s.aead.Seal(payload[:0], w.nonce[:], payload[:n], packet[:espHeaderLen])
		return
	case s.block != nil:
		w.encrypter.SetIV(iv)
		w.encrypter.CryptBlocks(payload[:n], payload[:n])
	}
	if w.mac != nil {
		copy(packet[sealed:], w.sign(packet[:sealed])[:s.icvLen])
	}
}

// sign is the whole HMAC of b, valid until the worker's next packet.
func (w *worker) sign(b []byte) []byte {
	w.mac.Reset()
	w.mac.Write(b)
	return w.mac.Sum(w.sum[:0])
}
