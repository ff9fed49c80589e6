package appliance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"coterie/cli"
	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/netdev/virtual"
)

// loopbackStack is a network whose sockets are those of the host, on loopback.
type loopbackStack struct {
	netdev.Stack
	streams bool
}

func (loopbackStack) Interfaces() []netdev.Interface { return nil }
func (loopbackStack) SourceFor(string, netip.Addr) (netip.Addr, bool) {
	return netip.MustParseAddr("127.0.0.1"), true
}

func (loopbackStack) Listen(_ string, local netip.AddrPort) (netdev.UDPConn, error) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	return loopbackConn{c}, err
}

func (s loopbackStack) DialStream(ctx context.Context, _ string, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	if !s.streams {
		return nil, netdev.ErrNotSupported
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	return d.DialContext(ctx, "tcp", remote.String())
}

type loopbackConn struct{ *net.UDPConn }

func (c loopbackConn) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	return c.ReadFromUDPAddrPort(b)
}
func (c loopbackConn) WriteTo(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}
func (c loopbackConn) LocalAddr() netip.AddrPort {
	return c.UDPConn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// logOf is the log of a device called R1, configured with lines.
func logOf(t *testing.T, stack netdev.Stack, lines ...string) *logger {
	t.Helper()
	a := &Appliance{cfg: Config{Name: "R1", Stack: stack}, booted: time.Now(), sessions: map[*cli.Session]struct{}{}}
	a.log = newLogger(a)
	a.log.configure(parse(t, strings.Join(lines, "\n")))
	t.Cleanup(a.log.close)
	return a.log
}

// stored are the texts in the buffer.
func stored(l *logger) (out []string) {
	for _, r := range l.snapshot().Records {
		out = append(out, r.Text())
	}
	return out
}

// one message of each severity that the catalogue has.
var bySeverity = []syslog.Message{
	syslog.ACLNum.With("A"), syslog.LinkUpDown.With("E0", "up"), syslog.GMReRegister.With("G"),
	syslog.Restart.With(), syslog.GDOIOnOff.With("ON"), syslog.Debugf(syslog.DebugISAKMP, "ISAKMP:x"),
}

// Each destination takes what is at its level or more severe.
func TestSeverities(t *testing.T) {
	for _, tt := range []struct {
		lines                              []string
		console, monitored, buffered, trap uint64
	}{
		{nil, 6, 0, 6, 0},
		{[]string{"logging console errors", "logging buffered 3"}, 2, 0, 2, 0},
		{[]string{"no logging console", "no logging buffered"}, 0, 0, 0, 0},
		{[]string{"logging host 127.0.0.1"}, 7, 0, 7, 6}, // and that the server is there
		{[]string{"logging host 127.0.0.1", "logging trap alerts"}, 7, 0, 7, 1},
		{[]string{"logging host 127.0.0.1", "logging trap 7", "logging buffered emergencies"}, 7, 0, 0, 7},
		{[]string{"logging host 127.0.0.1", "no logging trap"}, 6, 0, 6, 0},
		{[]string{"logging host 127.0.0.1", "no logging on"}, 6, 0, 0, 0},
	} {
		t.Run(strings.Join(tt.lines, ", "), func(t *testing.T) {
			l := logOf(t, loopbackStack{}, tt.lines...)
			seen := uint64(0)
			defer l.subscribe(func(syslog.Record) { seen++ })()
			l.debug(syslog.DebugISAKMP, syslog.AllLevels, true)
			for _, m := range bySeverity {
				l.add(m)
			}
			s := l.snapshot()
			type counts struct{ Console, Monitored, Buffered, Trap, Records uint64 }
			got := counts{s.Console, s.Monitor, s.Buffered, s.Trap, uint64(len(s.Records))}
			if d := cmp.Diff(counts{tt.console, tt.monitored, tt.buffered, tt.trap, tt.buffered}, got); d != "" {
				t.Error(d)
			}
			if seen+1 != got.Console && seen != got.Console { // the server is said before anybody subscribes
				t.Errorf("%d records seen on the console", seen)
			}
		})
	}
}

// The buffer keeps the newest lines that fit, whatever stamps they have.
func TestBuffer(t *testing.T) {
	l := logOf(t, loopbackStack{}, "logging buffered 4096", "no service timestamps log")
	for i := range 1000 {
		l.add(syslog.KSGroupAdd.With(fmt.Sprintf("G%04d", i)))
	}
	lines := stored(l)
	size := 0
	for _, r := range l.snapshot().Records {
		size += len(r.Line()) + 1
	}
	if last := lines[len(lines)-1]; last != "%GDOI-5-KS_GROUP_ADD: Config: Group G0999 added" || size > 4096 || size < 4096-60 {
		t.Errorf("%d octets up to %q", size, last)
	}
	if l.configure(parse(t, "logging buffered 8192")); len(stored(l)) != len(lines) {
		t.Error("a larger buffer lost lines")
	}
	if l.clear(); len(stored(l)) != 0 {
		t.Error("not cleared")
	}
}

func TestRateLimit(t *testing.T) {
	for _, tt := range []struct {
		line                      string
		console, buffered, denied uint64
	}{
		{"logging rate-limit 10", 10 + 100, 10 + 100, 90}, // debug lines are not limited
		{"logging rate-limit all 10", 10, 10, 190},
		{"logging rate-limit console 10", 10 + 100, 200, 90},
		{"logging rate-limit console all 10", 10, 200, 190},
		{"logging rate-limit 10 except notifications", 200, 200, 0},
		{"logging rate-limit 10 except errors", 110, 110, 90},
	} {
		t.Run(tt.line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := logOf(t, loopbackStack{}, tt.line, "logging buffered 1000000")
				l.debug(syslog.DebugISAKMP, syslog.AllLevels, true)
				for range 100 {
					l.add(syslog.Restart.With())
				}
				for range 100 {
					l.add(syslog.Debugf(syslog.DebugISAKMP, "ISAKMP:x"))
				}
				s := l.snapshot()
				if s.Console != tt.console || s.Buffered != tt.buffered || s.RateLimited != tt.denied {
					t.Errorf("console %d, buffer %d, rate-limited %d", s.Console, s.Buffered, s.RateLimited)
				}
				time.Sleep(time.Second)
				if l.add(syslog.Restart.With()); l.snapshot().Console != tt.console+1 {
					t.Error("still limited after a second")
				}
			})
		})
	}
}

