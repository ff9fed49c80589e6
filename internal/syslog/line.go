package syslog

// Terminal lines and who comes in on them.
var (
	TTYExpireTimer = define("SYS", 6, "TTY_EXPIRE_TIMER", "(exec timer expired, tty %v (%v)), user %v")
	SSHEnabled     = define("SSH", 5, "ENABLED", "SSH 2.0 has been enabled")
	SSHDisabled    = define("SSH", 5, "DISABLED", "SSH 2.0 has been disabled")
)

// Our own wording.
var (
	SSHShut     = define("SSH", 4, "NO_LOGIN", "SSH stays shut until somebody can log in: configure 'username' with a secret and 'login local'")
	SSHFailed   = define("SSH", 3, "LISTEN_FAILED", "SSH cannot be served: %v")
	HostRefused = define("LINK", 3, "HOST_REFUSED", "The configuration of %v is not in effect: %v")
	MapRefused  = define("CRYPTO", 3, "MAP_REFUSED", "Crypto map %v is not in effect on %v: %v")
)
