package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"coterie/modes"
)

// A Lister is Files that can be listed, for `dir`. Without it a device shows
// only what it knows of.
type Lister interface {
	// List gives every file, in any order.
	List() ([]FileInfo, error)
	// Space is what there is and what is free, in octets; zero: not known.
	Space() (total, free int64)
}

// FileInfo is one file of a Lister.
type FileInfo struct {
	Name     string
	Size     int64     // octets
	Modified time.Time // zero: not known
}

// Folders of Files for what is not of the device itself.
const (
	flashFolder = "flash/"
	nvramFolder = "nvram/"
	indexFile   = "archive-index" // names of archived configurations, oldest first
)

// errNoFile is the cause in what IOS says of a file that is not there.
var errNoFile = fileError{"No such file or directory", fs.ErrNotExist}

// fileError puts a cause as IOS words it over the one of the store.
type fileError struct {
	text  string
	cause error
}

func (e fileError) Error() string { return e.text }
func (e fileError) Unwrap() error { return e.cause }

// cause words the error of a file store.
func cause(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoFile
	case errors.Is(err, fs.ErrPermission):
		return fileError{"Permission denied", err}
	}
	text := err.Error()
	var path *fs.PathError
	if errors.As(err, &path) {
		text = path.Err.Error() // the name is that of the store
	}
	return fileError{strings.ToUpper(text[:1]) + text[1:], err}
}

// storedName is where a file of the device lies in Files. Key material is not
// within reach.
func storedName(f modes.File) (string, error) {
	switch {
	case f == modes.StartupConfig:
		return startupFile, nil
	case f.System == "nvram" && f.Name == privateFile:
		return "", fileError{"Permission denied", fs.ErrPermission}
	case f.Name == "" || f.System == "system":
		return "", errNoFile
	case f.System == "nvram":
		return nvramFolder + f.Name, nil
	}
	return flashFolder + f.Name, nil
}

// ReadFile gives a file of the device.
func (a *Appliance) ReadFile(f modes.File) ([]byte, error) {
	if f == modes.RunningConfig {
		return a.running()
	}
	name, err := storedName(f)
	if err == nil {
		var data []byte
		if data, err = a.cfg.Files.Read(name); err == nil {
			return data, nil
		}
	}
	return nil, fmt.Errorf("%%Error opening %s (%w)", f, cause(err))
}

// running is the text of the running configuration.
func (a *Appliance) running() ([]byte, error) {
	var b bytes.Buffer
	err := modes.Print(&b, a.Config(), false)
	return b.Bytes(), err
}

// WriteFile writes a file of the device as a whole, or leaves it as it was.
func (a *Appliance) WriteFile(f modes.File, data []byte) error {
	name, err := storedName(f)
	if err == nil {
		err = a.cfg.Files.Write(name, data)
	}
	if err != nil {
		return fmt.Errorf("%%Error writing %s (%w)", f, cause(err))
	}
	return nil
}

// RemoveFile deletes a file of the device.
func (a *Appliance) RemoveFile(f modes.File) error {
	name, err := storedName(f)
	if err == nil {
		err = a.cfg.Files.Remove(name)
	}
	if err != nil {
		return fmt.Errorf("%%Error deleting %s (%w)", f, cause(err))
	}
	return nil
}

// ListFiles lists flash:, nvram: or system:, by name.
func (a *Appliance) ListFiles(system string) (modes.FileSystem, error) {
	var out modes.FileSystem
	if system == "system" {
		text, err := a.running()
		out.Files = []modes.FileInfo{{Name: modes.RunningConfig.Name, Size: int64(len(text))}}
		return out, err
	}
	files, err := a.allFiles()
	if err != nil {
		return out, err
	}
	for _, f := range files {
		name := f.Name
		switch {
		case system == "flash" && strings.HasPrefix(name, flashFolder):
			name = name[len(flashFolder):]
		case system == "nvram" && strings.HasPrefix(name, nvramFolder):
			name = name[len(nvramFolder):]
		case system == "nvram" && (name == startupFile || name == privateFile):
		default:
			continue
		}
		out.Files = append(out.Files, modes.FileInfo{Name: name, Size: f.Size, Modified: f.Modified})
	}
	slices.SortFunc(out.Files, func(x, y modes.FileInfo) int { return strings.Compare(x.Name, y.Name) })
	if l, ok := a.cfg.Files.(Lister); ok {
		out.Total, out.Free = l.Space()
	}
	return out, nil
}

// allFiles lists Files, or what a device knows to be there when they cannot be
// listed.
func (a *Appliance) allFiles() ([]FileInfo, error) {
	if l, ok := a.cfg.Files.(Lister); ok {
		return l.List()
	}
	names := []string{startupFile, privateFile}
	for _, f := range a.life.archive.list() {
		if name, err := storedName(f); err == nil {
			names = append(names, name)
		}
	}
	var out []FileInfo
	for _, name := range names {
		if data, err := a.cfg.Files.Read(name); err == nil {
			out = append(out, FileInfo{Name: name, Size: int64(len(data))})
		}
	}
	return out, nil
}
