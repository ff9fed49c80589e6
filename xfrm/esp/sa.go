// Package esp turns IPv4 datagrams into ESP and back (RFC 4303): tunnel mode
// with address preservation (RFC 5374 section 3.1) and transport mode, with
// AES-CBC, 3DES, DES or NULL under an HMAC, AES-GCM (RFC 4106) and AES-GMAC
// (RFC 4543).
//
// It works in place, on buffers with room at both ends, and allocates nothing
// per packet. An SA holds its keyed cipher objects and may be used by any
// number of goroutines at once.
package esp

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"coterie/crypto/suite"
	"coterie/xfrm"
)

const (
	ipHeaderLen  = 20 // of an outer header, which has no options
	espHeaderLen = 8  // SPI and sequence number
	maxIVLen     = 16
	maxTrailer   = 17 // padding, pad length and next header
	maxICVLen    = 32
)

// Room that a buffer needs before and behind the datagram for Seal with any
// transform, octets.
const (
	Headroom = ipHeaderLen + espHeaderLen + maxIVLen + metadataLen
	Tailroom = maxTrailer + maxICVLen
)

// Overhead is the most octets that t adds to a datagram in tunnel mode.
func Overhead(t suite.Transform, tbar xfrm.TBAR) int {
	n := ipHeaderLen + espHeaderLen + t.IVLen() + t.Align() + 1 + t.ICVLen()
	if tbar == xfrm.TBARMetadata {
		n += metadataLen
	}
	return n
}

// Counters count what an SA did, and what it refused by cause.
type Counters struct {
	Encrypt, Decrypt uint64 // packets
	Refused          [causes]uint64
}

// An SA is one keyed security association.
type SA struct {
	spi       uint32
	transform suite.Transform
	transport bool
	ivLen     int
	icvLen    int
	align     int

	block   cipher.Block // CBC
	aead    cipher.AEAD  // GCM and GMAC
	salt    [4]byte
	gmac    bool
	authKey []byte

	// The IV of CBC is AES of a counter under a key of its own: unpredictable
	// without a draw of randomness per packet (RFC 3602 section 3).
	ivCipher  cipher.Block
	ivCounter atomic.Uint64

	sequence *Sequence
	sender   atomic.Pointer[sender]
	replay   atomic.Pointer[replay] // nil: no time-based anti-replay
	seen     guard                  // IV counters of others, while there is

	encrypt, decrypt atomic.Uint64
	refused          [causes]atomic.Uint64

	mu   sync.Mutex
	idle []*worker
}

// A worker is the state of one packet in progress. Cipher objects that carry
// an IV or a running hash belong to one packet at a time; an SA makes as many
// workers as packets are ever in progress at once.
type worker struct {
	encrypter, decrypter cbcMode
	mac                  hash.Hash
	sum                  [64]byte
	nonce                [12]byte
	iv                   [aes.BlockSize]byte
}

// cbcMode is what crypto/cipher's CBC objects offer beside BlockMode.
type cbcMode interface {
	cipher.BlockMode
	SetIV([]byte)
}

// New keys an SA. The randomness of its IVs is drawn from rand here, once.
// sequence carries on the numbers of an earlier SA with the same SPI and keys;
// nil starts at 1. Errors: a transform or a TBAR that ESP does not have, keys
// of the wrong length, a failing rand.
func New(spec xfrm.SA, sequence *Sequence, rand io.Reader) (*SA, error) {
	t := spec.Transform
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if sequence == nil {
		sequence = new(Sequence)
	}
	s := &SA{
		spi: spec.SPI, transform: t, transport: spec.Transport,
		ivLen: t.IVLen(), icvLen: t.ICVLen(), align: t.Align(), gmac: t.GMAC(),
		sequence: sequence,
	}
	if err := s.key(spec); err != nil {
		return nil, fmt.Errorf("spi %#x: %w", spec.SPI, err)
	}
	if s.block != nil {
		seed := make([]byte, 32)
		if _, err := io.ReadFull(rand, seed); err != nil {
			return nil, fmt.Errorf("spi %#x: initialization vectors: %w", spec.SPI, err)
		}
		var err error
		if s.ivCipher, err = aes.NewCipher(seed); err != nil {
			return nil, err
		}
	}
	w, err := s.newWorker()
	if err != nil {
		return nil, fmt.Errorf("spi %#x: %w", spec.SPI, err)
	}
	s.idle = append(s.idle, w)
	if err := s.SetReplay(spec.TBAR, spec.Window); err != nil {
		return nil, fmt.Errorf("spi %#x: %w", spec.SPI, err)
	}
	s.SetSender(spec.SenderID, spec.SIDBits)
	return s, nil
}

func (s *SA) key(spec xfrm.SA) (err error) {
	t := s.transform
	if t.CounterMode() {
		s.aead, s.salt, err = t.NewAEAD(spec.CipherKey.Reveal())
		return err
	}
	if s.block, err = t.NewBlock(spec.CipherKey.Reveal()); err != nil {
		return err
	}
	s.authKey = append([]byte(nil), spec.AuthKey.Reveal()...)
	_, err = t.NewHMAC(s.authKey)
	return err
}

func (s *SA) newWorker() (*worker, error) {
	w := new(worker)
	copy(w.nonce[:], s.salt[:])
	if s.block != nil {
		var ok1, ok2 bool
		w.encrypter, ok1 = cipher.NewCBCEncrypter(s.block, w.iv[:s.ivLen]).(cbcMode)
		w.decrypter, ok2 = cipher.NewCBCDecrypter(s.block, w.iv[:s.ivLen]).(cbcMode)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%s: no CBC mode whose IV can be set", s.transform)
		}
	}
	var err error
	w.mac, err = s.transform.NewHMAC(s.authKey)
	return w, err
}

func (s *SA) take() *worker {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		w := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return w
	}
	s.mu.Unlock()
	w, err := s.newWorker()
	if err != nil {
		panic("esp: " + err.Error()) // New made one from the same keys
	}
	return w
}

func (s *SA) give(w *worker) {
	s.mu.Lock()
	s.idle = append(s.idle, w)
	s.mu.Unlock()
}

// SPI and Transform are those that New was given.
func (s *SA) SPI() uint32                { return s.spi }
func (s *SA) Transform() suite.Transform { return s.transform }

// Counters is what the SA did since New or ClearCounters.
func (s *SA) Counters() Counters {
	c := Counters{Encrypt: s.encrypt.Load(), Decrypt: s.decrypt.Load()}
	for i := range c.Refused {
		c.Refused[i] = s.refused[i].Load()
	}
	return c
}

// ClearCounters starts the counters again; sequence numbers go on.
func (s *SA) ClearCounters() {
	s.encrypt.Store(0)
	s.decrypt.Store(0)
	for i := range s.refused {
		s.refused[i].Store(0)
	}
}
