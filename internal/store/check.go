package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"coterie/internal/secret"
)

// Report says what is in a database.
type Report struct {
	Path       string
	Octets     int64
	Groups     []Group
	Records    int
	Generation uint64
	Written    time.Time
	Age        time.Duration // since Written
	Restored   time.Time     // the backup it comes from, if it does
	// Unfit is why a key server would not use it, though it is sound: it was
	// restored, or is older than the one in use last.
	Unfit string
}

// snapshot reads a database that somebody may be writing to.
func snapshot(path string, k *keys) (file []byte, c *content, err error) {
	for range 20 {
		before := file
		if file, err = readFile(path); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, cause(err))
		}
		if c, err = parse(file, k); err == nil {
			return file, c, nil
		}
		if before != nil && bytes.Equal(before, file) {
			break // nobody writes: it is as it is
		}
	}
	return nil, nil, fmt.Errorf("%s: %w", path, err)
}

// cause is an error without the name of its file.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Check reads every octet of a database that means something and opens every
// record. It takes no lock: the database may be in use.
func Check(path string, master secret.Bytes) (Report, error) {
	k, err := deriveKeys(master)
	if err != nil {
		return Report{}, err
	}
	m, marked, err := readMarkFile(k, path)
	if err != nil {
		return Report{}, err
	}
	file, c, err := snapshot(path, k)
	if err != nil {
		return Report{}, err
	}
	out := Report{
		Path: path, Octets: int64(len(file)), Groups: c.counts(), Records: len(c.records), Generation: c.head.Generation,
		Written: c.head.Written.Wall, Restored: c.head.Restored,
	}
	out.Age, _ = Now().since(c.head.Written)
	if err := c.fits(m, marked); err != nil {
		out.Unfit = err.Error()
	}
	return out, nil
}

// readMarkFile reads the mark of a database that need not have one.
func readMarkFile(k *keys, path string) (mark, bool, error) {
	f, err := os.Open(path + markSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, false, nil
	}
	if err != nil {
		return mark{}, false, err
	}
	defer f.Close()
	return readMark(k, f)
}

// Backup copies a sound database, which may be in use, to a file that is not
// there yet. The copy is sealed as the original is.
func Backup(path string, master secret.Bytes, to string) (Report, error) {
	k, err := deriveKeys(master)
	if err != nil {
		return Report{}, err
	}
	file, c, err := snapshot(path, k)
	if err != nil {
		return Report{}, err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Report{}, err
	}
	_, err = f.Write(file)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = realDisk{}.SyncFolder(to)
	}
	if err != nil {
		os.Remove(to)
		return Report{}, fmt.Errorf("%s: %w", to, cause(err))
	}
	return Report{
		Path: to, Octets: int64(len(file)), Groups: c.counts(), Records: len(c.records), Generation: c.head.Generation,
		Written: c.head.Written.Wall, Restored: c.head.Restored,
	}, nil
}

// ErrSound refuses to restore over a database that nothing is wrong with.
var ErrSound = errors.New("the database in place is sound")

// Restore puts a backup into the place of a database that nobody uses. Since
// the backup was made, its key server has given out sequence numbers and sender
// IDs that the backup does not know of. So the database is marked as restored:
// it can be looked into, and the next Load refuses to continue its numbers. A
// sound database is only replaced with force; what was there lies aside.
func Restore(backup, path string, master secret.Bytes, force bool) (Report, error) {
	k, err := deriveKeys(master)
	if err != nil {
		return Report{}, err
	}
	f, err := takeMark(path)
	if err != nil {
		return Report{}, err
	}
	s := &Store{path: path, keys: k, random: rand.Reader, now: Now, disk: realDisk{}, mark: f}
	defer f.Close()
	_, c, err := snapshot(backup, k)
	if err != nil {
		return Report{}, err
	}
	if _, err := s.read(); err == nil && !force {
		return Report{}, fmt.Errorf("%s: %w", path, ErrSound)
	}
	m, _, err := readMark(k, f)
	if err != nil {
		return Report{}, err
	}
	h := head{Generation: m.generation + 1, Written: c.head.Written, Restored: c.head.Restored}
	if h.Restored.IsZero() {
		h.Restored = c.head.Written.Wall
	}
	var id [16]byte
	if _, err := io.ReadFull(s.random, id[:]); err != nil {
		return Report{}, err
	}
	if err := build(s.disk, k, s.random, path+".new", id, h, c.records); err != nil {
		os.Remove(path + ".new")
		return Report{}, err
	}
	if _, err := os.Lstat(path); err == nil {
		if err := s.aside(); err != nil {
			return Report{}, err
		}
	}
	if err := s.disk.Rename(path+".new", path); err != nil {
		return Report{}, err
	}
	if err := s.disk.SyncFolder(path); err != nil {
		return Report{}, err
	}
	if err := (mark{id, h.Generation}).write(s.disk, k, f); err != nil {
		return Report{}, err
	}
	return Check(path, master)
}
