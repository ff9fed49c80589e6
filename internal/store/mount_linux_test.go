package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

func mountSmall(folder string, octets int) error {
	return unix.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%d", octets))
}

func unmount(folder string) error { return unix.Unmount(folder, unix.MNT_DETACH) }
