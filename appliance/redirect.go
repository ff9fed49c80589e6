package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"coterie/modes"
)

// longestRedirect bounds what one command may write into a file, in octets.
const longestRedirect = 64 << 20

// CreateFile opens a file of flash: or nvram: for the output of a command. It
// is kept until Close, which writes it as a whole. What the device boots from
// is not written that way.
func (a *Appliance) CreateFile(url string, appending bool) (io.WriteCloser, error) {
	f, err := modes.ParseFile(url)
	if err != nil {
		return nil, err
	}
	switch {
	case f.Name == "":
		return nil, fmt.Errorf("%%Error opening %s (Is a directory)", url)
	case f == modes.StartupConfig, f.System == "system":
		return nil, fmt.Errorf("%%Error opening %s (Permission denied)", f)
	}
	if _, err := storedName(f); err != nil {
		return nil, fmt.Errorf("%%Error opening %s (%w)", f, cause(err))
	}
	w := &redirected{a: a, file: f}
	if appending {
		old, err := a.ReadFile(f)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		w.text.Write(old)
	}
	return w, nil
}

// redirected is a file that a command writes.
type redirected struct {
	a    *Appliance
	file modes.File
	text bytes.Buffer
	full bool
}

func (w *redirected) Write(p []byte) (int, error) {
	if w.full = w.full || w.text.Len()+len(p) > longestRedirect; w.full {
		return 0, w.tooLong()
	}
	return w.text.Write(p)
}

func (w *redirected) tooLong() error {
	return fmt.Errorf("%%Error writing %s (File too large)", w.file)
}

// Close writes the file.
func (w *redirected) Close() error {
	if w.full {
		return w.tooLong()
	}
	return w.a.WriteFile(w.file, w.text.Bytes())
}
