package appliance

import (
	"bufio"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
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
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/secret"
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
}

var loadSuites = []loadSuite{
	{"psk-group14", isakmp.Policy{Priority: 10, Cipher: suite.AES128, Hash: suite.SHA256, Group: 14, Auth: isakmp.PreShared, Lifetime: time.Hour},
		" encr aes\n hash sha256\n authentication pre-share\n group 14\n lifetime 3600\n"},
	{"psk-group19", isakmp.Policy{Priority: 10, Cipher: suite.AES128, Hash: suite.SHA256, Group: 19, Auth: isakmp.PreShared, Lifetime: time.Hour},
		" encr aes\n hash sha256\n authentication pre-share\n group 19\n lifetime 3600\n"},
}

const loadConfig = `hostname KS
no service timestamps log
logging buffered 4096
no logging console
crypto isakmp policy 10
%scrypto isakmp key MYGDOIPSK address 0.0.0.0
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
	if kind == "bare" {
		go bareServer(conn, s)
	} else {
		a, err := New(Config{
			Name: "KS", Stack: &loadNetwork{noNetwork: noNetwork{events: make(chan netdev.LinkEvent)}, conn: conn}, Dataplane: xfrm.NewNone(),
			Clock: new(env.Clock), Env: env.System(), Files: &memory{files: make(map[string][]byte)},
		})
		if err != nil {
			return err
		}
		defer a.Close()
		key, err := keys.Generate(2048)
		if err != nil {
			return err
		}
		if err := a.keys.change(func(m map[string]keys.Pair) { m["K"] = keys.Pair{Label: "K", Private: key} }); err != nil {
			return err
		}
		if errs := a.Boot(context.Background(), fmt.Sprintf(loadConfig, s.lines)); len(errs) > 0 {
			return errs[0].Err
		}
		a.reconcile(context.Background())
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

// loadNetwork is a network whose every socket is one on 127.0.0.1.
type loadNetwork struct {
	noNetwork
	conn *net.UDPConn
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

func startLoad(b *testing.B, role string) *loadProcess {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &loadProcess{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), childRole+"="+role, "GOMAXPROCS=1")
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

// loadAddr is the address of one member: the whole of 127/8 is this host.
func loadAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 1 + byte(i>>16), byte(i >> 8), byte(i)})
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

// registrant is a member with machines of its own over one socket.
type registrant struct {
	conn    *net.UDPConn
	to      netip.AddrPort
	isakmp  *isakmp.Machine
	member  *member.Machine
	done    bool
	failed  string
	lengths []int // of the datagrams, ours and theirs in turn
}

// register registers member i and returns the lengths of the datagrams.
func register(s loadSuite, i int, to netip.AddrPort) ([]int, error) {
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: loadAddr(i).AsSlice()}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := &registrant{conn: conn, to: to, isakmp: isakmp.New(env.System()), member: member.New(env.System())}
	r.isakmp.Step(time.Now(), isakmp.Configure{Config: isakmp.Config{
		Enabled: true, PhaseOneDOI: 2, Policies: []isakmp.Policy{s.policy},
		Keyrings:     []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("MYGDOIPSK")}}}},
		Capabilities: capabilities,
	}})
	r.member.Step(time.Now(), member.Configure{Config: member.Config{
		Key: xfrm.GroupKey{Name: "G", Source: loadAddr(i)}, ID: policy.GroupID{Number: 1},
		Servers: []netip.Addr{loadServer.Addr()}, Port: 848, Hostname: "gm",
	}})
	if err := r.drain(); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	local := netip.AddrPortFrom(loadAddr(i), 848)
	for !r.done {
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		r.lengths = append(r.lengths, n)
		r.isakmp.Step(time.Now(), isakmp.Datagram{Local: local, Remote: loadServer, Data: buf[:n]})
		if err := r.drain(); err != nil {
			return nil, err
		}
	}
	return r.lengths, nil
}

func (r *registrant) drain() error {
	for busy := true; busy; {
		busy = false
		for _, o := range r.isakmp.Drain() {
			busy = true
			switch o := o.(type) {
			case isakmp.Send:
				r.lengths = append(r.lengths, len(o.Data))
				if _, err := r.conn.Write(o.Data); err != nil {
					return err
				}
			case isakmp.Compute:
				r.isakmp.Step(time.Now(), isakmp.Done{JobDone: env.JobDone{ID: o.ID, Result: o.Do()}})
			case isakmp.PhaseOneUp:
				r.member.Step(time.Now(), member.PhaseOneUp{PhaseOneUp: o})
			case isakmp.PhaseOneFailed:
				return errors.New(o.Reason)
			case isakmp.Phase2:
				r.member.Step(time.Now(), member.Phase2{Phase2: o})
			case isakmp.Phase2Failed:
				return errors.New(o.Reason)
			case isakmp.Notified:
				r.member.Step(time.Now(), member.Notified{Notified: o})
			}
		}
		for _, o := range r.member.Drain() {
			busy = true
			switch o := o.(type) {
			case member.ToISAKMP:
				r.isakmp.Step(time.Now(), o.Input)
			case member.Install:
				r.done = true
				r.member.Step(time.Now(), member.Installed{Number: o.Number})
			case member.Log:
				if o.Event == syslog.GMRegistrationFailed || o.Event == syslog.GMRejectingSA {
					return errors.New(o.Text())
				}
			}
		}
	}
	return nil
}

// bareClient exchanges datagrams of given lengths with the bare loop.
func bareClient(i int, to netip.AddrPort, lengths []int) error {
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: loadAddr(i).AsSlice()}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 4096)
	for n := 0; n < len(lengths); n += 2 {
		// The third octet says which reply is wanted, two more its length.
		reply := 0
		if n+1 < len(lengths) {
			reply = lengths[n+1]
		}
		buf[0], buf[1], buf[2] = byte(n/2), byte(reply>>8), byte(reply)
		if _, err := conn.Write(buf[:lengths[n]]); err != nil {
			return err
		}
		if reply == 0 {
			return nil
		}
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Read(buf); err != nil {
			return err
		}
	}
	return nil
}

// bareServer does the crypto of each message and answers.
func bareServer(conn *net.UDPConn, s loadSuite) {
	group, h := s.policy.Group, s.policy.Hash
	peer, err := group.GenerateKey(random(group.RandomLen()))
	if err != nil {
		panic(err)
	}
	ke := peer.Public() // of every member; ours is new each time
	type state struct {
		block     cipher.Block
		a, iv     []byte
		gxi, gxr  []byte
		ni, nr    []byte
		lastBlock []byte
	}
	states := make(map[netip.AddrPort]*state)
	secretKey := random(32)
	psk := []byte("MYGDOIPSK")
	cookies := random(16)
	buf, out := make([]byte, 4096), make([]byte, 4096)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		in := append([]byte(nil), buf[:n]...)
		reply := out[:int(in[1])<<8|int(in[2])]
		st := states[from]
		sealed := func(b []byte, encrypt bool) {
			b = b[28 : 28+(len(b)-28)/aes.BlockSize*aes.BlockSize]
			if encrypt {
				cipher.NewCBCEncrypter(st.block, st.iv).CryptBlocks(b, b)
			} else {
				cipher.NewCBCDecrypter(st.block, st.iv).CryptBlocks(b, b)
			}
		}
		switch in[0] {
		case 0: // SA: our cookie
			h.HMAC(secretKey, cookies, in[:28])
			states[from] = &state{ni: random(20)}
		case 1: // KE, Ni: g^xy and the keys
			key, err := group.GenerateKey(random(group.RandomLen()))
			if err != nil {
				panic(err)
			}
			shared, err := key.Shared(ke)
			if err != nil {
				panic(err)
			}
			st.gxi, st.gxr, st.nr = ke, key.Public(), random(20)
			id := h.HMAC(psk, st.ni, st.nr)
			d := h.HMAC(id, shared, cookies, []byte{0})
			st.a = h.HMAC(id, d, shared, cookies, []byte{1})
			e := h.HMAC(id, st.a, shared, cookies, []byte{2})
			if st.block, err = aes.NewCipher(e[:16]); err != nil {
				panic(err)
			}
			st.iv = h.Sum(st.gxi, st.gxr)[:16]
		case 2: // ID, HASH_I; ID, HASH_R
			sealed(in, false)
			h.HMAC(st.a, st.gxi, st.gxr, cookies, in[:40], in[:12])
			h.HMAC(st.a, st.gxr, st.gxi, cookies, in[:40], in[:12])
			sealed(reply, true)
			st.lastBlock = reply[len(reply)-16:]
		case 3, 4: // HASH(1), HASH(2); HASH(3), HASH(4)
			if in[0] == 3 {
				st.iv = h.Sum(st.lastBlock, in[:4])[:16]
			}
			sealed(in, false)
			h.HMAC(st.a, in[:4], st.ni, in[28:])
			h.HMAC(st.a, in[:4], st.ni, st.nr, reply[28:])
			sealed(reply, true)
		}
		conn.WriteToUDPAddrPort(reply, from)
		if in[0] == 4 {
			delete(states, from)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// BenchmarkRegistration is the rate of registrations that one processor of a
// key server bears, and its share of what the bare loop does in the same run.
func BenchmarkRegistration(b *testing.B) {
	const workers, round = 16, 200
	for _, s := range loadSuites {
		b.Run(s.name, func(b *testing.B) {
			ks, bare := startLoad(b, "ks "+s.name), startLoad(b, "bare "+s.name)
			lengths, err := register(s, 0, ks.to)
			if err != nil {
				b.Fatal(err)
			}
			var ksTime, bareTime time.Duration
			members := 1
			b.ResetTimer()
			for done := 0; done < b.N; done += round {
				n := min(round, b.N-done)
				before := ks.cpu(b)
				if err := parallel(members, n, workers, func(i int) error {
					_, err := register(s, i, ks.to)
					return err
				}); err != nil {
					b.Fatal(err)
				}
				ksTime += ks.cpu(b) - before
				before = bare.cpu(b)
				if err := parallel(members, n, workers, func(i int) error { return bareClient(i, bare.to, lengths) }); err != nil {
					b.Fatal(err)
				}
				bareTime += bare.cpu(b) - before
				members += n
			}
			b.ReportMetric(float64(b.N)/ksTime.Seconds(), "reg/cpu-s")
			b.ReportMetric(float64(b.N)/bareTime.Seconds(), "bare/cpu-s")
			b.ReportMetric(100*bareTime.Seconds()/ksTime.Seconds(), "%bare")
		})
	}
}
