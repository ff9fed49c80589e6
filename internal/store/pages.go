package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

// The format of a bbolt file, version 2, as far as a reader needs it. All
// numbers are in the byte order of the machine.
//
//	page     id 8 | flags 2 | count 2 | overflow 4 | elements ... data
//	meta     page header | magic 4 | version 4 | page size 4 | flags 4 |
//	         root page 8 | root sequence 8 | freelist page 8 | pages 8 |
//	         transaction 8 | FNV-1a of the 56 octets before 8
//	branch   element: pos 4 | key size 4 | page 8
//	leaf     element: flags 4 | pos 4 | key size 4 | value size 4
//	bucket   value of a leaf element with flag 1: root page 8 | sequence 8; with
//	         root page 0, a leaf page follows
//	freelist count page ids 8 each; with count 0xffff the first 8 octets are the
//	         count
//
// pos counts from the element's own first octet.
const (
	pageHeader    = 16
	element       = 16
	bucketHeader  = 16
	metaSize      = 64
	boltMagic     = 0xED0CDAED
	boltVersion   = 2
	flagBranch    = 0x01
	flagLeaf      = 0x02
	flagMeta      = 0x04
	flagFreelist  = 0x10
	flagBucket    = 0x01
	countInBody   = 0xffff
	deepest       = 32 // levels of a tree
	smallestPage  = 1024
	largestPage   = 64 << 10
	pageSize      = 4096 // of files made here
	metaAndFirst  = 4    // pages of an empty file
	noFreelist    = 1<<64 - 1
	mostPagesSeen = 1 << 22
)

var order = binary.NativeEndian

// errDamaged is what every finding of the reader wraps.
var errDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDamaged}, args...)...)
}

// meta is a meta page.
type meta struct {
	size                           uint32 // of a page
	root, freelist, pages, written uint64
}

func parseMeta(page []byte, id uint64) (m meta, err error) {
	if len(page) < pageHeader+metaSize {
		return m, damaged("meta page %d is cut off", id)
	}
	b := page[pageHeader:]
	switch {
	case order.Uint64(page) != id || order.Uint16(page[8:]) != flagMeta:
		return m, damaged("page %d is not a meta page", id)
	case order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion:
		return m, damaged("meta page %d is of no known format", id)
	case order.Uint64(b[metaSize-8:]) != fnv64(b[:metaSize-8]):
		return m, damaged("the checksum of meta page %d is wrong", id)
	}
	return meta{
		size: order.Uint32(b[8:]), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]),
		pages: order.Uint64(b[40:]), written: order.Uint64(b[48:]),
	}, nil
}

