package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// A Record is one fact of a group.
type Record struct {
	Group, Key string
	Value      []byte
}

// Names in the file.
const (
	ownBucket   = "coterie" // of the store itself
	formatKey   = "format"
	idKey       = "id"
	headKey     = "head"
	ownGroup    = "\x00" // where the head stands for sealing; no group has that name
	groupPrefix = "g/"   // of the bucket of a group
)

// largestFile bounds what is read, in octets.
const largestFile = 2 << 30

// head is what every transaction writes beside its records.
type head struct {
	Generation uint64
	Written    Moment
	Records    int
	Digest     sum
	// Restored is when the backup was made that this database comes from: its
	// numbers are not continued.
	Restored time.Time
}

// content is a database that has been read and checked.
type content struct {
	id      [16]byte
	head    head
	records []Record
	octets  int64
}

// errKey is for a database that another master key has sealed, or that was
// changed in its head: the two look alike.
var errKey = errors.New("it is damaged or not sealed under this master key")

// readFile reads a whole file.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > largestFile {
		return nil, damaged("it is no file of at most %d octets", int64(largestFile))
	}
	b := make([]byte, info.Size())
	_, err = io.ReadFull(f, b)
	return b, err
}

// parse checks every octet of a database that means something, and opens its
// records, sorted by group and key. It is total: whatever file is, it ends with
// a content that was sealed under these keys, or an error.
func parse(file []byte, k *keys) (*content, error) {
	p, err := readPages(file)
	if err != nil {
		return nil, err
	}
	own := make(map[string][]byte)
	type group struct {
		name  string
		items [][2][]byte
	}
	var groups []group
	err = p.buckets(func(name, value []byte) error {
		if string(name) == ownBucket {
			return p.bucket(value, func(key, value []byte) error { own[string(key)] = value; return nil })
		}
		text, ok := bytes.CutPrefix(name, []byte(groupPrefix))
		if !ok {
			return damaged("there is a bucket %q", name)
		}
		g := group{name: string(text)}
		err := p.bucket(value, func(key, value []byte) error {
			g.items = append(g.items, [2][]byte{key, value})
			return nil
		})
		groups = append(groups, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	if string(own[formatKey]) != format || len(own[idKey]) != 16 {
		return nil, damaged("it is not of format %q", format)
	}
	c := &content{id: [16]byte(own[idKey]), octets: int64(len(file))}
	text, ok := k.open(c.id, ownGroup, headKey, own[headKey])
	if !ok {
		return nil, errKey
	}
	if err := json.Unmarshal(text, &c.head); err != nil {
		return nil, damaged("head: %v", err)
	}
	var digest sum
	for _, g := range groups {
		for _, it := range g.items {
			value, ok := k.open(c.id, g.name, string(it[0]), it[1])
			if !ok {
				return nil, damaged("a record of group %q does not open", g.name)
			}
			digest.add(k.of(g.name, string(it[0]), it[1]))
			c.records = append(c.records, Record{Group: g.name, Key: string(it[0]), Value: value})
		}
	}
	if len(c.records) != c.head.Records || digest != c.head.Digest {
		return nil, damaged("a write of transaction %d is missing", c.head.Generation)
	}
	return c, nil
}

// fits tells whether a database is the one of its mark, and as new.
func (c *content) fits(m mark, marked bool) error {
	switch {
	case !c.head.Restored.IsZero():
		return fmt.Errorf("it was restored from a backup of %s", c.head.Restored.UTC().Format(time.RFC3339))
	case !marked:
		return errors.New("its mark is missing or damaged")
	case m.id != c.id:
		return errors.New("it is another database than the one that was in use last")
	case c.head.Generation < m.generation:
		return fmt.Errorf("it is older than the one that was in use last: transaction %d of %d", c.head.Generation, m.generation)
	}
	return nil
}

// Group is how many records a group has. Those of no group, "", are not listed.
type Group struct {
	Name    string
	Records int
}

// counts are the groups of a content.
func (c *content) counts() []Group {
	var out []Group
	for _, r := range c.records {
		if r.Group == "" {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Name != r.Group {
			out = append(out, Group{Name: r.Group})
		}
		out[len(out)-1].Records++
	}
	return slices.Clip(out)
}
