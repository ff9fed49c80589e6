package appliance

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/internal/secret"
	"coterie/internal/store"
	"coterie/modes"
)

// databaseFile is the name of the key server's database in a state directory.
const databaseFile = "key-server.db"

// Database is where the state of a state directory lies.
func Database(directory string) string { return filepath.Join(directory, databaseFile) }

// storedState is the State of a device on a disk.
type storedState struct{ *store.Store }

// OpenState takes the database of a state directory for this process; values
// are sealed under master.
func OpenState(directory string, master secret.Bytes) (State, error) {
	s, err := store.Open(Database(directory), master)
	if err != nil {
		return nil, err
	}
	return storedState{s}, nil
}

// Load is the store's.
func (s storedState) Load() ([]keyserver.Record, time.Duration, error) {
	list, elapsed, err := s.Store.Load()
	out := make([]keyserver.Record, len(list))
	for i, r := range list {
		out[i] = keyserver.Record(r)
	}
	return out, elapsed, err
}

// Write is the store's.
func (s storedState) Write(records []keyserver.Record) error {
	list := make([]store.Record, len(records))
	for i, r := range records {
		list[i] = store.Record(r)
	}
	return s.Store.Write(list)
}

// Database describes it for `show crypto gdoi ks database`.
func (s storedState) Database() modes.DatabaseSnapshot {
	st := s.Store.Status()
	out := modes.DatabaseSnapshot{
		Place: st.Path, Octets: st.Octets, Sealed: "XChaCha20-Poly1305", Transactions: st.Generation, Written: st.Written, Failed: st.Failed,
		Elapsed: "wall clock",
	}
	if st.Steady {
		out.Elapsed = "boot clock, else wall clock"
	}
	for _, g := range st.Groups {
		out.Groups = append(out.Groups, modes.DatabaseGroup{Name: g.Name, Records: g.Records})
	}
	return out
}

// MemoryState is a State that lasts as long as the program: that of a router in
// a lab, whose memory outlives a crash of the router.
type MemoryState struct {
	now func() time.Time

	mu      sync.Mutex
	records map[[2]string][]byte
	written time.Time
	writes  uint64
}

// NewMemoryState makes an empty one; now is the clock that time passes by.
func NewMemoryState(now func() time.Time) *MemoryState {
	return &MemoryState{now: now, records: make(map[[2]string][]byte)}
}

// Load gives everything, sorted by group and key.
func (s *MemoryState) Load() ([]keyserver.Record, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]keyserver.Record, 0, len(s.records))
	for name, value := range s.records {
		out = append(out, keyserver.Record{Group: name[0], Key: name[1], Value: slices.Clone(value)})
	}
	slices.SortFunc(out, compareRecords)
	if s.written.IsZero() {
		return out, 0, nil
	}
	return out, max(s.now().Sub(s.written), 0), nil
}

// Write takes records over.
func (s *MemoryState) Write(records []keyserver.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		name := [2]string{r.Group, r.Key}
		if delete(s.records, name); len(r.Value) > 0 {
			s.records[name] = slices.Clone(r.Value)
		}
	}
	s.written = s.now()
	s.writes++
	return nil
}

// Close does nothing: what is there stays.
func (s *MemoryState) Close() error { return nil }

// Database describes it for `show crypto gdoi ks database`.
func (s *MemoryState) Database() modes.DatabaseSnapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := modes.DatabaseSnapshot{Place: "memory", Elapsed: "clock of the lab", Written: s.written, Transactions: s.writes}
	counts := make(map[string]int)
	for name, value := range s.records {
		counts[name[0]]++
		out.Octets += int64(len(name[0]) + len(name[1]) + len(value))
	}
	delete(counts, "") // of all together
	for name, n := range counts {
		out.Groups = append(out.Groups, modes.DatabaseGroup{Name: name, Records: n})
	}
	slices.SortFunc(out.Groups, func(a, b modes.DatabaseGroup) int { return compareText(a.Name, b.Name) })
	return out
}

// errNoDatabase is what a device with a State of another kind says.
var errNoDatabase = errors.New("% The database of this device cannot be described")

var _ modes.Database = (*Appliance)(nil)

// Database describes the key server's durable state.
func (a *Appliance) Database() (modes.DatabaseSnapshot, error) {
	d, ok := a.cfg.State.(interface{ Database() modes.DatabaseSnapshot })
	if !ok {
		return modes.DatabaseSnapshot{}, errNoDatabase
	}
	return d.Database(), nil
}
