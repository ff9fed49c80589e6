package appliance

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/xfrm"
)

// The load of registrations: a key server in a process of its own, with its
// sockets, its store and its log, against members that register once each. A
// bare loop in another process does the same Diffie-Hellman, the same hashes
// and ciphers over datagrams of the same lengths, and nothing else: it is what
// the machine could do at best.

// childRole is the variable that makes the test binary one of the two servers.
const childRole = "COTERIE_LOAD_CHILD"

// loadDirectory is the variable with the child's state directory, loadProfile
// one with a directory that CPU profiles of the children are wanted in.
const (
	loadDirectory = "COTERIE_LOAD_STATE"
	loadProfile   = "COTERIE_LOAD_PROFILE"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := loadChild(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// loadSuite is a phase 1 to measure.
type loadSuite struct {
	name   string
	policy isakmp.Policy
	lines  string // of `crypto isakmp policy`
	trust  string // trustpoint configuration, of signatures
}

var loadSuites = []loadSuite{
	{"psk-group14", isakmp.Policy{Priority: 10, Cipher: suite.AES128, Hash: suite.SHA256, Group: 14, Auth: isakmp.PreShared, Lifetime: time.Hour},
		" encr aes\n hash sha256\n authentication pre-share\n group 14\n lifetime 3600\n", ""},
	{"psk-group19", isakmp.Policy{Priority: 10, Cipher: suite.AES128, Hash: suite.SHA256, Group: 19, Auth: isakmp.PreShared, Lifetime: time.Hour},
		" encr aes\n hash sha256\n authentication pre-share\n group 19\n lifetime 3600\n", ""},
	{"rsa2048-group14", isakmp.Policy{Priority: 10, Cipher: suite.AES128, Hash: suite.SHA256, Group: 14, Auth: isakmp.RSASig, Lifetime: time.Hour},
		" encr aes\n hash sha256\n authentication rsa-sig\n group 14\n lifetime 3600\n",
		"crypto pki trustpoint CORP\n enrollment terminal\n revocation-check none\n"},
}

const loadConfig = `hostname KS
no service timestamps log
logging buffered 4096
no logging console
crypto isakmp policy 10
%s%scrypto isakmp key MYGDOIPSK address 0.0.0.0
crypto ipsec transform-set T esp-aes esp-sha256-hmac
crypto ipsec profile P
 set security-association lifetime seconds 7200
 set transform-set T
crypto gdoi group G
 identity number 1
 server local
  rekey algorithm aes 128
  rekey sig-hash algorithm sha256
  rekey authentication mypubkey rsa K
  rekey transport unicast
  sa ipsec 1
   profile P
   match address ipv4 A
   replay counter window-size 64
  address ipv4 10.255.0.1
ip access-list extended A
 permit ip 10.0.0.0 0.255.255.255 10.0.0.0 0.255.255.255
interface Ethernet0/0
 ip address 10.255.0.1 255.0.0.0
 no shutdown
`

var loadServer = netip.MustParseAddrPort("10.255.0.1:848")

// loadChild is the key server, or the bare loop, of a suite: it prints its
// port, and for each line of standard input the processor time it has used, in
// nanoseconds.
func loadChild(role string) error {
	TuneCollector() // of both
	kind, name, _ := strings.Cut(role, " ")
	var s loadSuite
	for _, x := range loadSuites {
		if x.name == name {
			s = x
		}
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	conn.SetReadBuffer(8 << 20)
	if name := os.Getenv(loadProfile); name != "" {
		f, err := os.Create(filepath.Join(name, strings.ReplaceAll(role, " ", "-")+".prof"))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		if f, err := os.Create(strings.TrimSuffix(f.Name(), ".prof") + ".allocs"); err == nil {
			defer pprof.Lookup("allocs").WriteTo(f, 0)
		}
	}
	switch kind {
	case "bare":
		go bareServer(conn, s)
	case "rekey":
		return rekeyServer(conn, s)
	default:
		a, err := loadAppliance(newLoadNetwork(conn), s, "")
		if err != nil {
			return err
		}
		defer a.Close()
	}
	fmt.Println(conn.LocalAddr().(*net.UDPAddr).Port)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
		fmt.Println(u.Utime.Nano() + u.Stime.Nano())
	}
	return in.Err()
}

// loadAppliance is a key server as `coterie run` makes it, but for its network:
// a store on the disk, sealed, and a log that somebody reads. It has lines of
// configuration more than loadConfig.
func loadAppliance(network netdev.Stack, s loadSuite, lines string) (*Appliance, error) {
	dir := os.Getenv(loadDirectory)
	master, err := MasterKey(dir, true)
	if err != nil {
		return nil, err
	}
	state, err := OpenState(dir, master)
	if err != nil {
		return nil, err
	}
	a, err := New(Config{
		Name: "KS", Stack: network, Dataplane: xfrm.NewNone(),
		Clock: new(env.Clock), Env: env.System(), Files: &memory{files: make(map[string][]byte)}, State: state,
	})
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	a.Subscribe(func(r syslog.Record) { fmt.Fprintln(null, r.Line()) })
	key, err := keys.Generate(2048)
	if err != nil {
		return nil, err
	}
	pairs := []keys.Pair{{Label: "K", Private: key}}
	if s.trust != "" {
		own, err := loadTrust(a.cfg.Files)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, own)
	}
	if err := a.keys.change(func(m map[string]keys.Pair) {
		for _, p := range pairs {
			m[p.Label] = p
		}
	}); err != nil {
		return nil, err
	}
	if errs := a.Boot(context.Background(), fmt.Sprintf(loadConfig, s.lines, s.trust)+lines); len(errs) > 0 {
		return nil, errs[0].Err
	}
	a.reconcile(context.Background())
	return a, nil
}

// loadNetwork is a network whose every socket is one on 127.0.0.1.
type loadNetwork struct {
	noNetwork
	conn *net.UDPConn
}

func newLoadNetwork(conn *net.UDPConn) *loadNetwork {
	return &loadNetwork{noNetwork: noNetwork{events: make(chan netdev.LinkEvent)}, conn: conn}
}

func (*loadNetwork) Configure(netdev.InterfaceConfig) error { return nil }
func (l *loadNetwork) Listen(_ string, local netip.AddrPort) (netdev.UDPConn, error) {
	return loadConn{l.conn, local}, nil
}

type loadConn struct {
	*net.UDPConn
	local netip.AddrPort
}

func (c loadConn) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
}
func (c loadConn) WriteTo(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}
func (c loadConn) LocalAddr() netip.AddrPort { return c.local }

