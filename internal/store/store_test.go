package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coterie/internal/secret"
)

var master = secret.New(bytes.Repeat([]byte{7}, KeySize))

func open(t testing.TB, path string, o ...Option) *Store {
	t.Helper()
	s, err := Open(path, master, o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fresh is a loaded store that was not there before.
func fresh(t testing.TB, o ...Option) *Store {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "ks.db"), o...)
	if records, _, err := s.Load(); !errors.Is(err, ErrNew) || len(records) != 0 {
		t.Fatalf("a new store: %v %v", records, err)
	}
	return s
}

func write(t testing.TB, s *Store, records ...Record) {
	t.Helper()
	if err := s.Write(records); err != nil {
		t.Fatal(err)
	}
}

func rec(group, key, value string) Record { return Record{group, key, []byte(value)} }

// reload opens the files of a store as they are now, without closing it: what
// a process that was killed leaves.
func reload(t testing.TB, s *Store) ([]Record, error) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	copyFile(t, s.path, to)
	copyFile(t, s.path+markSuffix, to+markSuffix)
	n := open(t, to)
	records, _, err := n.Load()
	return records, err
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, s *Store, want ...Record) {
	t.Helper()
	got, err := reload(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got)\n%s", d)
	}
}

func TestWriteAndLoad(t *testing.T) {
	s := fresh(t)
	expect(t, s)
	write(t, s, rec("G2", "seq", "1"), rec("G1", "seq", "1"), rec("G1", "kek", "k"))
	expect(t, s, rec("G1", "kek", "k"), rec("G1", "seq", "1"), rec("G2", "seq", "1"))
	write(t, s, rec("G1", "seq", "2"), rec("G1", "seq", "3"), rec("G2", "seq", ""), rec("G3", "none", ""))
	expect(t, s, rec("G1", "kek", "k"), rec("G1", "seq", "3"))
	if st := s.Status(); !cmp.Equal(st.Groups, []Group{{"G1", 2}}) || st.Generation != 3 || st.Failed != "" {
		t.Errorf("status %+v", st)
	}
	write(t, s)
	// Enough for branch pages, a list of free pages and values that overflow.
	var many []Record
	for i := range 5000 {
		many = append(many, rec("G4", fmt.Sprintf("gm/%05d", i), strings.Repeat("x", i%300+1)))
	}
	many = append(many, rec("G5", "big", strings.Repeat("y", 100_000)))
	write(t, s, many...)
	for i := range 300 {
		many[7*i].Value = []byte(strings.Repeat("z", 2*i+1))
		write(t, s, many[7*i])
	}
	expect(t, s, append([]Record{rec("G1", "kek", "k"), rec("G1", "seq", "3")}, many...)...)
	for i := range many {
		many[i].Value = nil
	}
	write(t, s, many...)
	expect(t, s, rec("G1", "kek", "k"), rec("G1", "seq", "3"))
	for _, bad := range []Record{rec("G", "", "x"), rec("\x00", "head", "x"), rec(strings.Repeat("g", 5000), "k", "x")} {
		if err := s.Write([]Record{bad}); err == nil {
			t.Errorf("%.20q/%q was written", bad.Group, bad.Key)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Write([]Record{rec("G", "k", "v")}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestLock(t *testing.T) {
	s := fresh(t)
	_, err := Open(s.path, master)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), s.path) || !strings.Contains(err.Error(), "stop that one") {
		t.Errorf("a second one: %v", err)
	}
	if _, err := Restore(s.path, s.path, master, true); !errors.Is(err, ErrInUse) {
		t.Errorf("restore over a store in use: %v", err)
	}
	s.Close()
	n := open(t, s.path)
	if _, _, err := n.Load(); err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
	for _, f := range []string{s.path, s.path + markSuffix} {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
}

func TestElapsed(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name          string
		before, after Moment
		want          time.Duration
	}{
		{"wall clock", Moment{Wall: noon}, Moment{Wall: noon.Add(time.Hour)}, time.Hour},
		{"wall clock set back", Moment{Wall: noon}, Moment{Wall: noon.Add(-time.Hour)}, 0},
		{"same boot, wall clock set forward", Moment{noon, "a", 5 * time.Second}, Moment{noon.Add(time.Hour), "a", 9 * time.Second}, 4 * time.Second},
		{"same boot, wall clock set back", Moment{noon, "a", 5 * time.Second}, Moment{noon.Add(-time.Hour), "a", 9 * time.Second}, 4 * time.Second},
		{"another boot", Moment{noon, "a", 5 * time.Second}, Moment{noon.Add(time.Minute), "b", 9 * time.Second}, time.Minute},
		{"another boot, no battery", Moment{noon, "a", 5 * time.Second}, Moment{time.Unix(0, 0), "b", 9 * time.Second}, 0},
	} {
		now := tt.before
		s := fresh(t, WithClock(func() Moment { return now }))
		write(t, s, rec("G", "k", "v"))
		s.Close()
		now = tt.after
		s = open(t, s.path, WithClock(func() Moment { return now }))
		if _, got, err := s.Load(); got != tt.want || err != nil {
			t.Errorf("%s: %v, want %v (%v)", tt.name, got, tt.want, err)
		}
	}
	a := Now()
	if d, _ := Now().since(a); d < 0 || d > time.Minute {
		t.Errorf("the host's clocks: %v", d)
	}
}

// refused loads a store that cannot be trusted: nothing comes out, the file
// lies aside, an empty one is there and works.
func refused(t *testing.T, s *Store, want string) {
	t.Helper()
	records, elapsed, err := s.Load()
	if err == nil || len(records) != 0 || elapsed != 0 || !strings.Contains(err.Error(), want) {
		t.Fatalf("loaded %d records: %v; want %q", len(records), err, want)
	}
	write(t, s, rec("G", "k", "new"))
	expect(t, s, rec("G", "k", "new"))
}

func aside(t *testing.T, s *Store) int {
	t.Helper()
	list, err := filepath.Glob(s.path + ".aside-*")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestNotTrusted(t *testing.T) {
	other := secret.New(bytes.Repeat([]byte{8}, KeySize))
	old := func(t *testing.T, s *Store) (db, mark []byte) {
		db, err1 := os.ReadFile(s.path)
		mark, err2 := os.ReadFile(s.path + markSuffix)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return db, mark
	}
	put := func(t *testing.T, name string, b []byte) {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, want string
		key        secret.Bytes
		harm       func(t *testing.T, s *Store, db, mark []byte) // as of before the last write
		aside      int
	}{
		{name: "another master key", want: "master key", key: other, aside: 1},
		{name: "removed", want: "is missing", harm: func(t *testing.T, s *Store, _, _ []byte) { os.Remove(s.path) }},
		{name: "its mark removed", want: "mark is missing", aside: 1, harm: func(t *testing.T, s *Store, _, _ []byte) { os.Remove(s.path + markSuffix) }},
		{name: "an old copy", want: "older than the one that was in use last: transaction 2 of 3", aside: 1,
			harm: func(t *testing.T, s *Store, db, _ []byte) { put(t, s.path, db) }},
		{name: "of another store", want: "another database", aside: 1, harm: func(t *testing.T, s *Store, _, _ []byte) {
			o := fresh(t)
			o.Close()
			copyFile(t, o.path, s.path)
		}},
		{name: "empty", want: "cut off", aside: 1, harm: func(t *testing.T, s *Store, _, _ []byte) { put(t, s.path, nil) }},
		{name: "a folder", want: "is not used", aside: 1, harm: func(t *testing.T, s *Store, _, _ []byte) { os.Remove(s.path); os.Mkdir(s.path, 0o700) }},
		{name: "something else", want: "not a meta page", aside: 1, harm: func(t *testing.T, s *Store, _, _ []byte) {
			put(t, s.path, bytes.Repeat([]byte("startup-config\n"), 10_000))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := fresh(t)
			write(t, s, rec("G", "k", "before"))
			db, mark := old(t, s)
			write(t, s, rec("G", "k", "last"))
			s.Close()
			if tt.harm != nil {
				tt.harm(t, s, db, mark)
			}
			if tt.key.Len() == 0 {
				tt.key = master
			}
			n, err := Open(s.path, tt.key)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			records, _, err := n.Load()
			if err == nil || len(records) != 0 || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), s.path) {
				t.Fatalf("%v %v; want %q", records, err, tt.want)
			}
			if got := aside(t, n); got != tt.aside {
				t.Errorf("%d files lie aside, want %d", got, tt.aside)
			}
			write(t, n, rec("G", "k", "new"))
			n.Close()
			n, err = Open(s.path, tt.key)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			if records, _, err := n.Load(); err != nil || !cmp.Equal(records, []Record{rec("G", "k", "new")}) {
				t.Errorf("afterwards: %v %v", records, err)
			}
		})
	}
}

func TestAsideIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ks[1]*.db")
	for i := range 12 {
		if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, master)
		if err != nil {
			t.Fatal(err)
		}
		s.Load()
		s.Close()
		list, err := os.ReadDir(filepath.Dir(path))
		if want := min(i+1, mostAside) + 2; err != nil || len(list) != want {
			t.Fatalf("%d files after %d damages, want %d (%v)", len(list), i+1, want, err)
		}
	}
}

