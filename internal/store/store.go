package store

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"coterie/internal/secret"
)

// ErrInUse is wrapped by the error of Open when another process has the
// database.
var ErrInUse = errors.New("in use")

// ErrNew is wrapped by the error of Load when there is no trace of a database:
// none was ever made here.
var ErrNew = errors.New("is not there yet")

// Store is an open database. Its methods may be called from any goroutine, but
// Write waits for the disk.
type Store struct {
	path   string
	keys   *keys
	random io.Reader
	now    func() Moment
	disk   disk
	mark   *os.File // locked

	mu     sync.Mutex
	db     *bbolt.DB // nil: not loaded, or damaged
	id     [16]byte
	head   head   // of the last transaction
	sealed []byte // head, as it is in the file
	groups map[string]int
	broken error    // the last Write failed so
	undo   []undone // takes back what of a failed Write is in the file
	tried  []undone // takes back what of the last Write may be
	redo   bool     // the disk failed: the file is to be written once more
	redone uint64   // the generation of the last attempt at that
	closed bool
}

// undone is a sealed record as it was; nil: there was none.
type undone struct {
	group, key string
	sealed     []byte
}

// Option changes how a Store works, for tests.
type Option func(*Store)

// WithClock sets what time it is.
func WithClock(now func() Moment) Option { return func(s *Store) { s.now = now } }

func withDisk(d disk) Option { return func(s *Store) { s.disk = d } }

// Open takes the database of a path for this process. Its folder must be
// there; the file need not. Load comes next.
func Open(path string, master secret.Bytes, options ...Option) (*Store, error) {
	k, err := deriveKeys(master)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, keys: k, random: rand.Reader, now: Now, disk: realDisk{}}
	for _, o := range options {
		o(s)
	}
	f, err := takeMark(path)
	if err != nil {
		return nil, err
	}
	s.mark = f
	return s, nil
}

