package lab

import (
	"bytes"
	"errors"
	"io/fs"
	"sync"
	"time"

	"coterie/appliance"
)

// nvramSize is what a node can store, in octets.
const nvramSize = 64 << 20

// errFull is what a write gives that does not fit.
var errFull = errors.New("no space left on device")

// nvram is a node's appliance.Files. It outlives a crash, as NVRAM does, and
// ends with the lab.
type nvram struct {
	now func() time.Time

	mu    sync.Mutex
	files map[string]memoryFile
	used  int64 // octets
}

type memoryFile struct {
	data    []byte
	written time.Time
}

var _ appliance.Lister = (*nvram)(nil)

func newNVRAM(now func() time.Time) *nvram {
	return &nvram{now: now, files: make(map[string]memoryFile)}
}

// Read returns a copy of a file; fs.ErrNotExist when there is none.
func (n *nvram) Read(name string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f, ok := n.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(f.data), nil
}

// Write replaces a file.
func (n *nvram) Write(name string, data []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	used := n.used - int64(len(n.files[name].data)) + int64(len(data))
	if used > nvramSize {
		return &fs.PathError{Op: "write", Path: name, Err: errFull}
	}
	n.used = used
	n.files[name] = memoryFile{append([]byte{}, data...), n.now()}
	return nil
}

// Remove deletes a file; fs.ErrNotExist when there is none.
func (n *nvram) Remove(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	f, ok := n.files[name]
	if !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	n.used -= int64(len(f.data))
	delete(n.files, name)
	return nil
}

// List gives every file.
func (n *nvram) List() ([]appliance.FileInfo, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]appliance.FileInfo, 0, len(n.files))
	for name, f := range n.files {
		out = append(out, appliance.FileInfo{Name: name, Size: int64(len(f.data)), Modified: f.written})
	}
	return out, nil
}

// Space is what there is and what is free.
func (n *nvram) Space() (total, free int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return nvramSize, nvramSize - n.used
}
