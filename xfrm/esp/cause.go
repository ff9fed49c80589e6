package esp

import "strconv"

// A Cause is why a packet was refused; it is an error.
type Cause uint8

// Causes.
const (
	ErrMalformed      Cause = iota // not a whole IPv4 datagram, or not ESP with whole blocks in it
	ErrFragment                    // ESP, or what transport mode is to protect, is a fragment
	ErrRoom                        // the buffer has too little room at its ends
	ErrTooLong                     // the result passes 65535 octets
	ErrNoSenderID                  // a counter mode without a sender ID never encrypts (RFC 6054)
	ErrExhausted                   // every sequence number is used up
	ErrSPI                         // not this SA's packet
	ErrICV                         // integrity check failed
	ErrPad                         // padding is not 1, 2, 3 ...
	ErrNextHeader                  // what ESP carries is not what the mode says
	ErrInner                       // the inner datagram is malformed or longer than what carries it
	ErrAddress                     // inner and outer addresses differ: not preserved, or moved
	ErrECN                         // congestion marked on a packet that cannot carry the mark (RFC 6040)
	ErrDummy                       // a dummy packet: to be dropped without a word
	ErrUnsynchronized              // time-based anti-replay without a clock
	ErrMetadata                    // the metadata header is malformed or of an unknown kind
	ErrTime                        // the sender's pseudotime is too far from our own
	ErrSeen                        // the IV of a counter mode was received before
	causes
)

var causeNames = [causes]string{
	ErrMalformed: "malformed packet", ErrFragment: "fragment", ErrRoom: "no room in the buffer",
	ErrTooLong: "packet too long", ErrNoSenderID: "no sender id", ErrExhausted: "sequence numbers exhausted",
	ErrSPI: "spi of another sa", ErrICV: "integrity check failed", ErrPad: "bad padding",
	ErrNextHeader: "unexpected next header", ErrInner: "malformed inner packet",
	ErrAddress: "inner and outer addresses differ", ErrECN: "congestion mark on a packet that cannot carry it",
	ErrDummy: "dummy packet", ErrUnsynchronized: "pseudotime not synchronized", ErrMetadata: "bad metadata header",
	ErrTime: "pseudotime outside the window", ErrSeen: "received before",
}

func (c Cause) Error() string {
	if c < causes {
		return causeNames[c]
	}
	return "cause " + strconv.Itoa(int(c))
}

// refuse counts an error and returns it.
func (s *SA) refuse(err error) error {
	if c, ok := err.(Cause); ok {
		s.refused[c].Add(1)
	}
	return err
}
