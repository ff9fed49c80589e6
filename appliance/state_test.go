package appliance

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"coterie/gdoi/keyserver"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/store"
)

// diskState is a State whose writes can be made to fail; it remembers each.
type diskState struct {
	*MemoryState
	mu     sync.Mutex
	fail   error
	writes [][]keyserver.Record
	slow   chan struct{} // not nil: a write waits for it
}

func (s *diskState) Write(list []keyserver.Record) error {
	if s.slow != nil {
		<-s.slow
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.writes = append(s.writes, list)
	return s.MemoryState.Write(list)
}

// written is what was written so far.
func (s *diskState) written() [][]keyserver.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.writes)
}

func (s *diskState) failing(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.fail = err }

func stateControl(t *testing.T, s State) *control {
	t.Helper()
	a := &Appliance{cfg: Config{Name: "R", Clock: new(env.Clock), Env: env.System(), State: s}}
	a.log = newLogger(a)
	a.ctl = newControl(a, nil)
	go a.ctl.run()
	t.Cleanup(func() { a.ctl.close(); a.log.close() })
	return a.ctl
}

func one(group, key, value string) []keyserver.Record {
	return []keyserver.Record{{Group: group, Key: key, Value: []byte(value)}}
}

// What may wait does so for a second, and goes with what may not; the latest
// of a key counts. A failing disk loses nothing that may wait.
func TestPersistLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskState{MemoryState: NewMemoryState(time.Now)}
		c := stateControl(t, disk)
		do := func(f func(now time.Time)) { c.ask(t.Context(), f); synctest.Wait() }
		later := func(key, value string) {
			do(func(now time.Time) { c.persistLater(now, keyserver.PersistLater{Records: one("G", key, value)}) })
		}
		later("gm/1", "a")
		later("gm/1", "b")
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		if len(disk.written()) != 0 {
			t.Fatalf("written at once: %v", disk.written())
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if want := [][]keyserver.Record{one("G", "gm/1", "b")}; !cmp.Equal(disk.written(), want) {
			t.Fatal(cmp.Diff(want, disk.written()))
		}
		later("gm/2", "c")
		later("seq", "old")
		do(func(now time.Time) { c.persist(now, keyserver.Persist{Number: 1, Records: one("G", "seq", "new")}) })
		want := append(one("G", "gm/2", "c"), one("G", "seq", "new")...)
		if len(disk.written()) != 2 || !cmp.Equal(disk.written()[1], want) {
			t.Fatalf("with a Persist: %v", disk.written())
		}
		disk.failing(syscall.EIO)
		later("gm/3", "d")
		time.Sleep(3 * time.Second)
		later("gm/3", "e")
		do(func(now time.Time) {
			c.waiting = []keyserver.Output{keyserver.Send{}, keyserver.PersistLater{Records: one("G", "gm/4", "f")}}
			c.persist(now, keyserver.Persist{Number: 2, Records: one("G", "seq", "newer")})
		})
		do(func(time.Time) {
			if len(c.waiting) != 0 {
				t.Errorf("outputs behind a failed Persist are left: %v", c.waiting)
			}
		})
		disk.failing(nil)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		records, _, _ := disk.Load()
		got := make(map[string]string)
		for _, r := range records {
			got[r.Key] = string(r.Value)
		}
		if want := map[string]string{"gm/1": "b", "gm/2": "c", "gm/3": "e", "gm/4": "f", "seq": "new"}; !cmp.Equal(got, want) {
			t.Error(cmp.Diff(want, got))
		}
		text := ""
		for _, r := range c.a.Log().Records {
			text += r.Text() + "\n"
		}
		if strings.Count(text, "KS_STATE_NOT_WRITTEN") != 1 || strings.Count(text, "KS_STATE_WRITTEN") != 1 {
			t.Errorf("log:\n%s", text)
		}
	})
}

