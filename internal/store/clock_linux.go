package store

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the present moment.
func Now() Moment {
	m := Moment{Wall: time.Now().Round(0)}
	var up unix.Timespec
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err == nil && unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) == nil {
		m.Boot, m.Up = strings.TrimSpace(string(boot)), time.Duration(up.Nano())
	}
	return m
}