// loadProcess is a running child.
type loadProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	to  netip.AddrPort
}

func startLoad(b *testing.B, role, dir string) *loadProcess {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &loadProcess{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), childRole+"="+role, loadDirectory+"="+dir, "GOMAXPROCS=1")
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.in.Close(); p.cmd.Wait() })
	p.out = bufio.NewReader(out)
	p.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(p.number(b)))
	return p
}

func (p *loadProcess) number(b *testing.B) int64 {
	b.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// cpu is the processor time that the child has used.
func (p *loadProcess) cpu(b *testing.B) time.Duration {
	b.Helper()
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		b.Fatal(err)
	}
	return time.Duration(p.number(b))
}

// parallel runs f for n numbers from first on, workers at a time, and returns
// the first error.
func parallel(first, n, workers int, f func(int) error) error {
	var next atomic.Int64
	var once sync.Once
	var failed error
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(first + i); err != nil {
					once.Do(func() { failed = fmt.Errorf("member %d: %w", first+i, err) })
					return
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// loadPattern is how members, and the peers of the bare loop, come.
type loadPattern struct {
	name     string // behind that of the suite
	register func(s loadSuite, office *loadOffice, first, n int, to netip.AddrPort) error
	exchange func(first, n int, to netip.AddrPort, lengths []int) error
}

const loadWorkers = 16

// With a whole round at once both servers have as much to do as they can take.
// With a few members at a time the key server sleeps half of the time, because
// members compute too, and for longer; and it pays for each sleep, which the
// bare loop, whose peers compute nothing, never has.
var loadPatterns = []loadPattern{
	{"", registerAtOnce, bareClients},
	{"-sixteen", func(s loadSuite, office *loadOffice, first, n int, to netip.AddrPort) error {
		return parallel(first, n, loadWorkers, func(i int) error {
			_, err := register(s, office, i, to)
			return err
		})
	}, func(first, n int, to netip.AddrPort, lengths []int) error {
		return parallel(first, n, loadWorkers, func(i int) error { return bareClient(i, to, lengths) })
	}},
}

// BenchmarkRegistration is the rate of registrations that one processor of a
// key server bears, and its share of what the bare loop does in the same run.
func BenchmarkRegistration(b *testing.B) {
	for _, s := range loadSuites {
		for _, p := range loadPatterns {
			b.Run(s.name+p.name, func(b *testing.B) { benchmarkRegistration(b, s, p) })
		}
	}
}

func benchmarkRegistration(b *testing.B, s loadSuite, p loadPattern) {
	const round = 200
	dir := b.TempDir()
	var office *loadOffice
	if s.trust != "" {
		office = newLoadOffice(b, dir)
	}
	ks, bare := startLoad(b, "ks "+s.name, dir), startLoad(b, "bare "+s.name, dir)
	lengths, err := register(s, office, 0, ks.to)
	if err != nil {
		b.Fatal(err)
	}
	var ksTime, bareTime time.Duration
	members := 1
	b.ResetTimer()
	for done := 0; done < b.N; done += round {
		n := min(round, b.N-done)
		before := ks.cpu(b)
		if err := p.register(s, office, members, n, ks.to); err != nil {
			b.Fatal(err)
		}
		ksTime += ks.cpu(b) - before
		before = bare.cpu(b)
		if err := p.exchange(members, n, bare.to, lengths); err != nil {
			b.Fatal(err)
		}
		bareTime += bare.cpu(b) - before
		members += n
	}
	b.ReportMetric(float64(b.N)/ksTime.Seconds(), "reg/cpu-s")
	b.ReportMetric(float64(b.N)/bareTime.Seconds(), "bare/cpu-s")
	b.ReportMetric(100*bareTime.Seconds()/ksTime.Seconds(), "%bare")
}
