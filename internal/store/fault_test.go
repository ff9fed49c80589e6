package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"coterie/internal/testenv"
)

// faulty is a disk of which each operation can be made to fail.
type faulty struct {
	realDisk
	commit func(commit func() error) error
	write  func(write func([]byte) (int, error), b []byte) (int, error)
	sync   func(sync func() error) error
	rename error
}

func (d *faulty) Commit(tx *bbolt.Tx) error {
	if d.commit != nil {
		return d.commit(tx.Commit)
	}
	return tx.Commit()
}

func (d *faulty) WriteAt(f *os.File, b []byte, off int64) (int, error) {
	if d.write != nil {
		return d.write(func(b []byte) (int, error) { return f.WriteAt(b, off) }, b)
	}
	return f.WriteAt(b, off)
}

func (d *faulty) Sync(f *os.File) error {
	if d.sync != nil {
		return d.sync(f.Sync)
	}
	return f.Sync()
}

func (d *faulty) Rename(from, to string) error {
	if d.rename != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: d.rename}
	}
	return os.Rename(from, to)
}

// Each way in which a write can fail: it says so, what was there before stays,
// and when the disk is well again so is the store.
func TestFailingWrite(t *testing.T) {
	after := func(err error) func(func() error) error {
		return func(commit func() error) error { return errors.Join(commit(), err) }
	}
	instead := func(err error) func(func() error) error { return func(func() error) error { return err } }
	short := func(write func([]byte) (int, error), b []byte) (int, error) { return write(b[:10]) }
	for _, tt := range []struct {
		name string
		fail faulty
	}{
		{"EIO before the data", faulty{commit: instead(syscall.EIO)}},
		{"EIO from the last fsync", faulty{commit: after(syscall.EIO)}},
		{"no room for the data", faulty{commit: instead(syscall.ENOSPC)}},
		{"no room after the data", faulty{commit: after(syscall.ENOSPC)}},
		{"EIO at the mark", faulty{write: func(func([]byte) (int, error), []byte) (int, error) { return 0, syscall.EIO }}},
		{"no room for the mark", faulty{write: func(func([]byte) (int, error), []byte) (int, error) { return 0, syscall.ENOSPC }}},
		{"half a mark", faulty{write: short}},
		{"EIO from fsync of the mark", faulty{sync: after(syscall.EIO)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := new(faulty)
			s := fresh(t, withDisk(d))
			write(t, s, rec("G", "a", "1"), rec("G", "b", "1"))
			*d = tt.fail
			for i := range 4 { // it goes on failing, in other places each time
				if err := s.Write([]Record{rec("G", "a", fmt.Sprint(2+i)), rec("G", "c", "x"), rec("G", "b", "")}); err == nil || s.Status().Failed == "" {
					t.Fatalf("write %d: %v", i, err)
				}
				// A crash now: what was acknowledged, or (not told apart by what a
				// disk says) the rest of it; or a store that knows it is not whole.
				got, err := reload(t, s)
				if err == nil && !acknowledged(got) {
					t.Fatalf("a crash gives %v", got)
				}
			}
			*d = faulty{rename: syscall.EIO}
			a := "1"
			if s.Write([]Record{rec("G", "a", "9")}) == nil {
				a = "9" // nothing had to be renamed
			}
			*d = faulty{}
			write(t, s, rec("G", "d", "4"))
			got, err := reload(t, s)
			want := []Record{rec("G", "a", a), rec("G", "b", "1"), rec("G", "d", "4")}
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%v (-want +got)\n%s", err, d)
			}
			if f := s.Status().Failed; f != "" {
				t.Errorf("still failed: %s", f)
			}
			s.Close()
			if r, err := Check(s.path, master); err != nil || r.Unfit != "" {
				t.Errorf("check: %+v %v", r, err)
			}
		})
	}
}

func acknowledged(got []Record) bool {
	if cmp.Equal(got, []Record{rec("G", "a", "1"), rec("G", "b", "1")}) {
		return true
	}
	return len(got) == 2 && got[0].Key == "a" && string(got[0].Value) > "1" && got[1].Key == "c"
}

// A disk that says yes and writes nothing is found out by the next write, or
// by the next boot.
func TestForgetfulDisk(t *testing.T) {
	forget := faulty{commit: func(func() error) error { return nil }}
	d := new(faulty)
	s := fresh(t, withDisk(d))
	write(t, s, rec("G", "seq", "32"))
	*d = forget
	write(t, s, rec("G", "seq", "64")) // it was told that this is on the disk
	if got, err := reload(t, s); err == nil || len(got) > 0 {
		t.Errorf("a boot after it gives %v", got)
	}
	*d = faulty{}
	for range 3 {
		if err := s.Write([]Record{rec("G", "seq", "96")}); err == nil || !strings.Contains(err.Error(), "has lost transaction 3") {
			t.Errorf("a write after it: %v", err)
		}
	}
	s.Close()
	refused(t, open(t, s.path), "transaction 2 of 3")
}

