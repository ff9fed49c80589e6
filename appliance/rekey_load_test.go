package appliance

import (
	"bufio"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/keyserver"
	"coterie/internal/testenv"
	"coterie/netdev"
)

// The load of a rekey: the key server of load_test.go at the pace `unpaced`,
// and members that stay behind their sockets once they have registered.

// rekeyNetwork is a loadNetwork that counts what rekeys send and receive.
type rekeyNetwork struct {
	*loadNetwork
	copies, acks atomic.Int64
	wanted       atomic.Int64  // acknowledgements
	arrived      chan struct{} // there are as many, or one more
}

func newRekeyNetwork(conn *net.UDPConn) *rekeyNetwork {
	return &rekeyNetwork{loadNetwork: newLoadNetwork(conn), arrived: make(chan struct{}, 1)}
}

func (n *rekeyNetwork) Listen(vrf string, local netip.AddrPort) (netdev.UDPConn, error) {
	c, err := n.loadNetwork.Listen(vrf, local)
	return rekeyConn{c, n}, err
}

type rekeyConn struct {
	netdev.UDPConn
	network *rekeyNetwork
}

func exchange(datagram []byte) byte {
	if len(datagram) < 28 {
		return 0
	}
	return datagram[18]
}

// ReadFrom is called when what was read before is with the control goroutine.
func (c rekeyConn) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	if n := c.network; n.acks.Load() >= n.wanted.Load() {
		select {
		case n.arrived <- struct{}{}:
		default:
		}
	}
	n, from, err := c.UDPConn.ReadFrom(b)
	if err == nil && exchange(b[:n]) == isakmp.ExchangePushAck {
		c.network.acks.Add(1)
	}
	return n, from, err
}

func (c rekeyConn) WriteTo(b []byte, to netip.AddrPort) (int, error) {
	if exchange(b) == isakmp.ExchangePush {
		c.network.copies.Add(1)
	}
	return c.UDPConn.WriteTo(b, to)
}

// countedSigner counts signatures where they are made.
type countedSigner struct {
	crypto.Signer
	made *atomic.Int64
}

func (s countedSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	s.made.Add(1)
	return s.Signer.Sign(r, digest, opts)
}

// rekeyKeyServer is the key server with its counters.
type rekeyKeyServer struct {
	*Appliance
	network    *rekeyNetwork
	signatures atomic.Int64
}

func newRekeyKeyServer(conn *net.UDPConn, s loadSuite) (*rekeyKeyServer, error) {
	k := &rekeyKeyServer{network: newRekeyNetwork(conn)}
	var err error
	if k.Appliance, err = loadAppliance(k.network, s, "platform gdoi rekey-pace unpaced\n"); err != nil {
		return nil, err
	}
	// The same configuration with a counter before the RSA key, and a KEK that is
	// made under it.
	err = k.do(context.Background(), func(now time.Time) {
		cfg := k.ctl.desired.KeyServer
		cfg.Groups = slices.Clone(cfg.Groups)
		for i := range cfg.Groups {
			r := &cfg.Groups[i].Rekey
			r.Signer = countedSigner{r.Signer, &k.signatures}
		}
		k.ctl.keyserver.Step(now, keyserver.Configure{Config: cfg})
		k.ctl.keyserver.Step(now, keyserver.Clear{What: keyserver.ClearPolicy})
	})
	return k, err
}

// close ends it, and its state.
func (k *rekeyKeyServer) close() error {
	err := k.Close()
	if c, ok := k.cfg.State.(io.Closer); ok {
		err = errors.Join(err, c.Close())
	}
	return err
}

// rekeyResult is what one rekey took.
type rekeyResult struct {
	took, cpu                               time.Duration
	copies, acks, retransmitted, signatures int64
}

// processor is the processor time that this process has used.
func processor() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// rekey is `crypto gdoi ks rekey` and returns when the key server has accepted
// the acknowledgements of so many members.
func (k *rekeyKeyServer) rekey(members int) (r rekeyResult, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n := k.network
	copies, acks, signatures := n.copies.Load(), n.acks.Load(), k.signatures.Load()
	n.wanted.Store(acks + int64(members))
	select {
	case <-n.arrived: // of the last rekey
	default:
	}
	before, err := processor()
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := k.Rekey(ctx, "G", false); err != nil {
		return r, err
	}
	for {
		select {
		case <-n.arrived:
		case <-ctx.Done():
			return r, fmt.Errorf("%d of %d acknowledgements: %w", n.acks.Load()-acks, members, ctx.Err())
		}
		s := k.KeyServer()
		r.took = time.Since(began)
		g := s.Groups[0]
		accepted := 0
		g.Members.Ascend(func(m keyserver.MemberSnapshot) bool {
			if m.RcvdSeq[0] == g.Seq && m.AcksRcvd == g.RekeysSent {
				accepted++
			}
			return true
		})
		if accepted < members {
			continue // one was for something else, or one too many
		}
		after, err := processor()
		r.cpu, r.retransmitted = after-before, int64(g.LastRetransmits)
		r.copies, r.acks, r.signatures = n.copies.Load()-copies, n.acks.Load()-acks, k.signatures.Load()-signatures
		return r, err
	}
}

