// Package modes declares every command of the shell: one file per IOS mode
// with grammar, help and binding; show commands as functions of a View; exec
// commands as calls of an Operator. It does nothing itself.
package modes

import (
	"context"
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	"coterie/netdev"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// View is a device as show commands see it: snapshots that never block an
// engine and that nobody changes.
type View interface {
	Hostname() string
	Now() time.Time
	Booted() time.Time
	Config() *runningconfig.Config
	Startup() (text string, ok bool)
	ISAKMP() isakmp.Snapshot
	KeyServer() keyserver.Snapshot
	Members() []member.Snapshot // sorted by group, VRF, source
	Dataplane() xfrm.Snapshot
	Interfaces() []netdev.Interface
	Routes() []netdev.Route
	RSAKeys() []keys.Public // sorted by label
	Log() LogSnapshot
	Debugging() syslog.Filter
	Version() Version
	Sessions() []SessionInfo
}

// LogSnapshot is the logging buffer and its counters.
type LogSnapshot struct {
	Records                    []syslog.Record // oldest first
	Size                       int             // octets of the buffer
	Console, Monitor, Buffered uint64          // messages logged
	Trap                       uint64          // to servers
	Dropped, RateLimited       uint64
	Hosts                      []LogHost  // in order of configuration
	Counts                     []LogCount // of `logging count`, by facility and mnemonic
}

// Version is what `show version` prints of the program.
type Version struct {
	Number   string // "0.1.0"
	Commit   string
	Built    string
	Go       string
	Platform string // "linux/amd64"
	Lab      bool
}

// SessionInfo is one row of `show users`.
type SessionInfo struct {
	Line, User, From string
	Number           int // of the line among all
	Idle             time.Duration
	Current          bool
}

// Operator does what exec commands ask for. Methods return when the work is
// done or ctx ends; iterators yield results as they come.
type Operator interface {
	Lifecycle
	KeyFiles
	// Probes sends pings or traceroute probes one after another, count times,
	// and yields each result. A new Probe is derived from p by the sequence number.
	Probe(ctx context.Context, p netdev.Probe) (netdev.ProbeResult, error)
	SourceAddress(iface string) (netip.Addr, bool) // of an interface name, any legal spelling
	// Rekey is `crypto gdoi ks rekey`; "" is every group served here.
	Rekey(ctx context.Context, group string, replaceNow bool) error
	// ClearGDOI is `clear crypto gdoi`, for member and key server alike.
	ClearGDOI(ctx context.Context, group string) error
	// ClearKeyServer is `clear crypto gdoi [group G] ks ...`.
	ClearKeyServer(ctx context.Context, group string, what keyserver.ClearWhat) error
	ClearMember(ctx context.Context, group string) error    // clear crypto gdoi gm
	ClearDataplane(ctx context.Context, group string) error // clear crypto gdoi dataplane counters
	ClearISAKMP(ctx context.Context, connID uint32) error   // 0: all
	ClearSA(ctx context.Context) error
	ClearCounters(ctx context.Context, iface string) error
	ClearLogging()
	// SetDirection is `crypto gdoi gm group G ipsec direction`.
	SetDirection(ctx context.Context, group string, d xfrm.Direction) error
	// GenerateRSA makes a key pair; it fails when label exists and replace is false.
	GenerateRSA(ctx context.Context, label string, bits int, exportable, replace bool) error
	ZeroizeRSA(ctx context.Context, label string) error // "": all
	// WriteStartup saves the running configuration.
	WriteStartup(ctx context.Context) error
	EraseStartup(ctx context.Context) error
	// MergeConfig applies configuration text line by line, as a paste would.
	MergeConfig(ctx context.Context, text string) error
	Debug(t syslog.Topic, levels syslog.Level, on bool)
	Reload(ctx context.Context) error
	// ClearLine hangs up a line by its name: "console", "vty 3".
	ClearLine(ctx context.Context, line string) error
}
