package modes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"coterie/cli/grammar"
)

// Lifecycle is what the life of a configuration asks of a device: its files,
// its archive, replacement and the way back, the reload.
type Lifecycle interface {
	// ReadFile gives a file of the device, system:running-config among them;
	// its error says what IOS says when it cannot be opened.
	ReadFile(f File) ([]byte, error)
	// WriteFile writes one as a whole or not at all. nvram:startup-config is
	// what the device boots from.
	WriteFile(f File, data []byte) error
	RemoveFile(f File) error
	// ListFiles lists a file system, by name.
	ListFiles(system string) (FileSystem, error)

	// Replace makes the configuration that text says, in one step: all of it,
	// or nothing when a line is not accepted. It returns what changed.
	Replace(ctx context.Context, text string) (Difference, []grammar.LineError, error)
	// Modified tells whether the running configuration differs from what was
	// booted or saved last.
	Modified() bool

	// ArchiveConfig writes a copy of the running configuration to the archive.
	ArchiveConfig() (File, error)
	Archive() ArchiveStatus
	// ConfigLog is the log of configuration lines, oldest first.
	ConfigLog() []LoggedCommand

	// BeginRollback saves the running configuration, to go back to it when
	// the time is over and nobody has confirmed. ConfirmRollback forgets it;
	// without a user, as if it had never begun.
	BeginRollback(r Rollback) (File, error)
	// ChangeRollback sets the time of the pending rollback anew.
	ChangeRollback(r Rollback) error
	ConfirmRollback(user string) error
	// RollbackNow goes back at once.
	RollbackNow(ctx context.Context) (File, Difference, error)
	PendingRollback() (Rollback, bool)

	// ScheduleReload reloads at that time, CancelReload forgets it.
	ScheduleReload(r ScheduledReload) error
	CancelReload() bool
	ReloadScheduled() (ScheduledReload, bool)

	// EnterConfiguration asks for configuration mode on behalf of a line; with
	// lock, for it alone. It fails while another line has locked it.
	EnterConfiguration(line, user string, lock bool) error
}

// ErrNoArchive is returned for what needs `archive` with a path.
var ErrNoArchive = errors.New("%Archive feature not enabled")

// ErrNoRollback is returned when no rollback is pending.
var ErrNoRollback = errors.New("%No Rollback Confirmed Change pending")

// Rollback is a change that goes back unless it is confirmed.
type Rollback struct {
	User    string // "console"
	Level   int
	Minutes int // 1 to 120
	Idle    bool
	Since   time.Time // set by the device
	To      File      // set by the device
}

// ScheduledReload is `reload at` and `reload in`.
type ScheduledReload struct {
	At      time.Time
	AtClock bool   // a time of day was given, rather than a delay
	User    string // "console", "bob on vty0 (192.0.2.1)"
	Reason  string // "Reload Command"
}

// ArchiveStatus is what `show archive` tells.
type ArchiveStatus struct {
	Enabled bool
	Maximum int
	Files   []File // oldest first
	Next    File
}

// LoggedCommand is one line of the configuration log.
type LoggedCommand struct {
	Index   int
	Session int    // number of the stay in configuration mode
	User    string // "console" when nobody logged in there
	Line    string // "console", "vty0"
	Depth   int    // modes inside global configuration
	Text    string // without secrets
}

// FileInfo is one row of `dir`.
type FileInfo struct {
	Name     string
	Size     int64     // octets
	Modified time.Time // zero: not known
}

// FileSystem is what `dir` shows.
type FileSystem struct {
	Files       []FileInfo
	Total, Free int64 // octets; Total zero: not known
}

// File names a file of the device.
type File struct {
	System string // "flash", "nvram" or "system"
	Name   string // path inside it, without a slash in front
}

// Files with a meaning of their own.
var (
	RunningConfig = File{"system", "running-config"}
	StartupConfig = File{"nvram", "startup-config"}
)

func (f File) String() string { return f.System + ":" + f.Name }

// flashes are file systems of other platforms; here they are all flash.
var flashes = []string{"bootflash", "disk0", "harddisk", "flash0", "slot0", "unix"}

// longestFile bounds the name of a file, in octets.
const longestFile = 128

// ParseFile reads the name of a file as exec commands take it: a name alone
// is in flash.
func ParseFile(text string) (File, error) {
	switch text {
	case "running-config":
		return RunningConfig, nil
	case "startup-config":
		return StartupConfig, nil
	}
	f := File{"flash", text}
	if system, name, ok := strings.Cut(text, ":"); ok {
		f = File{strings.ToLower(system), name}
	}
	for _, s := range flashes {
		if f.System == s {
			f.System = "flash"
		}
	}
	f.Name = strings.TrimPrefix(f.Name, "/")
	switch f.System {
	case "flash", "nvram", "system":
	default:
		return File{}, fmt.Errorf("%%Error opening %s (Invalid device name)", text)
	}
	if f.Name != "" && !validFile(f.Name) || f.System == "system" && f.Name != "" && f != RunningConfig {
		return File{}, fmt.Errorf("%%Error opening %s (No such file or directory)", text)
	}
	return f, nil
}

// validFile admits names that mean the same on every disk and never leave
// their folder.
func validFile(name string) bool {
	if len(name) > longestFile {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.+=,@~", r))
		}) {
			return false
		}
	}
	return true
}
