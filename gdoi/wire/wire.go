package wire

// Payload types this package reads and writes (RFC 2408 section 3.1, RFC 6407
// section 5, our private 200).
const (
	PayloadNone    = 0
	PayloadSA      = 1
	PayloadID      = 5
	PayloadHash    = 8
	PayloadSig     = 9
	PayloadNonce   = 10
	PayloadNotify  = 11
	PayloadDelete  = 12
	PayloadVendor  = 13
	PayloadSAK     = 15
	PayloadSAT     = 16
	PayloadKD      = 17
	PayloadSEQ     = 18
	PayloadGAP     = 22
	PayloadCoterie = 200 // private: member information, COOP
)

// DOI is the GDOI domain of interpretation.
const DOI = 2

// SA is the body of an SA payload of the GDOI DOI: the group's policy.
type SA struct {
	SAK []SAK
	GAP []Attribute
	SAT []SAT
	// Order of the sub-payloads is SAK, SAT, GAP on output; any on input.

	// Other holds sub-payloads of types this package does not know.
	Other []Payload
}

// SAK is the SA KEK payload (RFC 6407 section 5.3).
type SAK struct {
	Protocol   uint8
	Src, Dst   ID
	SPI        [16]byte
	Attributes []Attribute
}

// SAT is one SA TEK payload (section 5.5): ESP, or our bypass (129) for a deny.
type SAT struct {
	ProtocolID uint8 // 1 ESP, 129 COTERIE_BYPASS
	Protocol   uint8 // upper-layer selector, 0 any
	Src, Dst   ID
	Transform  uint8
	SPI        uint32
	Attributes []Attribute
	// Raw is what follows the protocol ID of a protocol this package does not
	// read; the fields above are then zero.
	Raw []byte
}

// ID is an identification inside SAK and SAT: type, port, data.
type ID struct {
	Type uint8
	Port uint16
	Data []byte
}

// KeyPacket is one packet of a KD payload (section 5.6).
type KeyPacket struct {
	Type       uint8 // 1 TEK, 2 KEK, 3 LKH, 4 SID
	SPI        []byte
	Attributes []Attribute
}

// Form is the choice of encodings where sources disagree: set by
// `platform gdoi wire`, learnt per peer on input. Its zero value is the
// default.
type Form struct {
	TEKIDLength   int  // octets of the SAT ID length field: 2 (default) or 1
	SigDigestInfo bool // sign with DigestInfo instead of the bare hash
	// AckDigestLength derives the key of an acknowledgement with the length of
	// the digest (256, 512) instead of that of the hash's block (512, 1024);
	// AckWithoutIV from the KEK without the IV in front of it.
	AckDigestLength, AckWithoutIV bool
}
