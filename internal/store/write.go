package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
)

func compare(a, b Record) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Key, b.Key))
}

// Bounds of a record, in octets.
const (
	longestName  = 4096
	longestValue = 16 << 20
)

// valid refuses records that the file cannot hold.
func valid(r Record) error {
	switch {
	case r.Key == "":
		return fmt.Errorf("a record of group %q has no key", r.Group)
	case len(r.Key) > longestName || len(r.Group) > longestName || strings.HasPrefix(r.Group, ownGroup):
		return errors.New("the name of a record is not allowed")
	case len(r.Value) > longestValue:
		return fmt.Errorf("record %s of group %q is too large", r.Key, r.Group)
	}
	return nil
}

// Write stores records together; an empty value deletes one. When it returns
// nil they survive a crash of the host. With an error, those of before are
// there, and the next Write tries first to get the file into order again.
func (s *Store) Write(batch []Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fs.ErrClosed
	}
	latest := make(map[[2]string]int, len(batch))
	for i, r := range batch {
		if err := valid(r); err != nil {
			return err
		}
		latest[[2]string{r.Group, r.Key}] = i
	}
	if s.broken != nil {
		if err := s.repair(); err != nil {
			return err
		}
	}
	if s.db == nil {
		return errors.New("store: not loaded")
	}
	var list []Record
	for i, r := range batch {
		if latest[[2]string{r.Group, r.Key}] == i {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, compare)
	if s.broken = s.transact(list); s.broken != nil {
		s.redo = s.redo || !full(s.broken)
		return fmt.Errorf("%s: %w", s.path, s.broken)
	}
	s.undo, s.tried = nil, nil
	return nil
}

// transact is one transaction and its mark.
func (s *Store) transact(list []Record) (err error) {
	defer guard(&err)()
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	own := tx.Bucket([]byte(ownBucket))
	if own == nil || !bytes.Equal(own.Get([]byte(headKey)), s.sealed) {
		return damaged("the disk has lost transaction %d", s.head.Generation)
	}
	h, counts := s.head, make(map[string]int)
	put := func(group, key string, sealed []byte) error {
		old, err := replaceSealed(tx, group, key, sealed)
		if err != nil {
			return err
		}
		s.tried = append(s.tried, undone{group, key, old})
		if old != nil {
			h.Digest.remove(s.keys.of(group, key, old))
			h.Records--
			counts[group]--
		}
		if sealed != nil {
			h.Digest.add(s.keys.of(group, key, sealed))
			h.Records++
			counts[group]++
		}
		return nil
	}
	s.tried = nil
	for _, u := range slices.Backward(s.undo) {
		if err := put(u.group, u.key, u.sealed); err != nil {
			return err
		}
	}
	for _, r := range list {
		var sealed []byte
		if len(r.Value) > 0 {
			if sealed, err = s.keys.seal(s.random, s.id, r.Group, r.Key, r.Value); err != nil {
				return err
			}
		}
		if err := put(r.Group, r.Key, sealed); err != nil {
			return err
		}
	}
	h.Generation++
	h.Written = s.now()
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sealed, err := s.keys.seal(s.random, s.id, ownGroup, headKey, text)
	if err != nil {
		return err
	}
	if err := own.Put([]byte(headKey), sealed); err != nil {
		return err
	}
	if err := s.disk.Commit(tx); err != nil {
		return err
	}
	if err := (mark{s.id, h.Generation}).write(s.disk, s.keys, s.mark); err != nil {
		return err
	}
	s.head, s.sealed = h, sealed
	for group, n := range counts {
		if s.groups[group] += n; s.groups[group] == 0 {
			delete(s.groups, group)
		}
	}
	return nil
}

// replaceSealed puts a sealed value into its place, nil for none, and returns
// what was there.
func replaceSealed(tx *bbolt.Tx, group, key string, sealed []byte) (old []byte, err error) {
	name := []byte(groupPrefix + group)
	b := tx.Bucket(name)
	if b == nil {
		if sealed == nil {
			return nil, nil
		}
		if b, err = tx.CreateBucket(name); err != nil {
			return nil, err
		}
	}
	old = bytes.Clone(b.Get([]byte(key)))
	if sealed != nil {
		return old, b.Put([]byte(key), sealed)
	}
	if old == nil {
		return nil, nil
	}
	if err := b.Delete([]byte(key)); err != nil {
		return nil, err
	}
	if first, _ := b.Cursor().First(); first == nil {
		err = tx.DeleteBucket(name)
	}
	return old, err
}

// repair brings the file into a known state after a Write that failed. It has
// the last transaction, or also the one that failed, which is taken back.
// Where the disk failed, pages that are in memory may never have reached it:
// everything is written once more, into another file.
func (s *Store) repair() error {
	if s.head.Generation == 0 { // Load could not make a database
		if s.broken = s.replace(s.broken); s.broken != nil {
			return fmt.Errorf("%s: %w", s.path, s.broken)
		}
		return nil
	}
	s.drop(s.broken)
	c, err := s.inspect()
	if err == nil {
		if s.redo {
			err = s.rewrite(c)
		} else {
			err = s.use(c)
		}
	}
	if err != nil {
		s.drop(err)
		s.broken = err
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return nil
}

// inspect reads what a failed Write has left.
func (s *Store) inspect() (*content, error) {
	file, err := readFile(s.path)
	if err != nil {
		return nil, err
	}
	c, err := parse(file, s.keys)
	if err != nil {
		return nil, err
	}
	last := s.head.Generation
	switch {
	case c.id == s.id && c.head.Generation == last && c.head.Digest == s.head.Digest:
	case c.id == s.id && c.head.Generation == last+1:
		s.undo = append(s.undo, s.tried...)
	case c.id == s.id && c.head.Generation > last+1 && c.head.Generation <= s.redone:
		s.undo = nil // it was written once more, and failed only then
	default:
		return nil, damaged("the disk has lost transaction %d", last)
	}
	s.tried = nil
	return c, nil
}

// rewrite writes a whole database once more, as it was before what failed.
func (s *Store) rewrite(c *content) error {
	records := make(map[[2]string][]byte, len(c.records))
	for _, r := range c.records {
		records[[2]string{r.Group, r.Key}] = r.Value
	}
	for _, u := range slices.Backward(s.undo) {
		if u.sealed == nil {
			delete(records, [2]string{u.group, u.key})
			continue
		}
		value, ok := s.keys.open(s.id, u.group, u.key, u.sealed)
		if !ok {
			return damaged("a record of group %q does not open", u.group)
		}
		records[[2]string{u.group, u.key}] = value
	}
	list := make([]Record, 0, len(records))
	for name, value := range records {
		list = append(list, Record{Group: name[0], Key: name[1], Value: value})
	}
	slices.SortFunc(list, compare)
	// Two ahead: what failed may still turn up with the number in between.
	s.redone = c.head.Generation + 2
	if err := s.rebuild(c.id, s.redone, list); err != nil {
		return err
	}
	s.undo, s.redo = nil, false
	return nil
}
