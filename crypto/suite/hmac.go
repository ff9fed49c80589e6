package suite

import (
	"hash"
	"sync"
)

// longestBlock is that of SHA-384 and SHA-512 in octets.
const longestBlock = 128

// workspace is what a digest or an HMAC needs while it is made. A registration
// makes dozens of them: allocating it each time is more work than hashing.
type workspace struct {
	hash hash.Hash
	pad  [longestBlock]byte
	sum  [64]byte
	in   [256]byte
}

// write hashes a copy of b, so that b may stay on the stack of whoever has it:
// what goes through an interface may not.
func (w *workspace) write(b []byte) {
	for len(b) > 0 {
		n := copy(w.in[:], b)
		w.hash.Write(w.in[:n])
		b = b[n:]
	}
}

var workspaces [len(hashes)]sync.Pool

func (h Hash) borrow() *workspace {
	if w, ok := workspaces[h].Get().(*workspace); ok {
		return w
	}
	return &workspace{hash: h.New()}
}

// giveBack wipes what can be wiped: pads are keys.
func (h Hash) giveBack(w *workspace) {
	clear(w.pad[:])
	clear(w.sum[:])
	clear(w.in[:])
	w.hash.Reset()
	workspaces[h].Put(w)
}

// Sum hashes the parts one behind the other.
func (h Hash) Sum(parts ...[]byte) []byte {
	w := h.borrow()
	for _, p := range parts {
		w.write(p)
	}
	out := w.hash.Sum(make([]byte, 0, w.hash.Size()))
	h.giveBack(w)
	return out
}

// HMAC is HMAC (RFC 2104) of the parts one behind the other, untruncated.
func (h Hash) HMAC(key []byte, parts ...[]byte) []byte {
	w := h.borrow()
	d, block := w.hash, w.pad[:w.hash.BlockSize()]
	if len(key) > len(block) {
		w.write(key)
		copy(block, d.Sum(w.sum[:0]))
		d.Reset()
	} else {
		copy(block, key)
	}
	for i := range block {
		block[i] ^= 0x36
	}
	d.Write(block)
	for _, p := range parts {
		w.write(p)
	}
	inner := d.Sum(w.sum[:0])
	for i := range block {
		block[i] ^= 0x36 ^ 0x5c
	}
	d.Reset()
	d.Write(block)
	d.Write(inner)
	out := d.Sum(make([]byte, 0, d.Size()))
	h.giveBack(w)
	return out
}
