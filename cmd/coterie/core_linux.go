package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// forbidCore has the kernel write no core file of this process: keys would be
// in it. Without the dumpable flag a collector of cores (a pipe in
// kernel.core_pattern, which no limit stops) gets none either, and nobody but
// root may attach a debugger or read its memory.
func forbidCore() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core files cannot be forbidden: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("core files cannot be forbidden: %w", err)
	}
	return nil
}