// takeMark opens the mark of a database and locks it.
func takeMark(path string) (*os.File, error) {
	f, err := os.OpenFile(path+markSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := lock(f)
	if err == nil && !ok {
		err = fmt.Errorf("%s is %w: another coterie runs with it; stop that one first (fuser %s names it), or use another state directory",
			path, ErrInUse, f.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Load gives every record, sorted by group and key, and how much time has
// passed since the latest Write. With an error there are none: the database was
// missing, damaged, restored, older than it should be, or could not be read. It
// lies aside then, and an empty one is in its place if the disk allows it.
func (s *Store) Load() (records []Record, elapsed time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.db != nil {
		return nil, 0, errors.New("store: loaded already")
	}
	c, err := s.read()
	if err == nil {
		if err = s.use(c); err == nil {
			elapsed, _ = s.now().since(c.head.Written)
			return c.records, elapsed, nil
		}
		s.drop(err)
	}
	if replaced := s.replace(err); replaced != nil {
		s.broken = replaced
		return nil, 0, fmt.Errorf("%s %w; and no new one can be made: %w", s.path, describe(err), replaced)
	}
	return nil, 0, fmt.Errorf("%s %w", s.path, describe(err))
}

// describe fits an error behind the name of the file.
func describe(err error) error {
	if errors.Is(err, ErrNew) {
		return err
	}
	var p *fs.PathError
	if errors.As(err, &p) && errors.Is(err, fs.ErrNotExist) {
		return errors.New("is missing, though it was written before")
	}
	return fmt.Errorf("is not used: %w", err)
}

// read reads and checks the file and its mark.
func (s *Store) read() (*content, error) {
	m, marked, err := readMark(s.keys, s.mark)
	if err != nil {
		return nil, err
	}
	file, err := readFile(s.path)
	if errors.Is(err, fs.ErrNotExist) && !marked {
		return nil, ErrNew
	}
	if err != nil {
		return nil, err
	}
	c, err := parse(file, s.keys)
	if err != nil {
		return nil, err
	}
	return c, c.fits(m, marked)
}

// guard makes an error of a panic of bbolt, and of a fault of the memory that
// it maps: a file that has been checked gives none, but it may be cut off by
// others while it is open.
func guard(err *error) func() {
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		if r := recover(); r != nil {
			*err = damaged("%v", r)
		}
	}
}

// use opens a database that has been checked.
func (s *Store) use(c *content) (err error) {
	defer guard(&err)()
	db, err := openBolt(s.path)
	if err != nil {
		return err
	}
	s.db = db
	err = db.View(func(tx *bbolt.Tx) error {
		own := tx.Bucket([]byte(ownBucket))
		if own == nil || !bytes.Equal(own.Get([]byte(idKey)), c.id[:]) {
			return damaged("it changes while it is read")
		}
		s.sealed = bytes.Clone(own.Get([]byte(headKey)))
		return nil
	})
	if err != nil {
		return err
	}
	text, ok := s.keys.open(c.id, ownGroup, headKey, s.sealed)
	var h head
	if !ok || json.Unmarshal(text, &h) != nil || h.Generation != c.head.Generation || h.Digest != c.head.Digest {
		return damaged("it changes while it is read")
	}
	s.id, s.head, s.broken = c.id, c.head, nil
	s.groups = make(map[string]int)
	for _, g := range c.counts() {
		s.groups[g.Name] = g.Records
	}
	return nil
}

func openBolt(path string) (*bbolt.DB, error) {
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType, PageSize: pageSize, NoStatistics: true})
}

// drop forgets the open database. One that bbolt may have stumbled over is not
// closed: that could wait for itself.
func (s *Store) drop(why error) {
	if db := s.db; db != nil && !errors.Is(why, errDamaged) {
		db.Close()
	}
	s.db = nil
}

// replace lays aside what is there and begins an empty database.
func (s *Store) replace(why error) error {
	if _, err := os.Lstat(s.path); err == nil && why != nil {
		if err := s.aside(); err != nil {
			return err
		}
	}
	var id [16]byte
	if _, err := io.ReadFull(s.random, id[:]); err != nil {
		return err
	}
	// Generations go on, so that of the two places of the mark the new one counts.
	m, _, err := readMark(s.keys, s.mark)
	if err != nil {
		return err
	}
	return s.rebuild(id, m.generation+1, nil)
}

// mostAside is how many files that were not used are kept.
const mostAside = 5

// aside renames the database.
func (s *Store) aside() error {
	const layout = "20060102T150405.000000000Z"
	old, err := filepath.Glob(escape(s.path) + ".aside-*")
	if err == nil && len(old) >= mostAside {
		slices.Sort(old)
		for _, name := range old[:len(old)-mostAside+1] {
			os.Remove(name)
		}
	}
	return s.disk.Rename(s.path, s.path+".aside-"+s.now().Wall.UTC().Format(layout))
}

// escape makes a pattern that matches a name only.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// rebuild puts a new file with the given records into place, and opens it.
func (s *Store) rebuild(id [16]byte, generation uint64, records []Record) error {
	h := head{Generation: generation, Written: s.now()}
	if err := build(s.disk, s.keys, s.random, s.path+".new", id, h, records); err != nil {
		os.Remove(s.path + ".new")
		return err
	}
	if err := s.disk.Rename(s.path+".new", s.path); err != nil {
		return err
	}
	if err := s.disk.SyncFolder(s.path); err != nil {
		return err
	}
	m := mark{id, generation}
	if err := m.write(s.disk, s.keys, s.mark); err != nil {
		return err
	}
	c, err := s.read()
	if err != nil {
		return err
	}
	return s.use(c)
}

// build makes a database file.
func build(d disk, k *keys, random io.Reader, name string, id [16]byte, h head, records []Record) (err error) {
	defer guard(&err)()
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := openBolt(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	own, err := tx.CreateBucket([]byte(ownBucket))
	if err != nil {
		return err
	}
	h.Records, h.Digest = len(records), sum{}
	for _, r := range records {
		b, err := tx.CreateBucketIfNotExists([]byte(groupPrefix + r.Group))
		if err != nil {
			return err
		}
		sealed, err := k.seal(random, id, r.Group, r.Key, r.Value)
		if err != nil {
			return err
		}
		if err := b.Put([]byte(r.Key), sealed); err != nil {
			return err
		}
		h.Digest.add(k.of(r.Group, r.Key, sealed))
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sealed, err := k.seal(random, id, ownGroup, headKey, text)
	if err != nil {
		return err
	}
	for key, value := range map[string][]byte{formatKey: []byte(format), idKey: id[:], headKey: sealed} {
		if err := own.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return d.Commit(tx)
}

// Status describes an open database.
type Status struct {
	Path       string
	Octets     int64
	Groups     []Group
	Generation uint64
	Written    time.Time
	// Steady says that the time that passes while this host stays on is known
	// whatever becomes of its wall clock.
	Steady bool
	Failed string // why the last Write failed; "": it did not
}

// Status is the state of the database now.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Status{Path: s.path, Generation: s.head.Generation, Written: s.head.Written.Wall, Steady: s.head.Written.Boot != ""}
	if info, err := os.Stat(s.path); err == nil {
		out.Octets = info.Size()
	}
	for name, n := range s.groups {
		if name != "" {
			out.Groups = append(out.Groups, Group{name, n})
		}
	}
	slices.SortFunc(out.Groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	if s.broken != nil {
		out.Failed = s.broken.Error()
	}
	return out
}

// Close gives the database back.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.drop(s.broken)
	return s.mark.Close()
}
