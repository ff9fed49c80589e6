//go:build linux || darwin

package appliance

import (
	"errors"
	"os"
	"syscall"
)

// lockFile opens a file and locks it for as long as it is open.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, err
	}
	return f, nil
}

// diskSpace is zero where the system does not tell.
func diskSpace(name string) (total, free int64) {
	var s syscall.Statfs_t
	if syscall.Statfs(name, &s) != nil {
		return 0, 0
	}
	return int64(s.Blocks) * int64(s.Bsize), int64(s.Bavail) * int64(s.Bsize)
}
