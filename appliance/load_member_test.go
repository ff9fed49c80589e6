package appliance

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/gdoi/gdoitest"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// loadAddr is the address of one member: the whole of 127/8 is this host.
func loadAddr(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 1 + byte(i>>16), byte(i >> 8), byte(i)})
}

// registrant is a member with machines of its own over one socket.
type registrant struct {
	machines gdoitest.Member
	conn     *net.UDPConn
	addr     netip.Addr
	out      [][]byte // datagrams to send
	done     bool
	failed   error
	lengths  []int // of the datagrams, ours and theirs in turn
}

// register registers member i and returns the lengths of the datagrams.
func register(s loadSuite, office *loadOffice, i int, to netip.AddrPort) ([]int, error) {
	r, err := registered(s, office, nil, i, to)
	if err != nil {
		return nil, err
	}
	return r.lengths, r.conn.Close()
}

// registerAtOnce registers n members from first on in step: all send, and then
// each computes what it sends next. The key server has as much to do as it can
// take while they send, and waits for nobody.
func registerAtOnce(s loadSuite, office *loadOffice, first, n int, to netip.AddrPort) error {
	members := make([]*registrant, n)
	for i := range members {
		r, err := newRegistrant(s, office, nil, first+i, to)
		if err != nil {
			return err
		}
		defer r.conn.Close()
		members[i] = r
	}
	for open := n; open > 0; {
		for _, r := range members {
			if err := r.send(); err != nil {
				return err
			}
		}
		open = 0
		for _, r := range members {
			if r.done {
				continue
			}
			if err := r.receive(); err != nil {
				return err
			}
			if !r.done {
				open++
			}
		}
	}
	return nil
}

// registered is member i with its socket, once it has registered. Nobody needs
// to look.
func registered(s loadSuite, office *loadOffice, look *gdoitest.Onlooker, i int, to netip.AddrPort) (*registrant, error) {
	r, err := newRegistrant(s, office, look, i, to)
	if err != nil {
		return nil, err
	}
	for err = r.send(); err == nil && !r.done; err = r.send() {
		if err = r.receive(); err != nil {
			break
		}
	}
	if err != nil {
		r.conn.Close()
		return nil, err
	}
	return r, nil
}

// newRegistrant is member i with its first datagram to send.
func newRegistrant(s loadSuite, office *loadOffice, look *gdoitest.Onlooker, i int, to netip.AddrPort) (_ *registrant, err error) {
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: loadAddr(i).AsSlice()}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	r := &registrant{addr: loadAddr(i), conn: conn}
	if look != nil {
		r.machines.Between = look
	}
	r.machines.Send = func(_, _ netip.AddrPort, data []byte) { r.out = append(r.out, data) }
	r.machines.Install = func(member.Install) { r.done = true }
	r.machines.Failed = func(reason string) { r.failed = errors.New(reason) }
	r.machines.Log = func(_ time.Time, m syslog.Message) {
		if m.Event == syslog.GMRegistrationFailed || m.Event == syslog.GMRejectingSA {
			r.failed = errors.New(m.Text())
		}
	}
	var trust []*pki.Trustpoint
	if office != nil {
		t, err := office.member(i)
		if err != nil {
			return nil, err
		}
		trust = append(trust, t)
	}
	r.machines.Boot(time.Now(), env.System(), isakmp.Config{
		Enabled: true, PhaseOneDOI: 2, Policies: []isakmp.Policy{s.policy},
		Keyrings:     []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("MYGDOIPSK")}}}},
		Trustpoints:  trust,
		Capabilities: capabilities,
	}, member.Config{
		Key: xfrm.GroupKey{Name: "G", Source: loadAddr(i)}, ID: policy.GroupID{Number: 1},
		Servers: []netip.Addr{loadServer.Addr()}, Port: 848, Hostname: "gm",
	})
	return r, r.failed
}

// send sends what is to be sent.
func (r *registrant) send() error {
	for _, d := range r.out {
		r.lengths = append(r.lengths, len(d))
		if _, err := r.conn.Write(d); err != nil {
			return err
		}
	}
	r.out = r.out[:0]
	return nil
}

// receive waits for a datagram and takes it in.
func (r *registrant) receive() error {
	var buf [4096]byte
	r.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := r.conn.Read(buf[:])
	if err != nil {
		return err
	}
	r.lengths = append(r.lengths, n)
	r.machines.Receive(time.Now(), netip.AddrPortFrom(r.addr, Port), loadServer, buf[:n])
	return r.failed
}
