package gdoitest

import (
	"bytes"
	"encoding/binary"
	"time"

	"coterie/crypto/isakmp"
)

// Liar changes what one side of a PULL says: the side knows the keys, so that
// phase 1 is good and every HASH fits, and means harm.
type Liar struct {
	// Change gets the number of a message, the type of the payload behind HASH
	// and the payloads from there on. Nil: nothing is changed.
	Change func(message int, first uint8, rest []byte) (uint8, []byte)

	// PRF is that of the ISAKMP SA, nil before phase 2.
	PRF func(...[]byte) []byte

	mid    uint32
	nonces [][]byte
	count  int // messages of the exchange so far
}

// Up is part of Between.
func (l *Liar) Up(sa isakmp.SA) { l.PRF = sa.PRF }

// Received is part of Between.
func (l *Liar) Received(_ time.Time, in isakmp.Phase2) {
	l.PRF = in.SA.PRF
	l.message(in.MessageID, in.Payloads)
}

// Sends is part of Between.
func (l *Liar) Sends(in isakmp.Input) isakmp.Input {
	x, ok := in.(isakmp.Exchange2)
	if !ok || x.Exchange != isakmp.ExchangePull {
		return in
	}
	if x.MessageID != l.mid || l.count == 4 {
		l.mid, l.nonces, l.count = x.MessageID, nil, 0
	}
	if l.Change != nil {
		x.Payloads = l.changed(x)
	}
	l.message(x.MessageID, x.Payloads)
	return x
}

func (l *Liar) changed(x isakmp.Exchange2) []byte {
	list, err := isakmp.Payloads(x.First, x.Payloads)
	if err != nil {
		panic(err)
	}
	first := uint8(isakmp.PayloadNone)
	if len(list) > 1 {
		first = list[1].Type
	}
	first, rest := l.Change(l.count+1, first, bytes.Clone(x.Payloads[len(list[0].Raw):]))
	parts := append(append([][]byte{binary.BigEndian.AppendUint32(nil, x.MessageID)}, l.nonces...), rest)
	head, err := isakmp.AppendPayload(nil, first, l.PRF(parts...))
	if err != nil {
		panic(err)
	}
	return append(head, rest...)
}

// message takes part in the count of messages and notes the nonces.
func (l *Liar) message(mid uint32, chain []byte) {
	if mid != l.mid || l.count == 4 {
		l.mid, l.nonces, l.count = mid, nil, 0
	}
	if l.count++; l.count <= 2 {
		l.nonces = append(l.nonces, NonceOf(isakmp.PayloadHash, chain))
	}
}

// NonceOf is the nonce in a chain of payloads, nil when there is none.
func NonceOf(first uint8, chain []byte) []byte {
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
