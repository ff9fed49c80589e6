//go:build linux

package linux

import (
	"fmt"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is the network namespace of a Stack. The zero value is the
// process's own.
type namespace struct {
	fd   int
	open bool
}

func openNamespace(name string) (namespace, error) {
	if name == "" {
		return namespace{}, nil
	}
	if filepath.Base(name) == name {
		name = filepath.Join("/run/netns", name)
	}
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return namespace{}, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return namespace{fd: fd, open: true}, nil
}

// do calls f on a thread that is in the namespace. Sockets stay in the
// namespace they were opened in, so only opening them needs it.
func (n namespace) do(f func() error) error {
	if !n.open {
		return f()
	}
	runtime.LockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace: %w", err)
	}
	defer unix.Close(own)
	if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return needs(capSysAdmin, "enter the network namespace", err)
	}
	defer func() {
		// A thread that cannot go back stays locked and ends with its goroutine.
		if unix.Setns(own, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return f()
}

func (n namespace) close() {
	if n.open {
		unix.Close(n.fd)
	}
}
