package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
)

// disk is everything that a store does to a disk after it was opened. Tests
// put one in between that forgets, fails or is full.
type disk interface {
	// Commit makes a transaction last, or returns an error.
	Commit(*bbolt.Tx) error
	WriteAt(f *os.File, b []byte, offset int64) (int, error)
	Sync(*os.File) error
	Rename(from, to string) error
	// SyncFolder makes the names in the folder of a file last.
	SyncFolder(file string) error
}

// realDisk is the operating system's.
type realDisk struct{}

func (realDisk) Commit(tx *bbolt.Tx) error                            { return tx.Commit() }
func (realDisk) WriteAt(f *os.File, b []byte, off int64) (int, error) { return f.WriteAt(b, off) }
func (realDisk) Sync(f *os.File) error                                { return f.Sync() }
func (realDisk) Rename(from, to string) error                         { return os.Rename(from, to) }

func (realDisk) SyncFolder(file string) error {
	f, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// full tells whether an error says that there is no room, which leaves what
// was written before as it is. After any other error of a disk, what it has of
// the last writes is not known.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