// Records cannot change places, even by somebody who can write the file well.
func TestPlaces(t *testing.T) {
	k, err := deriveKeys(master)
	if err != nil {
		t.Fatal(err)
	}
	random := bytes.NewReader(bytes.Repeat([]byte{3}, 100))
	a, b := [16]byte{1}, [16]byte{2}
	sealed, err := k.seal(random, a, "G1", "seq", []byte("32"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := k.open(a, "G1", "seq", sealed); !ok || string(v) != "32" {
		t.Fatalf("%q %v", v, ok)
	}
	for _, tt := range []struct {
		id         [16]byte
		group, key string
	}{{b, "G1", "seq"}, {a, "G2", "seq"}, {a, "G1", "sid"}, {a, "G1s", "eq"}, {a, "", "G1seq"}} {
		if _, ok := k.open(tt.id, tt.group, tt.key, sealed); ok {
			t.Errorf("opens as %v", tt)
		}
	}
	if _, err := deriveKeys(secret.Of("short")); err == nil {
		t.Error("a short master key")
	}
}

func TestNothingInTheClear(t *testing.T) {
	s := fresh(t)
	write(t, s, rec("G", "kek", "KEKKEKKEKKEKKEKK"))
	write(t, s, rec("G", "kek", "TEKTEKTEKTEKTEKT"))
	for _, name := range []string{s.path, s.path + markSuffix} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"KEKKEKKEKKEKKEKK", "TEKTEKTEKTEKTEKT", string(master.Reveal())} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s has %q", name, secret)
			}
		}
	}
}

