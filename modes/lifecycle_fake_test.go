package modes

import (
	"context"

	"coterie/cli/grammar"
)

// noLifecycle is a Lifecycle that has nothing and whose configuration was
// never saved.
type noLifecycle struct{}

func (noLifecycle) ReadFile(f File) ([]byte, error)               { return nil, ErrNoArchive }
func (noLifecycle) WriteFile(File, []byte) error                  { return nil }
func (noLifecycle) RemoveFile(File) error                         { return nil }
func (noLifecycle) ListFiles(string) (FileSystem, error)          { return FileSystem{}, nil }
func (noLifecycle) Modified() bool                                { return true }
func (noLifecycle) ArchiveConfig() (File, error)                  { return File{}, ErrNoArchive }
func (noLifecycle) Archive() ArchiveStatus                        { return ArchiveStatus{} }
func (noLifecycle) ConfigLog() []LoggedCommand                    { return nil }
func (noLifecycle) BeginRollback(Rollback) (File, error)          { return File{}, ErrNoArchive }
func (noLifecycle) ChangeRollback(Rollback) error                 { return ErrNoRollback }
func (noLifecycle) ConfirmRollback(string) error                  { return ErrNoRollback }
func (noLifecycle) PendingRollback() (Rollback, bool)             { return Rollback{}, false }
func (noLifecycle) ScheduleReload(ScheduledReload) error          { return nil }
func (noLifecycle) CancelReload() bool                            { return false }
func (noLifecycle) ReloadScheduled() (ScheduledReload, bool)      { return ScheduledReload{}, false }
func (noLifecycle) EnterConfiguration(string, string, bool) error { return nil }

func (noLifecycle) Replace(context.Context, string) (Difference, []grammar.LineError, error) {
	return Difference{}, nil, nil
}

func (noLifecycle) RollbackNow(context.Context) (File, Difference, error) {
	return File{}, Difference{}, ErrNoRollback
}
