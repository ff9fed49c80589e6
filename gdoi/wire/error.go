package wire

import (
	"errors"
	"fmt"
)

// Notify message types that this package's errors ask for (RFC 2408 section
// 3.14.1).
const (
	NotifyInvalidPayloadType     = 1
	NotifyDOINotSupported        = 2
	NotifySituationNotSupported  = 3
	NotifyAttributesNotSupported = 13
	NotifyNoProposalChosen       = 14
	NotifyPayloadMalformed       = 16
	NotifyInvalidKeyInformation  = 17
	NotifyInvalidID              = 18 // also: no such group
	NotifyInvalidHash            = 23
	NotifyAuthenticationFailed   = 24
	NotifyInvalidSignature       = 25
)

// Reasons that callers tell apart with errors.Is.
var (
	// ErrHash: a HASH payload is missing or wrong; the sender holds other keys.
	ErrHash = errors.New("bad or no hash")
	// ErrSignature: no reading of the SIG payload verifies.
	ErrSignature = errors.New("signature does not verify")
	// ErrUnknownKEK: the message is not under the given KEK.
	ErrUnknownKEK = errors.New("not under this KEK")
)

// Error says what is wrong with a message and which notify answers it.
type Error struct {
	Notify  uint16 // Notify...
	Payload uint8  // type of the payload at fault, 0 for the message
	Reason  string
	Err     error // one of the Err values, or nil
}

func (e *Error) Error() string {
	if e.Payload != 0 {
		return fmt.Sprintf("%s payload: %s", payloadName(e.Payload), e.Reason)
	}
	return e.Reason
}

// Unwrap returns the reason for errors.Is.
func (e *Error) Unwrap() error { return e.Err }

// NotifyOf is the notify type that answers err, PAYLOAD-MALFORMED when it is
// none of this package's.
func NotifyOf(err error) uint16 {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Notify
	}
	return NotifyPayloadMalformed
}

func malformed(payload uint8, format string, args ...any) error {
	return &Error{Notify: NotifyPayloadMalformed, Payload: payload, Reason: fmt.Sprintf(format, args...)}
}

// refused is policy that is well formed and not acceptable.
func refused(payload uint8, format string, args ...any) error {
	return &Error{Notify: NotifyNoProposalChosen, Payload: payload, Reason: fmt.Sprintf(format, args...)}
}

func badKeys(format string, args ...any) error {
	return &Error{Notify: NotifyInvalidKeyInformation, Payload: PayloadKD, Reason: fmt.Sprintf(format, args...)}
}

func payloadName(t uint8) string {
	switch t {
	case PayloadSA:
		return "SA"
	case PayloadID:
		return "ID"
	case PayloadHash:
		return "HASH"
	case PayloadSig:
		return "SIG"
	case PayloadNonce:
		return "NONCE"
	case PayloadNotify:
		return "NOTIFY"
	case PayloadDelete:
		return "DELETE"
	case PayloadVendor:
		return "VENDOR ID"
	case PayloadSAK:
		return "SA KEK"
	case PayloadSAT:
		return "SA TEK"
	case PayloadKD:
		return "KD"
	case PayloadSEQ:
		return "SEQ"
	case PayloadGAP:
		return "GAP"
	case PayloadCoterie:
		return "COTERIE"
	}
	return fmt.Sprintf("type %d", t)
}
