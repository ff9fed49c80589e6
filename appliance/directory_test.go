package appliance

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func openDirectory(t *testing.T) (*Directory, string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "state")
	d, err := OpenDirectory(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, name
}

func TestDirectory(t *testing.T) {
	d, name := openDirectory(t)
	if _, err := OpenDirectory(name); !errors.Is(err, ErrInUse) {
		t.Errorf("a second device in the same directory: %v", err)
	}
	if _, err := d.Read("startup-config"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := d.Remove("startup-config"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("remove no file: %v", err)
	}
	names := []string{"startup-config", "private-config", "key-server/G/seq", "key-server/../../etc", "key-server/./x.new", "flash/a%b", "lock", "console", "flash/%x.bak", "flash//x"}
	for _, n := range names {
		for _, text := range []string{"old " + n, n} {
			if err := d.Write(n, []byte(text)); err != nil {
				t.Fatalf("write %q: %v", n, err)
			}
		}
	}
	for _, n := range names {
		if b, err := d.Read(n); err != nil || string(b) != n {
			t.Errorf("read %q: %q %v", n, b, err)
		}
	}
	list, err := d.List()
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, f := range list {
		listed = append(listed, f.Name)
	}
	slices.Sort(listed)
	slices.Sort(names)
	if !slices.Equal(listed, names) {
		t.Errorf("listed %q\nwant   %q", listed, names)
	}
	if total, free := d.Space(); total <= 0 || free < 0 {
		t.Errorf("space %d %d", total, free)
	}
	if b, err := os.ReadFile(filepath.Join(name, "startup-config.bak")); string(b) != "old startup-config" {
		t.Errorf("the backup is %q %v", b, err)
	}
	filepath.WalkDir(filepath.Dir(name), func(p string, e fs.DirEntry, err error) error {
		info, ierr := e.Info()
		if err != nil || ierr != nil {
			t.Error(err, ierr)
		} else if strings.HasPrefix(p, name) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", p, info.Mode())
		}
		if !strings.HasPrefix(p, name) && !e.IsDir() {
			t.Errorf("%s lies outside", p)
		}
		return nil
	})
	if err := d.Remove("startup-config"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(name, "startup-config.bak")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("erased, and the backup is still there: %v", err)
	}
}

// Whatever step of a write fails, the old content is there, and nothing else.
func TestDirectoryFailures(t *testing.T) {
	full := errors.New("no space left on device")
	for step, fail := range map[string]func(d *Directory){
		"sync":   func(d *Directory) { d.sync = func(*os.File) error { return full } },
		"rename": func(d *Directory) { d.rename = func(string, string) error { return full } },
	} {
		d, name := openDirectory(t)
		if err := d.Write("startup-config", []byte("old")); err != nil {
			t.Fatal(err)
		}
		fail(d)
		if err := d.Write("startup-config", []byte("new")); !errors.Is(err, full) {
			t.Errorf("%s: %v", step, err)
		}
		if b, err := d.Read("startup-config"); string(b) != "old" || err != nil {
			t.Errorf("%s: content %q %v", step, b, err)
		}
		left, _ := filepath.Glob(filepath.Join(name, "*.new"))
		if len(left) > 0 {
			t.Errorf("%s: left %q", step, left)
		}
	}
}

func TestLocalNames(t *testing.T) {
	seen := make(map[string]string)
	for _, n := range []string{"a", "a/b", "a%2Fb", "a/..", "a/%..", "a/.", "a/", "lock", "%lock", "x.new", "x.new%", "x.bak", "..", "../a"} {
		p := local(n)
		if !filepath.IsLocal(p) || p == "." {
			t.Errorf("%q is %q", n, p)
		}
		if other, ok := seen[p]; ok {
			t.Errorf("%q and %q are both %q", n, other, p)
		}
		seen[p] = n
		if back, ok := named(p); !ok || back != n {
			t.Errorf("%q is %q, which is %q %v", n, p, back, ok)
		}
	}
}
