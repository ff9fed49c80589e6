package runningconfig

import (
	"cmp"
	"net/netip"
)

// Logging is the logging configuration that the log acts on.
type Logging struct {
	Off bool // no logging on

	BufferSize   int    // octets, 0: default 4096
	BufferLevel  string // "", "debugging", ...
	ConsoleLevel string
	MonitorLevel string
	TrapLevel    string // "": informational
	NoConsole    bool
	NoBuffered   bool
	NoMonitor    bool
	NoTrap       bool

	Limit    LogLimit
	Count    bool // logging count
	UserInfo bool // logging userinfo

	Facility string // "": local7
	Origin   LogOrigin
	Sources  []LogSource
	Hosts    []LogHost

	LogStamp   Timestamp // service timestamps log
	DebugStamp Timestamp // service timestamps debug
	Sequence   bool      // service sequence-numbers
}

// Defaults of the log.
const (
	DefaultTrapLevel   = "informational"
	DefaultLogFacility = "local7"
	DefaultSyslogPort  = 514  // UDP
	DefaultStreamPort  = 601  // TCP
	DefaultTLSPort     = 6514 // RFC 5425
)

// LogLimit is `logging rate-limit`; zero Rate: none.
type LogLimit struct {
	Console bool // of the console only
	All     bool // debug messages too
	Rate    int  // messages/s, 1 ... 10000
	Except  string
}

// LogOrigin is `logging origin-id`.
type LogOrigin struct {
	Kind string // "", "hostname", "ip", "string"
	Text string // of a string
}

// LogSource is `logging source-interface`, one for each VRF.
type LogSource struct {
	Interface string // canonical name
	VRF       string
}

// LogHost is one `logging host`.
type LogHost struct {
	Address   netip.Addr // or
	Name      string
	VRF       string
	Transport string // "": udp; "udp" when it was said with a port, "tcp", "tls"
	Port      int    // 0: that of the transport
	Session   LogOrigin
	Format    string // "": ios; "bsd", "syslog"
}

// Target is the address or the name.
func (h LogHost) Target() string {
	if h.Address.IsValid() {
		return h.Address.String()
	}
	return h.Name
}

// Carrier is the transport in force, and its port.
func (h LogHost) Carrier() (transport string, port int) {
	transport = cmp.Or(h.Transport, "udp")
	switch transport {
	case "tcp":
		port = DefaultStreamPort
	case "tls":
		port = DefaultTLSPort
	default:
		port = DefaultSyslogPort
	}
	return transport, cmp.Or(h.Port, port)
}

// Timestamp is one `service timestamps` line.
type Timestamp struct {
	Kind  string // "": default, datetime msec; "datetime", "uptime", "none" after `no`
	Msec  bool
	Local bool
	Zone  bool
	Year  bool
}
