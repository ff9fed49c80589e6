package appliance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// archiver keeps copies of the running configuration.
type archiver struct {
	mu     sync.Mutex
	read   bool         // files is what the index says
	files  []modes.File // oldest first
	next   int          // number of the next copy
	timer  *time.Timer  // of time-period
	period time.Duration
	ended  bool
}

func (r *archiver) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	stopTimer(r.timer)
}

func (r *archiver) list() []modes.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.files)
}

// setArchive follows the configuration of the archive.
func (a *Appliance) setArchive(tree *runningconfig.Config) {
	var period time.Duration
	if c := tree.Archive; c != nil && c.Path != "" {
		period = time.Duration(c.TimePeriod) * time.Minute
	}
	a.life.log.limit(tree.Archive.Lines())
	r := &a.life.archive
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.period == period || r.ended {
		return
	}
	stopTimer(r.timer)
	if r.period = period; period > 0 {
		r.timer = a.cfg.Clock.AfterFunc(period, a.archiveInTime)
	}
}

// archiveInTime makes the copy of time-period, and waits for the next.
func (a *Appliance) archiveInTime() {
	if _, err := a.ArchiveConfig(); err != nil {
		a.log.add(syslog.ArchiveFailed.With(err))
	}
	r := &a.life.archive
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.period > 0 && !r.ended {
		r.timer = a.cfg.Clock.AfterFunc(r.period, a.archiveInTime)
	}
}

// archivePath is the name of the copies up to their number.
func (a *Appliance) archivePath(c *runningconfig.Archive) (modes.File, error) {
	if c == nil || c.Path == "" {
		return modes.File{}, modes.ErrNoArchive
	}
	f, err := modes.ParseFile(strings.NewReplacer(
		"$h", a.Hostname(), "$H", a.Hostname(),
		"$t", a.Now().UTC().Format("Jan-_2-15-04-05.000"), "$T", a.Now().UTC().Format("Jan-_2-15-04-05.000"),
		" ", "-").Replace(c.Path))
	if err == nil && (f.Name == "" || f.System != "flash" && f.System != "nvram") {
		err = fmt.Errorf("%%Error opening %s (No such file or directory)", c.Path)
	}
	return f, err
}

// Archive is what `show archive` tells.
func (a *Appliance) Archive() modes.ArchiveStatus {
	c := a.Config().Archive
	s := modes.ArchiveStatus{Maximum: c.Copies()}
	path, err := a.archivePath(c)
	if err != nil {
		return s
	}
	r := &a.life.archive
	r.mu.Lock()
	defer r.mu.Unlock()
	a.readIndex()
	s.Enabled, s.Files, s.Next = true, slices.Clone(r.files), modes.File{System: path.System, Name: path.Name + "-" + strconv.Itoa(r.next)}
	return s
}

// readIndex learns which copies earlier boots made. It runs under the lock of
// the archiver.
func (a *Appliance) readIndex() {
	r := &a.life.archive
	if r.read {
		return
	}
	r.read, r.next = true, 1
	data, err := a.cfg.Files.Read(indexFile)
	if err != nil {
		return // there is none yet
	}
	for line := range strings.Lines(string(data)) {
		if f, err := modes.ParseFile(strings.TrimSpace(line)); err == nil && f.Name != "" {
			r.files = append(r.files, f)
			if n, err := strconv.Atoi(f.Name[strings.LastIndexByte(f.Name, '-')+1:]); err == nil && n >= r.next {
				r.next = n + 1
			}
		}
	}
}

// ArchiveConfig writes a copy of the running configuration and forgets the
// oldest ones beyond `maximum`. A copy that cannot be written costs none.
func (a *Appliance) ArchiveConfig() (modes.File, error) {
	c := a.Config().Archive
	f, err := a.archivePath(c)
	if err != nil {
		return f, err
	}
	text, err := a.running()
	if err != nil {
		return f, err
	}
	r := &a.life.archive
	r.mu.Lock()
	defer r.mu.Unlock()
	a.readIndex()
	f.Name += "-" + strconv.Itoa(r.next)
	if err := a.WriteFile(f, text); err != nil {
		return f, err
	}
	r.next++
	r.files = append(r.files, f)
	var old []modes.File
	if n := len(r.files) - c.Copies(); n > 0 {
		old, r.files = r.files[:n:n], slices.Clone(r.files[n:])
	}
	var index strings.Builder
	for _, f := range r.files {
		fmt.Fprintln(&index, f)
	}
	if err := a.cfg.Files.Write(indexFile, []byte(index.String())); err != nil {
		return f, fmt.Errorf("%%Error writing the index of the archive (%w)", cause(err))
	}
	for _, f := range old {
		a.RemoveFile(f) // somebody may have deleted it
	}
	return f, nil
}
