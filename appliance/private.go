package appliance

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"coterie/internal/secret"
	"coterie/internal/store"
)

// masterKeyFile holds the key that seals what lies in a state directory, when
// the host has no safer place for it.
const masterKeyFile = "master-key"

// privateFiles are the files of a device that hold private keys, sealed under
// a master key. Without one they lie as they are: a router of a lab has no disk.
type privateFiles struct {
	files   Files
	masters []secret.Bytes // the first seals, each opens
	random  io.Reader
}

var _ Files = privateFiles{}

// Read returns a file. One that is not sealed under the first key is, from
// then on.
func (p privateFiles) Read(name string) ([]byte, error) {
	data, err := p.files.Read(name)
	if err != nil {
		return nil, err
	}
	if !store.Sealed(data) {
		if len(p.masters) > 0 {
			err = p.Write(name, data)
		}
		return data, err
	}
	plain, first, err := store.OpenFile(p.masters, name, data)
	if err != nil {
		return nil, fmt.Errorf("%w; bring back the %s it was sealed under, or remove it with the keys in it", err, masterKeyFile)
	}
	if !first {
		err = p.Write(name, plain)
	}
	return plain, err
}

// Write replaces a file.
func (p privateFiles) Write(name string, data []byte) error {
	if len(p.masters) > 0 {
		var err error
		if data, err = store.SealFile(p.masters[0], p.random, name, data); err != nil {
			return err
		}
	}
	return p.files.Write(name, data)
}

// Remove deletes a file.
func (p privateFiles) Remove(name string) error { return p.files.Remove(name) }

// ParseMasterKey reads a master key: 32 octets, or 64 hexadecimal digits and
// perhaps the end of the line.
func ParseMasterKey(data []byte) (secret.Bytes, error) {
	if len(data) == store.KeySize {
		return secret.New(append([]byte(nil), data...)), nil
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != store.KeySize {
		return secret.Bytes{}, fmt.Errorf("a master key is %d octets, or as many in hexadecimal", store.KeySize)
	}
	return secret.New(key), nil
}

// MasterKey reads the master key of a state directory, and makes one if asked
// to where there is none (fs.ErrNotExist otherwise).
func MasterKey(directory string, make bool) (secret.Bytes, error) {
	name := filepath.Join(directory, masterKeyFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && make {
		if data, err = makeMasterKey(name); err != nil {
			return secret.Bytes{}, err
		}
	}
	if err != nil {
		return secret.Bytes{}, err
	}
	key, err := ParseMasterKey(data)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("%s: %w", name, err)
	}
	return key, os.Chmod(name, 0o600)
}

// makeMasterKey writes a new key; it is on the disk when this returns.
func makeMasterKey(name string) ([]byte, error) {
	key := make([]byte, store.KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	text := []byte(hex.EncodeToString(key) + "\n")
	f, err := os.OpenFile(name+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(name+newSuffix, name)
	}
	if err != nil {
		return nil, err
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	return text, errors.Join(folder.Sync(), folder.Close())
}