func TestBackupAndRestore(t *testing.T) {
	s := fresh(t)
	write(t, s, rec("G", "seq", "32"), rec("H", "seq", "64"))
	file := filepath.Join(t.TempDir(), "backup.db")
	report, err := Backup(s.path, master, file) // while it is in use
	if err != nil || report.Records != 2 || !cmp.Equal(report.Groups, []Group{{"G", 1}, {"H", 1}}) {
		t.Fatalf("%+v %v", report, err)
	}
	if _, err := Backup(s.path, master, file); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	write(t, s, rec("G", "seq", "96"))
	if r, err := Check(s.path, master); err != nil || r.Unfit != "" || r.Generation != 3 || r.Records != 2 || r.Age > time.Minute {
		t.Errorf("check: %+v %v", r, err)
	}
	if r, err := Check(file, master); err != nil || !strings.Contains(r.Unfit, "mark is missing") {
		t.Errorf("check of a backup: %+v %v", r, err)
	}
	s.Close()
	if _, err := Restore(file, s.path, master, false); !errors.Is(err, ErrSound) {
		t.Errorf("over a sound one: %v", err)
	}
	r, err := Restore(file, s.path, master, true)
	if err != nil || r.Records != 2 || r.Restored.IsZero() || !strings.Contains(r.Unfit, "restored from a backup") {
		t.Fatalf("%+v %v", r, err)
	}
	if aside(t, s) != 1 {
		t.Error("what was there is gone")
	}
	// A backup of what was restored is no better.
	again := filepath.Join(t.TempDir(), "again.db")
	if _, err := Backup(s.path, master, again); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(again, s.path, master, true); err != nil {
		t.Fatal(err)
	}
	refused(t, open(t, s.path), "restored from a backup of")
	if _, err := Restore(s.path+".none", s.path, master, true); err == nil {
		t.Error("a backup that is not there")
	}
}