func fnv64(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// metas reads both meta pages and returns the newer.
func metas(file []byte) (newer meta, err error) {
	first, err := parseMeta(file, 0)
	if err != nil {
		return meta{}, err
	}
	size := uint64(first.size)
	if size < smallestPage || size > largestPage || size&(size-1) != 0 || uint64(len(file)) < metaAndFirst*size {
		return meta{}, damaged("a page has %d octets, and the file %d", size, len(file))
	}
	second, err := parseMeta(file[size:], 1)
	if err != nil {
		return meta{}, err
	}
	older := second
	if newer = first; second.written > first.written {
		newer, older = second, first
	}
	// Only then has nothing been lost between the two.
	if newer.written != older.written+1 || newer.size != older.size {
		return meta{}, damaged("transaction %d follows %d", newer.written, older.written)
	}
	return newer, nil
}

// pages reads the file of a database without trusting it: every access is
// checked, no page is visited twice.
type pages struct {
	file []byte
	meta meta
	used []bool // by page: reached, or free
}

// readPages checks the frame of a file and its list of free pages.
func readPages(file []byte) (*pages, error) {
	m, err := metas(file)
	if err != nil {
		return nil, err
	}
	if m.pages < metaAndFirst || m.pages > mostPagesSeen || m.pages*uint64(m.size) > uint64(len(file)) {
		return nil, damaged("%d pages do not fit into %d octets", m.pages, len(file))
	}
	p := &pages{file: file, meta: m, used: make([]bool, m.pages)}
	p.used[0], p.used[1] = true, true
	if m.freelist == noFreelist {
		return nil, damaged("there is no list of free pages")
	}
	body, flags, count, err := p.page(m.freelist)
	if err != nil {
		return nil, err
	}
	if flags != flagFreelist {
		return nil, damaged("page %d is no list of free pages", m.freelist)
	}
	list, n := body[pageHeader:], uint64(count)
	if count == countInBody {
		if len(list) < 8 {
			return nil, damaged("the list of free pages is cut off")
		}
		n, list = order.Uint64(list), list[8:]
	}
	if n > uint64(len(list))/8 {
		return nil, damaged("%d free pages are too many", n)
	}
	for i := range n {
		if err := p.use(order.Uint64(list[8*i:]), 1); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// use takes n pages from id on for one purpose.
func (p *pages) use(id, n uint64) error {
	if id < 2 || n > p.meta.pages || id > p.meta.pages-n {
		return damaged("there is no page %d", id)
	}
	for i := id; i < id+n; i++ {
		if p.used[i] {
			return damaged("page %d serves twice", i)
		}
		p.used[i] = true
	}
	return nil
}

// page is a page with what overflows into its successors.
func (p *pages) page(id uint64) (body []byte, flags, count uint16, err error) {
	size := uint64(p.meta.size)
	if id < 2 || id >= p.meta.pages {
		return nil, 0, 0, damaged("there is no page %d", id)
	}
	head := p.file[id*size:]
	n := 1 + uint64(order.Uint32(head[12:]))
	if order.Uint64(head) != id {
		return nil, 0, 0, damaged("page %d says that it is page %d", id, order.Uint64(head))
	}
	if err := p.use(id, n); err != nil {
		return nil, 0, 0, err
	}
	return p.file[id*size : (id+n)*size], order.Uint16(head[8:]), order.Uint16(head[10:]), nil
}

// item is one element of a leaf.
type item struct {
	key, value []byte
	bucket     bool
}

// items are the elements of a leaf page, in order.
func items(body []byte, count int) ([]item, error) {
	if count > (len(body)-pageHeader)/element {
		return nil, damaged("%d elements are too many for a page", count)
	}
	out := make([]item, 0, count)
	for i := range count {
		at := pageHeader + i*element
		e := body[at:]
		flags, pos, ksize, vsize := order.Uint32(e), order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
		end := uint64(at) + uint64(pos) + uint64(ksize) + uint64(vsize)
		if flags&^flagBucket != 0 || ksize == 0 || end > uint64(len(body)) || uint64(at)+uint64(pos) < uint64(pageHeader+count*element) {
			return nil, damaged("an element lies outside its page")
		}
		data := e[pos:]
		it := item{key: data[:ksize], value: data[ksize : uint64(ksize)+uint64(vsize)], bucket: flags&flagBucket != 0}
		if i > 0 && bytes.Compare(out[i-1].key, it.key) >= 0 {
			return nil, damaged("keys are not in order")
		}
		out = append(out, it)
	}
	return out, nil
}

// tree calls f for each item of the tree under a page, in order of keys.
func (p *pages) tree(id uint64, f func(item) error) error {
	var last []byte
	return p.subtree(id, 0, nil, func(it item) error {
		if last != nil && bytes.Compare(last, it.key) >= 0 {
			return damaged("keys are not in order")
		}
		last = it.key
		return f(it)
	})
}

// subtree walks what lies under a page, whose keys begin at least.
func (p *pages) subtree(id uint64, depth int, least []byte, f func(item) error) error {
	if depth > deepest {
		return damaged("a tree is too deep")
	}
	body, flags, count, err := p.page(id)
	if err != nil {
		return err
	}
	switch flags {
	case flagLeaf:
		list, err := items(body, int(count))
		if err != nil {
			return err
		}
		if depth > 0 && len(list) == 0 {
			return damaged("page %d is empty", id)
		}
		for _, it := range list {
			if bytes.Compare(it.key, least) < 0 {
				return damaged("keys are not in order")
			}
			if err := f(it); err != nil {
				return err
			}
		}
		return nil
	case flagBranch:
		n := int(count)
		if n == 0 || n > (len(body)-pageHeader)/element {
			return damaged("page %d has %d branches", id, n)
		}
		var before []byte
		for i := range n {
			at := pageHeader + i*element
			e := body[at:]
			pos, ksize := order.Uint32(e), order.Uint32(e[4:])
			if uint64(at)+uint64(pos)+uint64(ksize) > uint64(len(body)) || uint64(at)+uint64(pos) < uint64(pageHeader+n*element) {
				return damaged("an element lies outside its page")
			}
			key := e[pos : uint64(pos)+uint64(ksize)]
			if i > 0 && bytes.Compare(before, key) >= 0 || bytes.Compare(key, least) < 0 {
				return damaged("keys are not in order")
			}
			before = key
			if err := p.subtree(order.Uint64(e[8:]), depth+1, key, f); err != nil {
				return err
			}
		}
		return nil
	}
	return damaged("page %d is of kind %#x", id, flags)
}

// bucket calls f for each item of a bucket, which must not hold another.
func (p *pages) bucket(value []byte, f func(key, value []byte) error) error {
	if len(value) < bucketHeader {
		return damaged("a bucket is cut off")
	}
	each := func(it item) error {
		if it.bucket {
			return damaged("a bucket lies in a bucket")
		}
		return f(it.key, it.value)
	}
	if root := order.Uint64(value); root != 0 {
		return p.tree(root, each)
	}
	body := value[bucketHeader:]
	if len(body) < pageHeader || order.Uint16(body[8:]) != flagLeaf || order.Uint32(body[12:]) != 0 {
		return damaged("the page within a bucket is no leaf")
	}
	list, err := items(body, int(order.Uint16(body[10:])))
	if err != nil {
		return err
	}
	for _, it := range list {
		if err := each(it); err != nil {
			return err
		}
	}
	return nil
}

// buckets calls f for each bucket of the file.
func (p *pages) buckets(f func(name, value []byte) error) error {
	return p.tree(p.meta.root, func(it item) error {
		if !it.bucket {
			return damaged("a value lies outside of every bucket")
		}
		return f(it.key, it.value)
	})
}
