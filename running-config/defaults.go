package runningconfig

import "cmp"

// Defaults of IOS: what an absent line means.
const (
	DefaultHostname      = "Router"
	DefaultPhaseOneLife  = 86400   // s
	DefaultKEKLifetime   = 86400   // s
	DefaultTEKLifetime   = 3600    // s
	DefaultKilobytes     = 4608000 // of an IPsec SA
	DefaultRetransmit    = 10      // s between retransmissions of a rekey
	DefaultRetransmits   = 2
	DefaultReplayWindow  = 64 // packets
	DefaultPriority      = 1  // of a cooperative key server
	DefaultPhaseOneDOI   = 2  // GDOI
	DefaultTEKIDLength   = 2  // octets
	DefaultRouteDistance = 1
	DefaultKeepaliveWait = 2 // s between retries of a keepalive
)

// DefaultRekeyPace is the pace at which IOS sends unicast rekeys.
var DefaultRekeyPace = RekeyPace{Members: 50, Seconds: 5}

// Name is the host name in force.
func (c *Config) Name() string { return cmp.Or(c.Hostname, DefaultHostname) }

// WithDefaults returns the policy with every value set.
func (p ISAKMPPolicy) WithDefaults() ISAKMPPolicy {
	p.Encryption = cmp.Or(p.Encryption, "des")
	p.Hash = cmp.Or(p.Hash, "sha")
	p.Authentication = cmp.Or(p.Authentication, "rsa-sig")
	p.Group = cmp.Or(p.Group, 1)
	p.Lifetime = cmp.Or(p.Lifetime, DefaultPhaseOneLife)
	return p
}

// InSeconds is a lifetime in seconds, or otherwise when it is not set.
func (l Lifetime) InSeconds(otherwise int) int {
	return cmp.Or(l.Seconds, l.Days*86400, otherwise)
}

// WithDefaults returns the retransmission of a rekey with every value set.
func (r Retransmit) WithDefaults() Retransmit {
	r.Interval = cmp.Or(r.Interval, DefaultRetransmit)
	if !r.Periodic {
		r.Number = cmp.Or(r.Number, DefaultRetransmits)
	}
	return r
}

// Window is the counter window in force; zero when replay is off or by time.
func (r Replay) Window() int {
	if r.Disabled || r.Time != 0 {
		return 0
	}
	return cmp.Or(r.Counter, DefaultReplayWindow)
}

// WithDefaults returns the algorithms and the acknowledgement with every value set.
func (l LocalServer) WithDefaults() LocalServer {
	l.RekeyAlgorithm = cmp.Or(l.RekeyAlgorithm, "3des-cbc")
	l.RekeySigHash = cmp.Or(l.RekeySigHash, "sha")
	l.Acknowledgement = cmp.Or(l.Acknowledgement, "cisco")
	l.Retransmit = l.Retransmit.WithDefaults()
	return l
}
