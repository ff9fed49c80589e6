package lab

import (
	"bytes"
	"io/fs"
	"sync"
)

// nvram is a node's appliance.Files. It outlives a crash, as NVRAM does, and
// ends with the lab.
type nvram struct {
	mu    sync.Mutex
	files map[string][]byte
}

func newNVRAM() *nvram { return &nvram{files: make(map[string][]byte)} }

// Read returns a copy of a file; fs.ErrNotExist when there is none.
func (n *nvram) Read(name string) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	data, ok := n.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(data), nil
}

// Write replaces a file.
func (n *nvram) Write(name string, data []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.files[name] = append([]byte{}, data...)
	return nil
}

// Remove deletes a file; fs.ErrNotExist when there is none.
func (n *nvram) Remove(name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.files[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(n.files, name)
	return nil
}