// Outputs do not wait for what may be written later; a Persist does, for its
// turn, and wins over what is older.
func TestPersistDuringFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskState{MemoryState: NewMemoryState(time.Now), slow: make(chan struct{})}
		c := stateControl(t, disk)
		do := func(f func(now time.Time)) { c.ask(t.Context(), f); synctest.Wait() }
		do(func(now time.Time) { c.persistLater(now, keyserver.PersistLater{Records: one("G", "seq", "old")}) })
		time.Sleep(2 * time.Second)
		synctest.Wait() // the disk is at it
		do(func(now time.Time) { c.waiting = []keyserver.Output{keyserver.Send{}} })
		do(func(now time.Time) {
			if len(c.waiting) != 0 {
				t.Error("an output waits for records that may be late")
			}
			c.persist(now, keyserver.Persist{Number: 1, Records: one("G", "seq", "new")})
			c.waiting = []keyserver.Output{keyserver.Send{}}
		})
		do(func(time.Time) {
			if len(c.waiting) != 1 {
				t.Error("an output does not wait for its Persist")
			}
		})
		disk.slow <- struct{}{}
		synctest.Wait()
		if got := disk.written(); len(got) != 1 {
			t.Fatalf("the Persist did not wait: %v", got)
		}
		disk.slow <- struct{}{}
		synctest.Wait()
		do(func(time.Time) {
			if len(c.waiting) != 0 {
				t.Error("an output still waits")
			}
		})
		if want := [][]keyserver.Record{one("G", "seq", "old"), one("G", "seq", "new")}; !cmp.Equal(disk.written(), want) {
			t.Error(cmp.Diff(want, disk.written()))
		}
	})
}

// What is written when the device is switched off is dated then, as every other
// write is: an older date would be taken for a clock that has been set.
func TestSettleDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &diskState{MemoryState: NewMemoryState(time.Now)}
		c := stateControl(t, disk)
		date := func() []byte { return binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano())) }
		made := keyserver.PersistLater{Records: append(one("G", "gm/1", "a"), keyserver.Record{Key: "clock", Value: date()})}
		c.ask(t.Context(), func(now time.Time) { c.persistLater(now, made) })
		time.Sleep(900 * time.Millisecond)
		c.close()
		records, _, _ := disk.Load()
		if want := (keyserver.Record{Key: "clock", Value: date()}); len(records) != 2 || !cmp.Equal(records[0], want) {
			t.Errorf("%v", records)
		}
	})
}

func TestStateDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := MasterKey(dir, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	key, err := MasterKey(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := MasterKey(dir, true)
	if err != nil || !again.Equal(key) {
		t.Fatalf("another key: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, masterKeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	s, err := OpenState(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(dir, key); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second: %v", err)
	}
	if _, _, err := s.Load(); !errors.Is(err, store.ErrNew) {
		t.Errorf("new: %v", err)
	}
	if err := s.Write(one("G", "seq", "32")); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if s, err = OpenState(dir, key); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, _, err := s.Load(); err != nil || !cmp.Equal(got, one("G", "seq", "32")) {
		t.Errorf("%v %v", got, err)
	}
	// None of it is a file that commands can name.
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, name := range []string{databaseFile, databaseFile + ".mark", masterKeyFile} {
		if err := d.Write(name, []byte("x")); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) == "x" {
			t.Errorf("%s was overwritten (%v)", name, err)
		}
	}
}

// Private keys lie sealed; those of an older program are sealed when they are
// read, and a key that takes over seals them again.
func TestPrivateFiles(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	one, two := secret.New(bytes.Repeat([]byte{1}, 32)), secret.New(bytes.Repeat([]byte{2}, 32))
	content := []byte("-----BEGIN PRIVATE KEY-----")
	raw := func() []byte {
		b, err := os.ReadFile(filepath.Join(dir, privateFile))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := (privateFiles{files: d}).Write(privateFile, content); err != nil || !bytes.Equal(raw(), content) {
		t.Fatalf("without a key: %v", err)
	}
	for _, masters := range [][]secret.Bytes{{one}, {one}, {two, one}, {two}} {
		p := privateFiles{d, masters, rand.Reader}
		if b, err := p.Read(privateFile); err != nil || !bytes.Equal(b, content) {
			t.Fatalf("%q %v", b, err)
		}
		if bytes.Contains(raw(), []byte("PRIVATE")) {
			t.Fatal("not sealed")
		}
	}
	if _, err := (privateFiles{d, []secret.Bytes{one}, rand.Reader}).Read(privateFile); !errors.Is(err, store.ErrSealed) {
		t.Errorf("under the former key: %v", err)
	}
	bad := raw()
	bad[len(bad)-10] ^= 1
	os.WriteFile(filepath.Join(dir, privateFile), bad, 0o600)
	if _, err := (privateFiles{d, []secret.Bytes{two}, rand.Reader}).Read(privateFile); !errors.Is(err, store.ErrSealed) {
		t.Errorf("changed: %v", err)
	}
}
