package appliance

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"coterie/crypto/keys"
)

// keyStore holds the RSA key pairs by label, and writes them to private-config
// whenever they change.
type keyStore struct {
	mu    sync.Mutex
	files Files
	pairs map[string]keys.Pair
}

func openKeyStore(files Files) (*keyStore, error) {
	k := &keyStore{files: files, pairs: make(map[string]keys.Pair)}
	data, err := files.Read(privateFile)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", privateFile, err)
	}
	pairs, err := keys.Unmarshal(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", privateFile, err)
	}
	for _, p := range pairs {
		k.pairs[p.Label] = p
	}
	return k, nil
}

func (k *keyStore) pair(label string) (keys.Pair, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, ok := k.pairs[label]
	return p, ok
}

// list is every pair, sorted by label.
func (k *keyStore) list() []keys.Pair {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sorted()
}

func (k *keyStore) sorted() []keys.Pair {
	out := make([]keys.Pair, 0, len(k.pairs))
	for _, p := range k.pairs {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b keys.Pair) int { return cmp.Compare(a.Label, b.Label) })
	return out
}

// change edits the pairs and saves them; the edit is undone when that fails.
func (k *keyStore) change(edit func(map[string]keys.Pair)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := make(map[string]keys.Pair, len(k.pairs))
	for label, p := range k.pairs {
		before[label] = p
	}
	edit(k.pairs)
	data, err := keys.Marshal(k.sorted())
	if err == nil {
		err = k.files.Write(privateFile, data)
	}
	if err != nil {
		k.pairs = before
		return fmt.Errorf("save %s: %w", privateFile, err)
	}
	return nil
}