// rekeyServer is the child: it prints its port, and rekeys for each line of
// standard input, which says how many members there are.
func rekeyServer(conn *net.UDPConn, s loadSuite) error {
	k, err := newRekeyKeyServer(conn, s)
	if err != nil {
		return err
	}
	defer k.close()
	fmt.Println(conn.LocalAddr().(*net.UDPAddr).Port)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var members int
		if _, err := fmt.Sscan(in.Text(), &members); err != nil {
			return err
		}
		r, err := k.rekey(members)
		if err != nil {
			return err
		}
		fmt.Printf("%d\n%d\n%d\n%d\n%d\n%d\n", r.took, r.cpu, r.copies, r.acks, r.retransmitted, r.signatures)
	}
	return in.Err()
}

// BenchmarkRekey is a rekey of ten thousand members over UDP: from the command
// until the key server has accepted the last acknowledgement. Its members are
// keyHolders.
func BenchmarkRekey(b *testing.B) {
	const members = 10_000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	// The runtime has raised the soft limit to the hard one.
	testenv.Need(b, limit.Cur >= members+100, fmt.Sprintf("a process may have %d open files here, not one for each member", limit.Cur))
	s := loadSuites[1]
	ks := startLoad(b, "rekey "+s.name, b.TempDir())
	newRekeyMembers(b, s, members, ks.to, false)
	var sum rekeyResult
	var longest time.Duration
	before, err := processor()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := fmt.Fprintln(ks.in, members); err != nil {
			b.Fatal(err)
		}
		var r rekeyResult
		r.took, r.cpu = time.Duration(ks.number(b)), time.Duration(ks.number(b))
		for _, n := range []*int64{&r.copies, &r.acks, &r.retransmitted, &r.signatures} {
			*n = ks.number(b)
		}
		if r.signatures != 1 {
			b.Errorf("%d signatures", r.signatures)
		}
		sum.took, sum.cpu = sum.took+r.took, sum.cpu+r.cpu
		sum.copies, sum.acks = sum.copies+r.copies, sum.acks+r.acks
		sum.retransmitted, sum.signatures = sum.retransmitted+r.retransmitted, sum.signatures+r.signatures
		longest = max(longest, r.took)
	}
	after, err := processor()
	if err != nil {
		b.Fatal(err)
	}
	n := float64(b.N)
	b.ReportMetric((after-before).Seconds()/n, "members-cpu-s/rekey")
	b.ReportMetric(sum.took.Seconds()/n, "s/rekey")
	b.ReportMetric(longest.Seconds(), "s/longest")
	b.ReportMetric(sum.cpu.Seconds()/n, "cpu-s/rekey")
	b.ReportMetric(float64(sum.signatures)/n, "signatures/rekey")
	b.ReportMetric(float64(sum.copies+sum.acks)/n, "datagrams/rekey")
	b.ReportMetric(float64(sum.retransmitted)/n, "retransmissions/rekey")
}

// Over real sockets, too, an unpaced rekey is signed once, sent to every member
// once, and acknowledged by all of them.
func TestRekeyOverUDP(t *testing.T) {
	const members, rekeys = 300, 3
	t.Setenv(loadDirectory, t.TempDir())
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadBuffer(8 << 20)
	s := loadSuites[1]
	k, err := newRekeyKeyServer(conn, s)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.close(); err != nil {
			t.Error(err)
		}
	}()
	all := newRekeyMembers(t, s, members, conn.LocalAddr().(*net.UDPAddr).AddrPort(), true)
	for range rekeys {
		r, err := k.rekey(members)
		if err != nil {
			t.Fatal(err)
		}
		if r.signatures != 1 || r.copies != members || r.acks != members || r.retransmitted != 0 {
			t.Errorf("%d signatures, %d copies, %d acknowledgements, %d retransmissions", r.signatures, r.copies, r.acks, r.retransmitted)
		}
	}
	all.close()
	for _, r := range all.list {
		if s := r.machines.GDOI.Snapshot(time.Now()); s.RekeysReceived != rekeys || s.AcksSent != rekeys || s.Counters.PushDuplicate != 0 {
			t.Errorf("%v: %d rekeys, %d acknowledgements, %+v", r.addr, s.RekeysReceived, s.AcksSent, s.Counters)
		}
	}
}
