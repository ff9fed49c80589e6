package appliance

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// Names in the directory of a device that are not its files.
const (
	lockName      = "lock"
	consoleSocket = "console"
	newSuffix     = ".new" // being written
	backupSuffix  = ".bak" // the startup-config before the last write
)

// ErrInUse is returned for a directory that another process runs from.
var ErrInUse = errors.New("another appliance runs from this directory")

// Directory is NVRAM on a disk: one directory that only its owner can read,
// with one file per name. After a crash at any moment each file has its old or
// its new content.
type Directory struct {
	name string
	lock *os.File
	root *os.Root
	mu   sync.Mutex // one write at a time

	// sync and rename are (*os.File).Sync and (*os.Root).Rename, but for tests
	// of what a failing disk does.
	sync   func(*os.File) error
	rename func(from, to string) error
}

var (
	_ Files  = (*Directory)(nil)
	_ Lister = (*Directory)(nil)
)

// OpenDirectory makes the directory, if need be, and takes it for this
// process: ErrInUse when another has it.
func OpenDirectory(name string) (*Directory, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := os.Chmod(name, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(name, lockName))
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", name, err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("state directory: %w", err)
	}
	return &Directory{name: name, lock: lock, root: root, sync: (*os.File).Sync, rename: root.Rename}, nil
}

// Close gives the directory back.
func (d *Directory) Close() error { return errors.Join(d.root.Close(), d.lock.Close()) }

// ConsoleSocket is where the console of the device of a directory listens.
func ConsoleSocket(directory string) string { return filepath.Join(directory, consoleSocket) }

// ours tells what in the directory is not a file of the device: the key
// server's database with what lies beside it, and the key of both, too.
func ours(name string) bool {
	return name == lockName || name == consoleSocket || name == masterKeyFile || strings.HasPrefix(name, databaseFile)
}

// local is the path of a file: names come from configurations, so that none
// may lead elsewhere.
func local(name string) string {
	elements := strings.Split(name, "/")
	for i, e := range elements {
		e = strings.ReplaceAll(e, "%", "%25")
		if e == "" || e == "." || e == ".." || i == 0 && ours(e) {
			e = "%" + e
		}
		for _, suffix := range []string{newSuffix, backupSuffix} {
			if strings.HasSuffix(e, suffix) {
				e += "%"
			}
		}
		elements[i] = e
	}
	return path.Join(elements...)
}

// named is the name of a file by its path; false for what is not a file of
// the device.
func named(p string) (string, bool) {
	if ours(p) {
		return "", false
	}
	elements := strings.Split(filepath.ToSlash(p), "/")
	for i, e := range elements {
		if strings.HasSuffix(e, newSuffix) || strings.HasSuffix(e, backupSuffix) {
			return "", false
		}
		e = strings.TrimSuffix(e, "%")
		if strings.HasPrefix(e, "%") && !strings.HasPrefix(e, "%25") {
			e = e[1:]
		}
		elements[i] = strings.ReplaceAll(e, "%25", "%")
	}
	return strings.Join(elements, "/"), true
}

// Read returns a file; fs.ErrNotExist when there is none.
func (d *Directory) Read(name string) ([]byte, error) { return d.root.ReadFile(local(name)) }

// Write replaces a file: the new content is on the disk under another name
// before it takes the place of the old. The startup-config that it replaces is
// kept beside it.
func (d *Directory) Write(name string, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	file := local(name)
	folder := path.Dir(file)
	if folder != "." {
		if err := d.root.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if err := d.fill(file+newSuffix, data); err != nil {
		d.root.Remove(file + newSuffix)
		return err
	}
	if name == startupFile {
		if err := d.keep(file); err != nil {
			d.root.Remove(file + newSuffix)
			return err
		}
	}
	if err := d.rename(file+newSuffix, file); err != nil {
		d.root.Remove(file + newSuffix)
		return err
	}
	return d.syncFolders(folder)
}

// fill writes a file down to the disk.
func (d *Directory) fill(file string, data []byte) error {
	f, err := d.root.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = d.sync(f)
	}
	return errors.Join(err, f.Close())
}

// keep gives the present content of a file its backup name as well.
func (d *Directory) keep(file string) error {
	old := file + backupSuffix + newSuffix
	d.root.Remove(old)
	if err := d.root.Link(file, old); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil { // a file system without links: a copy does
		data, err := d.root.ReadFile(file)
		if err != nil {
			return err
		}
		if err := d.fill(old, data); err != nil {
			d.root.Remove(old)
			return err
		}
	}
	return d.root.Rename(old, file+backupSuffix)
}

// syncFolders makes the entries of a folder, and of those it lies in, last.
func (d *Directory) syncFolders(folder string) error {
	for {
		f, err := d.root.Open(folder)
		if err != nil {
			return err
		}
		err = d.sync(f)
		if err = errors.Join(err, f.Close()); err != nil || folder == "." {
			return err
		}
		folder = path.Dir(folder)
	}
}

// Remove deletes a file and what was kept of it; fs.ErrNotExist when there is
// none.
func (d *Directory) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	file := local(name)
	if err := d.root.Remove(file + backupSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.root.Remove(file); err != nil {
		return err
	}
	return d.syncFolders(path.Dir(file))
}

// List gives every file.
func (d *Directory) List() ([]FileInfo, error) {
	var out []FileInfo
	err := fs.WalkDir(d.root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, ok := named(p)
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || !ok {
			return nil
		}
		if err == nil {
			out = append(out, FileInfo{Name: name, Size: info.Size(), Modified: info.ModTime()})
		}
		return err
	})
	return out, err
}

// Space is that of the file system.
func (d *Directory) Space() (total, free int64) { return diskSpace(d.name) }

var _ io.Closer = (*Directory)(nil)
