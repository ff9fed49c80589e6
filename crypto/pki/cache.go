package pki

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// maxVerdicts bounds a Cache.
const maxVerdicts = 256

// Cache remembers chains that have been verified, by SHA-256 over their DER: a
// peer that comes back, or thousands that register at once after an outage,
// cost no signatures again. Refusals are not kept, so that nobody can fill it with
// rubbish. A verdict is worth nothing outside the validity of its certificates
// and of the revocation list, and none outlives a change of the trustpoints.
// The zero value is ready; it is not safe for several goroutines.
type Cache struct {
	anchors  []*Trustpoint
	verdicts map[[sha256.Size]byte]*Verified
	order    [][sha256.Size]byte // oldest first
}

// Verify is Verify, remembered.
func (c *Cache) Verify(chain [][]byte, anchors []*Trustpoint, now time.Time) (*Verified, error) {
	if !slices.Equal(c.anchors, anchors) {
		*c = Cache{anchors: slices.Clone(anchors)}
	}
	key := digest(chain)
	if v, ok := c.verdicts[key]; ok && !now.Before(v.From) && !now.After(v.Until) {
		return v, nil
	}
	v, err := Verify(chain, anchors, now)
	if err != nil {
		return nil, err
	}
	if c.verdicts == nil {
		c.verdicts = make(map[[sha256.Size]byte]*Verified)
	}
	if _, ok := c.verdicts[key]; !ok {
		if len(c.order) >= maxVerdicts {
			delete(c.verdicts, c.order[0])
			c.order = slices.Delete(c.order, 0, 1)
		}
		c.order = append(c.order, key)
	}
	c.verdicts[key] = v
	return v, nil
}

// Len is how many verdicts are held.
func (c *Cache) Len() int { return len(c.verdicts) }

func digest(chain [][]byte) (out [sha256.Size]byte) {
	h := sha256.New()
	for _, der := range chain {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(der)))
		h.Write(n[:])
		h.Write(der)
	}
	h.Sum(out[:0])
	return out
}