// Datagrams from one peer cause a few lines, not one each.
func TestPeerCannotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(t, loopbackStack{})
		for range 1000 {
			l.add(syslog.IKMPBadMessage.With(netip.MustParseAddr("10.0.0.66")))
		}
		if s := l.snapshot(); s.Buffered != 5 || s.RateLimited != 995 {
			t.Errorf("%d logged, %d rate-limited", s.Buffered, s.RateLimited)
		}
	})
}

func TestStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is midnight, 1 January 2000, UTC
		l := logOf(t, loopbackStack{})
		var got []string
		say := func(lines ...string) {
			l.configure(parse(t, strings.Join(lines, "\n")))
			l.add(syslog.Restart.With())
			r := l.snapshot().Records
			got = append(got, strings.TrimSuffix(r[len(r)-1].Line(), "%SYS-5-RESTART: System restarted"))
		}
		say()
		say("service timestamps log datetime")
		say("service timestamps log datetime msec localtime show-timezone year", "clock timezone CET 1")
		say("service timestamps log datetime localtime show-timezone", "clock timezone EST -5 30")
		time.Sleep(90 * time.Second)
		say("service timestamps log uptime", "service sequence-numbers")
		say("service timestamps log")
		say("no service timestamps log")
		l.setClock(syslog.Authoritative)
		say("service timestamps log datetime msec")
		l.setClock(syslog.Unsynchronized)
		say("service timestamps log datetime msec")
		time.Sleep(time.Until(time.Date(2000, time.July, 1, 12, 0, 0, 0, time.UTC)))
		say("service timestamps log datetime localtime show-timezone", "clock timezone CET 1 0", "clock summer-time CEST recurring last Sun Mar 2:00 last Sun Oct 3:00")
		if d := cmp.Diff([]string{
			"*Jan  1 00:00:00.000: ", "*Jan  1 00:00:00: ", "*Jan  1 2000 01:00:00.000 CET: ", "*Dec 31 18:30:00 EST: ",
			"000005: 00:01:30: ", "00:01:30: ", "", "Jan  1 00:01:30.000: ", ".Jan  1 00:01:30.000: ", ".Jul  1 14:00:00 CEST: ",
		}, got); d != "" {
			t.Error(d)
		}
		first := l.snapshot().Records[0].Line()
		if first != "*Jan  1 00:00:00.000: %SYS-5-RESTART: System restarted" {
			t.Errorf("the first line has become %q", first)
		}
	})
}

func TestCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(t, loopbackStack{}, "logging count", "service timestamps log datetime")
		for _, m := range []syslog.Message{syslog.Restart.With(), syslog.KSGroupAdd.With("G"), syslog.ConfigI.With("a", "b"), syslog.Restart.With()} {
			l.add(m)
		}
		var got []string
		for _, c := range l.snapshot().Counts {
			got = append(got, fmt.Sprint(c.Event.Mnemonic, " ", c.Occurred, " ", c.Last))
		}
		if d := cmp.Diff([]string{"KS_GROUP_ADD 1 *Jan  1 00:00:00", "CONFIG_I 1 *Jan  1 00:00:00", "RESTART 2 *Jan  1 00:00:00"}, got); d != "" {
			t.Error(d)
		}
	})
}

// udpServer is a syslog server.
func udpServer(t *testing.T) (port int, next func() string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	buf := make([]byte, 4096)
	return c.LocalAddr().(*net.UDPAddr).Port, func() string {
		n, _, err := c.ReadFrom(buf)
		if err != nil {
			return err.Error()
		}
		return string(buf[:n])
	}
}

func TestServers(t *testing.T) {
	port, next := udpServer(t)
	host := fmt.Sprintf("logging host 127.0.0.1 transport udp port %d", port)
	l := logOf(t, loopbackStack{}, "no service timestamps log", "logging origin-id hostname", "logging facility local0", host)
	if got, want := next(), fmt.Sprintf("<134>1: R1: %%SYS-6-LOGGINGHOST_STARTSTOP: Logging to host 127.0.0.1 port %d started - CLI initiated", port); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	l.add(syslog.Debugf(syslog.DebugISAKMP, "not at this level"))
	l.add(syslog.KSGroupAdd.With("G"))
	if got := next(); got != "<133>2: R1: %GDOI-5-KS_GROUP_ADD: Config: Group G added" {
		t.Errorf("%q", got)
	}
	// Another format is no other server: nothing is said, nothing is lost.
	l.configure(parse(t, "no service timestamps log\nlogging origin-id string a b\nhostname KS1\n"+host+" session-id ip"))
	l.add(syslog.KSGroupAdd.With("G"))
	if got := next(); got != `<189>3: [syslog@9 s_id="127.0.0.1"]: a b: %GDOI-5-KS_GROUP_ADD: Config: Group G added` {
		t.Errorf("%q", got)
	}
	l.configure(parse(t, "hostname KS1\n"+host+" format bsd"))
	l.add(syslog.KSGroupAdd.With("G"))
	if got := next(); !strings.HasSuffix(got, " KS1 GDOI: %GDOI-5-KS_GROUP_ADD: Config: Group G added") || !strings.HasPrefix(got, "<189>") {
		t.Errorf("%q", got)
	}
	if h := l.snapshot().Hosts; len(h) != 1 || h[0].Logged != 4 || h[0].Port != port || !h[0].Up {
		t.Errorf("%+v", h)
	}
	l.configure(parse(t, ""))
	if lines := stored(l); len(lines) == 0 || !strings.HasSuffix(lines[len(lines)-1], "stopped - CLI initiated") {
		t.Errorf("%q", lines)
	}
}

