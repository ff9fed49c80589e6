package appliance

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"coterie/internal/syslog"
	"coterie/internal/syslog/export"
	"coterie/modes"
	"coterie/netdev"
	runningconfig "coterie/running-config"
)

// server is one `logging host` with its connection. All but dest is guarded by
// the logger.
type server struct {
	dest        *export.Destination
	sending     logSending
	logged      uint64
	unsupported bool
}

// logSending is everything that decides how a server is reached and what it is
// sent.
type logSending struct {
	host     runningconfig.LogHost
	facility int
	format   syslog.Format
	name     string // of the device
	origin   runningconfig.LogOrigin
	source   string // interface, "": the way there
}

// reachedAs tells whether a connection for s serves o as well.
func (s logSending) reachedAs(o logSending) bool {
	st, sp := s.host.Carrier()
	ot, op := o.host.Carrier()
	return s.host.Target() == o.host.Target() && s.host.VRF == o.host.VRF && st == ot && sp == op && s.source == o.source
}

// reconcileServers makes the servers what is configured, and returns those to
// close, and what is to be said of it, when the logger is unlocked.
func (l *logger) reconcileServers(tree *runningconfig.Config, hosts []runningconfig.LogHost) (closed []*server, said []syslog.Message) {
	const byCommand = "CLI initiated"
	before := l.servers
	l.servers = nil
	for _, h := range hosts {
		want := logSending{
			host: h, facility: syslog.FacilityCode(tree.Logging.Facility), format: logFormat(h.Format),
			name: cmp.Or(tree.Hostname, l.a.cfg.Name), origin: tree.Logging.Origin,
		}
		for _, s := range tree.Logging.Sources {
			if s.VRF == h.VRF {
				want.source = s.Interface
			}
		}
		if i := slices.IndexFunc(before, func(s *server) bool { return s.sending.reachedAs(want) }); i >= 0 {
			before[i].sending = want
			l.servers = append(l.servers, before[i])
			before = slices.Delete(before, i, i+1)
			continue
		}
		l.servers = append(l.servers, l.newServer(want))
		_, port := h.Carrier()
		said = append(said, syslog.HostStartStop.With(h.Target(), port, "started - "+byCommand))
	}
	for _, s := range before {
		_, port := s.sending.host.Carrier()
		said = append(said, syslog.HostStartStop.With(s.sending.host.Target(), port, "stopped - "+byCommand))
	}
	return before, said
}

func logFormat(word string) syslog.Format {
	switch word {
	case "bsd":
		return syslog.FormatBSD
	case "syslog":
		return syslog.FormatSyslog
	}
	return syslog.FormatIOS
}

func (l *logger) newServer(s logSending) *server {
	transport, port := s.host.Carrier()
	v := &server{sending: s}
	var last string // what was said of the connection
	v.dest = export.New(export.Config{
		Stream: transport != "udp", Clock: l.a.cfg.Clock,
		Dial: func(ctx context.Context) (export.Conn, error) { return l.a.dialLog(ctx, s) },
		Changed: func(err error) {
			say := ""
			if err != nil && (transport != "udp" || errors.Is(err, export.ErrUnsupported)) { // nobody knows whether a datagram arrives
				say = err.Error()
			}
			switch {
			case say == last:
			case say != "":
				l.add(syslog.HostFailed.With(s.host.Target(), port, say))
			default:
				l.add(syslog.HostStartStop.With(s.host.Target(), port, "started - reconnection"))
			}
			last = say
		},
	})
	return v
}

// send gives a record to every server.
func (l *logger) send(r syslog.Record) {
	for _, v := range l.servers {
		s := v.sending
		v.logged++
		v.dest.Send(r.Packet(s.format, syslog.Sender{
			Facility: s.facility, Host: s.name, Number: r.Seq,
			Origin: l.identify(s, s.origin), Session: l.identify(s, s.host.Session),
		}))
	}
}

// identify is the text of an origin or session identity.
func (l *logger) identify(s logSending, o runningconfig.LogOrigin) string {
	switch o.Kind {
	case "hostname":
		return s.name
	case "ip":
		if a, ok := l.a.logSource(s); ok {
			return a.String()
		}
		return s.name
	}
	return o.Text
}

func (s *server) snapshot() modes.LogHost {
	c := s.dest.Counters()
	transport, port := s.sending.host.Carrier()
	return modes.LogHost{Host: s.sending.host.Target(), VRF: s.sending.host.VRF, Transport: transport, Port: port, Up: c.Up, Logged: s.logged, Dropped: c.Dropped}
}

func (s *server) close() { s.dest.Close() }

// logSource is the address that messages for a server come from.
func (a *Appliance) logSource(s logSending) (netip.Addr, bool) {
	if s.source != "" {
		return a.SourceAddress(s.source)
	}
	return a.cfg.Stack.SourceFor(s.host.VRF, s.host.Address)
}

// errLogName is the failure of a server that is named: there is no resolver.
var errLogName = fmt.Errorf("host names are %w", export.ErrUnsupported)

// dialLog connects to a server through the device's own network.
func (a *Appliance) dialLog(ctx context.Context, s logSending) (export.Conn, error) {
	if !s.host.Address.IsValid() {
		return nil, errLogName
	}
	local, ok := a.logSource(s)
	if !ok {
		return nil, errors.New("no route or source address")
	}
	transport, port := s.host.Carrier()
	remote := netip.AddrPortFrom(s.host.Address, uint16(port))
	if transport == "udp" {
		c, err := a.cfg.Stack.Listen(s.host.VRF, netip.AddrPortFrom(local, 0))
		if err != nil {
			return nil, err
		}
		return datagrams{c, remote}, nil
	}
	dialer, ok := a.cfg.Stack.(netdev.StreamDialer)
	if !ok {
		return nil, fmt.Errorf("%s is %w", transport, export.ErrUnsupported)
	}
	conn, err := dialer.DialStream(ctx, s.host.VRF, local, remote)
	if errors.Is(err, netdev.ErrNotSupported) {
		return nil, fmt.Errorf("%s is %w", transport, export.ErrUnsupported)
	}
	if err != nil || transport == "tcp" {
		return conn, err
	}
	cfg := &tls.Config{}
	if a.cfg.TLS != nil {
		cfg = a.cfg.TLS.Clone()
	}
	cfg.ServerName, cfg.MinVersion = s.host.Target(), tls.VersionTLS12 // RFC 5425 section 4.2, RFC 9662
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// datagrams is a UDP socket that writes to one server.
type datagrams struct {
	netdev.UDPConn
	to netip.AddrPort
}

// Write sends one message.
func (d datagrams) Write(b []byte) (int, error) { return d.WriteTo(b, d.to) }
