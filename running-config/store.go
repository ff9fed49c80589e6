package runningconfig

import "sync"

// Store holds the running configuration of a device. Edits are short and
// serialised; readers take immutable snapshots.
type Store struct {
	mu       sync.Mutex
	tree     *Config
	version  uint64
	snapshot *Config // of version, made on demand
	finish   func(*Config)
}

// NewStore returns a store of an empty configuration.
func NewStore() *Store { return &Store{tree: new(Config)} }

// Finish sets what follows every edit: f brings the tree into the form that it
// asks for itself. It must be set before the store is shared.
func (s *Store) Finish(f func(*Config)) { s.finish = f }

// changed follows a change of the live tree; the lock is held.
func (s *Store) changed() {
	if s.finish != nil {
		s.finish(s.tree)
	}
	s.version++
	s.snapshot = nil
}

// Edit runs f on the live tree. f must leave the tree unchanged when it
// returns an error, which Edit passes on.
func (s *Store) Edit(f func(*Config) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f(s.tree); err != nil {
		return err
	}
	s.changed()
	return nil
}

// View runs f on the live tree without changing it: for lookups that are too
// frequent for a snapshot. f must not keep what it sees.
func (s *Store) View(f func(*Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.tree)
}

// Snapshot returns the present configuration. It is shared: do not change it.
func (s *Store) Snapshot() (*Config, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshot == nil {
		s.snapshot = s.tree.Clone()
	}
	return s.snapshot, s.version
}

// Replace swaps in a whole new tree, which the store then owns.
func (s *Store) Replace(c *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tree = c
	s.changed()
}