// A lab has no TCP: that is said once, and the lines are counted as dropped
// when the queue is full.
func TestServerOverMissingTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(t, loopbackStack{}, "logging host 127.0.0.1 transport tls", "logging host syslog.example.net")
		time.Sleep(time.Hour)
		for range 600 {
			l.add(syslog.Restart.With())
		}
		synctest.Wait()
		if s := l.snapshot(); s.Dropped < 100 || s.Hosts[0].Up {
			t.Errorf("%+v", s.Hosts)
		}
		l.configure(parse(t, "logging buffered 100000\nlogging host 127.0.0.1 transport tcp\nlogging host syslog.example.net transport udp port 1514"))
		time.Sleep(time.Hour)
		var failed []string
		for _, m := range stored(l) {
			if rest, ok := strings.CutPrefix(m, "%SYS-3-LOGGINGHOST_FAIL: Logging to host "); ok {
				failed = append(failed, rest)
			}
		}
		slices.Sort(failed)
		if d := cmp.Diff([]string{
			"127.0.0.1 port 601 failed: tcp is not supported by this network",
			"syslog.example.net port 1514 failed: host names are not supported by this network",
		}, failed); d != "" {
			t.Error(d)
		}
	})
}

func TestServerOverTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()

	l := logOf(t, loopbackStack{streams: true})
	l.a.cfg.TLS = &tls.Config{RootCAs: pool}
	port := listener.Addr().(*net.TCPAddr).Port
	l.configure(parse(t, fmt.Sprintf("logging host 127.0.0.1 transport tls port %d format syslog", port)))
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var n int
	if _, err := fmt.Fscanf(conn, "%d ", &n); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, n)
	if _, err := conn.Read(buf); err != nil || !strings.Contains(string(buf), " R1 SYS - LOGGINGHOST_STARTSTOP [meta sequenceId=\"1\"]") {
		t.Errorf("%q, %v", buf, err)
	}
}

// What a peer calls itself cannot make a second line anywhere.
func TestHostileNamesInTheLog(t *testing.T) {
	port, next := udpServer(t)
	l := logOf(t, loopbackStack{}, fmt.Sprintf("logging host 127.0.0.1 transport udp port %d", port))
	next()
	l.add(syslog.KSBadID.With("x\n<0>1: %SYS-0-EVIL: \x1b[2J\u009b31m\u202e", "10.0.0.1", "\xff\r\n"))
	want := "%GDOI-3-KS_BAD_ID: Registration: x.<0>1: %SYS-0-EVIL: .[2J.31m. config mismatch between KS and the GM 10.0.0.1, with group identity ..."
	if got := stored(l); got[len(got)-1] != want {
		t.Errorf("%q", got[len(got)-1])
	}
	if got := next(); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 0 {
		t.Errorf("%q", got)
	}
}

// A server in the lab: datagrams over virtual wires, from source-interface. The
// server's interface comes up late; what was logged until then arrives.
func TestServerOnAVirtualNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := virtual.NewWire(virtual.WireConfig{Name: "lan"})
		node := func(name, address string) *virtual.Stack {
			s, err := virtual.New(virtual.Config{Name: name, Interfaces: []virtual.Port{{Name: "Ethernet0/0"}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			if _, err := wire.Attach(s, "Ethernet0/0"); err != nil {
				t.Fatal(err)
			}
			if err := s.Configure(netdev.InterfaceConfig{Name: "Loopback0", Addresses: []netip.Prefix{netip.MustParsePrefix(address + "/32")}}); err != nil {
				t.Fatal(err)
			}
			return s
		}
		router, server := node("R1", "1.1.1.1"), node("S", "2.2.2.2")
		l := logOf(t, router, "no service timestamps log", "logging source-interface Loopback0", "logging host 10.0.0.2")
		for i, s := range []*virtual.Stack{router, server} {
			address := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24)
			if err := s.Configure(netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: []netip.Prefix{address}}); err != nil {
				t.Fatal(err)
			}
		}
		conn, err := server.Listen("", netip.MustParseAddrPort("10.0.0.2:514"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		time.Sleep(time.Minute)
		l.add(syslog.Restart.With())
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil || from.Addr() != netip.MustParseAddr("1.1.1.1") {
				t.Fatalf("from %v: %v", from, err)
			}
			if strings.HasSuffix(string(buf[:n]), ": %SYS-5-RESTART: System restarted") {
				break
			}
		}
	})
}