// Pages of a transaction that never reached the disk, in any combination: what
// it left must not pass for something else.
func TestLostPages(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	s := fresh(t)
	for i := range 200 {
		write(t, s, rec("G", fmt.Sprintf("k%d", i%40), strings.Repeat("v", 1+random.IntN(400))), rec("H", "seq", fmt.Sprint(i)))
	}
	refusals := 0
	for round := range 300 {
		before := read(t, s.path)
		old, err := judge(before, read(t, s.path+markSuffix))
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, rec("G", fmt.Sprintf("k%d", random.IntN(40)), strings.Repeat("w", 1+random.IntN(400))), rec("H", "seq", fmt.Sprint(1000+round)))
		after, mark := read(t, s.path), read(t, s.path+markSuffix)
		now, err := judge(after, mark)
		if err != nil {
			t.Fatal(err)
		}
		mixed := bytes.Clone(after)
		lost := 0
		for at := 0; at < min(len(before), len(after)); at += 512 { // a sector
			if !bytes.Equal(before[at:at+512], after[at:at+512]) && random.IntN(2) == 0 {
				copy(mixed[at:], before[at:at+512])
				lost++
			}
		}
		got, err := judge(mixed, mark)
		switch {
		case err != nil && len(got) == 0:
			refusals++
		case err == nil && same(got, now) && (lost == 0 || !same(got, old)):
		default:
			t.Fatalf("round %d, %d sectors lost: %v, %d records", round, lost, err, len(got))
		}
	}
	if refusals < 200 {
		t.Errorf("only %d refused", refusals)
	}
}

// judge is what Load makes of two files, without the disk.
func judge(file, marks []byte) ([]Record, error) {
	k, err := deriveKeys(master)
	if err != nil {
		return nil, err
	}
	m, marked, err := readMark(k, bytes.NewReader(marks))
	if err != nil {
		return nil, err
	}
	c, err := parse(file, k)
	if err == nil {
		err = c.fits(m, marked)
	}
	if err != nil {
		return nil, err
	}
	return c.records, nil
}

