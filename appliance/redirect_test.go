package appliance

import (
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

// fullFiles holds what fits into so many octets.
type fullFiles struct {
	files map[string]string
	room  int
}

func (f fullFiles) Read(name string) ([]byte, error) {
	if text, ok := f.files[name]; ok {
		return []byte(text), nil
	}
	return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
}

func (f fullFiles) Write(name string, data []byte) error {
	if len(data) > f.room {
		return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}
	f.files[name] = string(data)
	return nil
}

func (f fullFiles) Remove(name string) error { delete(f.files, name); return nil }

// Output that does not fit says so, and the old file stays.
func TestRedirect(t *testing.T) {
	store := fullFiles{map[string]string{}, 20}
	a := &Appliance{cfg: Config{Files: store}}
	for _, c := range []struct {
		url       string
		appending bool
		text      string
		want      string // error
		file      string
	}{
		{"flash:a", true, "0123456789", "", "0123456789"},
		{"flash:/a", true, "abcde", "", "0123456789abcde"},
		{"flash:a", true, "0123456789", "%Error writing flash:a (No space left on device)", "0123456789abcde"},
		{"a", false, strings.Repeat("x", 21), "%Error writing flash:a (No space left on device)", "0123456789abcde"},
		{"flash:a", false, "new", "", "new"},
		{"nvram:startup-config", false, "no", "%Error opening nvram:startup-config (Permission denied)", "new"},
		{"nvram:private-config", true, "no", "%Error opening nvram:private-config (Permission denied)", "new"},
		{"system:running-config", false, "no", "%Error opening system:running-config (Permission denied)", "new"},
		{"flash:", false, "no", "%Error opening flash: (Is a directory)", "new"},
		{"flash:../a", false, "no", "%Error opening flash:../a (No such file or directory)", "new"},
		{"tftp://h/a", false, "no", "%Error opening tftp://h/a (Invalid device name)", "new"},
	} {
		w, err := a.CreateFile(c.url, c.appending)
		if err == nil {
			io.WriteString(w, c.text)
			err = w.Close()
		}
		if got := fmt.Sprint(err); got != c.want && (err != nil || c.want != "") {
			t.Errorf("%s: %s, want %s", c.url, got, c.want)
		}
		if store.files["flash/a"] != c.file {
			t.Errorf("%s: the file is %q, want %q", c.url, store.files["flash/a"], c.file)
		}
	}
	w, err := a.CreateFile("flash:big", false)
	if err != nil {
		t.Fatal(err)
	}
	for piece := make([]byte, 1<<20); err == nil; {
		_, err = w.Write(piece)
	}
	if want := "%Error writing flash:big (File too large)"; err.Error() != want || w.Close().Error() != want {
		t.Error(err)
	}
}
