package store

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// markSuffix makes the name of the mark of that of a database.
const markSuffix = ".mark"

// A mark says which generation of which database was acknowledged last. Its
// file has two places, used in turn, so that the disk may tear one of them:
//
//	"coterie mark 1\n" and a zero | database 16 | generation 8 | HMAC-SHA-256 32
type mark struct {
	id         [16]byte
	generation uint64
}

const (
	markMagic  = "coterie mark 1\n\x00"
	markLength = 16 + 16 + 8 + sha256.Size
	markStride = 512 // octets between the two: a sector
	markSize   = markStride + markLength
)

func (k *keys) markSum(b []byte) []byte {
	h := hmac.New(sha256.New, k.mark)
	h.Write(b)
	return h.Sum(nil)
}

// write puts a mark into its place and makes it last.
func (m mark) write(d disk, k *keys, f *os.File) error {
	b := append([]byte(markMagic), m.id[:]...)
	b = binary.BigEndian.AppendUint64(b, m.generation)
	b = append(b, k.markSum(b)...)
	n, err := d.WriteAt(f, b, int64(m.generation%2)*markStride)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err == nil {
		err = d.Sync(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}

// readMark is the latest mark of a file; ok is false when there is none that
// was written with this key.
func readMark(k *keys, f io.ReaderAt) (last mark, ok bool, err error) {
	b := make([]byte, markSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return mark{}, false, err
	}
	b = b[:n]
	for _, at := range []int{0, markStride} {
		if len(b) < at+markLength {
			break
		}
		p := b[at : at+markLength]
		text, tag := p[:markLength-sha256.Size], p[markLength-sha256.Size:]
		if !bytes.HasPrefix(text, []byte(markMagic)) || !hmac.Equal(tag, k.markSum(text)) {
			continue
		}
		m := mark{id: [16]byte(text[16:32]), generation: binary.BigEndian.Uint64(text[32:])}
		if !ok || m.generation > last.generation {
			last, ok = m, true
		}
	}
	return last, ok, nil
}