// same compares records; go-cmp takes too long over thousands of them.
func same(a, b []Record) bool {
	return slices.EqualFunc(a, b, func(x, y Record) bool {
		return x.Group == y.Group && x.Key == y.Key && bytes.Equal(x.Value, y.Value)
	})
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample is the file of a store of some size, its mark, and what is in it.
func sample(t testing.TB) (file, mark []byte, records []Record) {
	t.Helper()
	s := fresh(t)
	for i := range 60 {
		write(t, s, rec("G", fmt.Sprintf("gm/%d", i), strings.Repeat("v", 10*i+1)), rec("H", "seq", fmt.Sprint(i)), rec("big", "b", strings.Repeat("b", 9000)))
	}
	write(t, s, rec("G", "gm/7", ""))
	records, err := reload(t, s)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	return read(t, s.path), read(t, s.path+markSuffix), records
}

// attempt loads a file: all of what was there, or an error and nothing.
func attempt(t testing.TB, file, mark []byte, records []Record) (refused bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ks.db")
	if err := errors.Join(os.WriteFile(path, file, 0o600), os.WriteFile(path+markSuffix, mark, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, master)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, _, err := s.Load()
	if err == nil && !same(got, records) || err != nil && len(got) > 0 {
		t.Fatalf("%d records, %v", len(got), err)
	}
	if e := s.Write([]Record{rec("G", "new", "n")}); e != nil {
		t.Fatalf("after %v: %v", err, e)
	}
	return err != nil
}

func TestTruncated(t *testing.T) {
	file, mark, records := sample(t)
	m, err := metas(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(file); n += pageSize {
		for _, cut := range []int{n, n + 1, n + pageSize - 1} {
			if cut > len(file) {
				continue
			}
			if got, want := attempt(t, file[:cut], mark, records), cut < int(m.pages)*pageSize; got != want {
				t.Errorf("cut at %d of %d (%d pages in use): refused %v", cut, len(file), m.pages, got)
			}
		}
	}
	for cut := 0; cut < len(mark); cut += 16 {
		attempt(t, file, mark[:cut], records)
	}
}

func TestBitFlips(t *testing.T) {
	file, mark, records := sample(t)
	m, err := metas(file)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	const rounds = 20_000
	refusals := 0
	used := int(m.pages) * pageSize
	for i := range rounds {
		bad := bytes.Clone(file)
		for range 1 + i%3 {
			at := random.IntN(used)
			if i%2 == 0 { // where structure is: heads of pages, elements, metas
				at = at/pageSize*pageSize + random.IntN(80)
			}
			bad[at] ^= 1 << random.IntN(8)
		}
		got, err := judge(bad, mark)
		switch {
		case err != nil && len(got) == 0:
			refusals++
		case err != nil || !same(got, records):
			t.Fatalf("round %d: %d records, %v", i, len(got), err)
		}
		if i%200 == 0 { // on the disk, and with bbolt
			attempt(t, bad, mark, records)
		}
	}
	if refusals < rounds/4 {
		t.Errorf("only %d of %d refused", refusals, rounds)
	}
	for i := range len(mark) * 8 {
		bad := bytes.Clone(mark)
		bad[i/8] ^= 1 << (i % 8)
		if got, err := judge(file, bad); err == nil && !same(got, records) {
			t.Fatalf("bit %d of the mark: %d records", i, len(got))
		}
	}
}

// A file that is cut off while it is open is an error, not the end of the
// program (the memory it is mapped to is gone).
func TestCutOffWhileOpen(t *testing.T) {
	s := fresh(t)
	write(t, s, rec("G", "k", strings.Repeat("v", 20_000)))
	if err := os.Truncate(s.path, 0); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Write([]Record{rec("G", "k", "w")}); err == nil {
			t.Fatal("written")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	refused(t, open(t, s.path), "cut off")
}

// A file system without room, a real one.
func TestFullFileSystem(t *testing.T) {
	testenv.Need(t, os.Geteuid() == 0, "mounting a small file system needs root")
	folder := t.TempDir()
	if err := mountSmall(folder, 256<<10); err != nil {
		testenv.Need(t, false, "tmpfs cannot be mounted: "+err.Error())
	}
	t.Cleanup(func() { unmount(folder) })
	s := open(t, filepath.Join(folder, "ks.db"))
	if _, _, err := s.Load(); !errors.Is(err, ErrNew) {
		t.Fatal(err)
	}
	write(t, s, rec("G", "seq", "32"), rec("G", "kek", "k"))
	fill(t, filepath.Join(folder, "ballast"))
	failed := 0
	for i := range 50 {
		if err := s.Write([]Record{rec("G", fmt.Sprintf("gm/%d", i), strings.Repeat("v", 8000))}); err != nil {
			failed++
			if !full(err) {
				t.Fatalf("write %d: %v", i, err)
			}
		}
	}
	if failed == 0 {
		t.Fatal("it is not full")
	}
	if got, err := reload(t, s); err != nil || len(got) != 2+50-failed {
		t.Errorf("a crash gives %d records: %v", len(got), err)
	}
	if err := os.Remove(filepath.Join(folder, "ballast")); err != nil {
		t.Fatal(err)
	}
	write(t, s, rec("G", "seq", "64"))
	got, err := reload(t, s)
	if err != nil || len(got) != 2+50-failed {
		t.Errorf("with room again: %d records, %v", len(got), err)
	}
	s.Close()

	// No room for a new file in place of a damaged one.
	fill(t, filepath.Join(folder, "ballast"))
	if err := os.Truncate(s.path, 3*pageSize); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(folder, "ballast2"))
	s = open(t, s.path)
	if got, _, err := s.Load(); err == nil || len(got) > 0 || !full(err) {
		t.Errorf("%v %v", got, err)
	}
	if err := s.Write([]Record{rec("G", "k", "v")}); err == nil {
		t.Error("written")
	}
	os.Remove(filepath.Join(folder, "ballast"))
	write(t, s, rec("G", "k", "v"))
	expect(t, s, rec("G", "k", "v"))
}

// fill writes a file until there is no room.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = io.CopyN(f, bytes.NewReader(make([]byte, 512)), 512)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// FuzzStore: whatever lies in its place, a store opens without a crash, soon,
// and gives nothing that was not sealed.
func FuzzStore(f *testing.F) {
	file, mark, records := sample(f)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add(file[:4*pageSize])
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 5*pageSize))
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		bad := bytes.Clone(file)
		bad[random.IntN(len(bad))] ^= 0x10
		bad[2*pageSize+random.IntN(40)] ^= 0x04
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, b := range [][]byte{file, resum(file)} {
			got, err := judge(b, mark)
			if err == nil && !same(got, records) || err != nil && len(got) > 0 {
				t.Fatalf("%d records, %v", len(got), err)
			}
			// What passes meets bbolt; what does not is written aside now and then.
			if err == nil || fnv64(b)%64 == 0 {
				attempt(t, b, mark, records)
			}
		}
	})
}

// resum makes the checksums of the meta pages right, so that a fuzzer gets past
// them.
func resum(file []byte) []byte {
	out := bytes.Clone(file)
	for id := range 2 {
		if at := id * pageSize; len(out) >= at+pageHeader+metaSize {
			b := out[at+pageHeader:]
			order.PutUint64(b[metaSize-8:], fnv64(b[:metaSize-8]))
		}
	}
	return out
}
