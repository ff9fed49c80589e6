package syslog

// The life of a configuration: saving, replacing, rolling back, reloading.
var (
	ConfigReplaced     = define("SYS", 5, "CONFIG_R", "Config Replace is Done")
	Reload             = define("SYS", 5, "RELOAD", "Reload requested by %v. Reload Reason: %v.")
	ScheduledReload    = define("SYS", 5, "SCHEDULED_RELOAD", "Reload requested for %v at %v by %v. Reload Reason: %v.")
	ReloadCancelled    = define("SYS", 5, "SCHEDULED_RELOAD_CANCELLED", " Scheduled reload cancelled at %v")
	ConfigLogged       = define("PARSER", 5, "CFGLOG_LOGGEDCMD", "User:%v  logged command:%v") // two blanks, as IOS
	RollbackBackup     = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_BACKUP", "Backing up current running config to %v")
	RollbackTimer      = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_START_ABSTIMER", "User: %v(Priv: %d, View: 0): Scheduled to rollback to config %v in %d minutes")
	RollbackIdle       = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_START_IDLETIMER", "User: %v(Priv: %d, View: 0): Scheduled to rollback to config %v if session idle for %d minutes")
	RollbackWarning    = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_WARNING_ABSTIMER", "System will rollback to config %v in one minute. Enter \"configure confirm\" if you wish to keep what you've configured")
	RollbackIdleNotice = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_WARNING_IDLETIMER", "User: %v: System will rollback to config %v in one minute if the session stays idle. Enter \"configure confirm\" if you wish to keep what you've configured")
	RollbackConfirmed  = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_CONFIRM", "User: %v: Confirm the configuration change")
	RollbackStart      = define("ARCHIVE_DIFF", 5, "ROLLBK_CNFMD_CHG_ROLLBACK_START", "Start rolling to: %v")
)

// Our own wording, where IOS prints to the console or says nothing.
var (
	ArchiveFailed = define("ARCHIVE", 4, "ARCHIVE_FAILED", "The running configuration could not be archived: %v")
	BadLine       = define("PARSER", 3, "BAD_LINE", "%v:%d: %v; the rest of the configuration applies")
	BadLines      = define("PARSER", 3, "BAD_LINES", "%v: %d more lines are not accepted")
)
