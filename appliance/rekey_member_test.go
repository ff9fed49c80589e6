package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"coterie/gdoi/gdoitest"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
)

// rekeyMembers are members that have registered and take rekeys.
type rekeyMembers struct {
	list []*registrant
	work sync.WaitGroup

	mu       sync.Mutex
	verified []byte // the rekey whose signature has been verified
	wrong    error
}

// newRekeyMembers registers members, who follow rekeys until the test ends:
// whole machines, or keyHolders in their place.
func newRekeyMembers(tb testing.TB, s loadSuite, n int, to netip.AddrPort, whole bool) *rekeyMembers {
	tb.Helper()
	m := &rekeyMembers{list: make([]*registrant, n)}
	tb.Cleanup(func() {
		if m.close(); m.wrong != nil {
			tb.Error(m.wrong)
		}
	})
	looks := make([]*gdoitest.Onlooker, n)
	if err := parallel(0, n, loadWorkers, func(i int) (err error) {
		if !whole {
			looks[i] = new(gdoitest.Onlooker)
		}
		m.list[i], err = registered(s, nil, looks[i], i, to)
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	for i, r := range m.list {
		follow := r.follow
		if !whole {
			kek := looks[i].Policy.KEK
			if kek == nil {
				tb.Fatalf("%v has no KEK", r.addr)
			}
			follow = (&keyHolder{group: m, addr: r.addr, conn: r.conn, kek: *kek}).follow
			r.machines = gdoitest.Member{}
		}
		r.conn.SetReadDeadline(time.Time{})
		m.work.Go(func() {
			if err := follow(); err != nil {
				m.mu.Lock()
				m.wrong = errors.Join(m.wrong, fmt.Errorf("%v: %w", r.addr, err))
				m.mu.Unlock()
			}
		})
	}
	return m
}

// close ends what follows.
func (m *rekeyMembers) close() {
	for _, r := range m.list {
		if r != nil {
			r.conn.Close()
		}
	}
	m.work.Wait()
}

// verify verifies the signature of a rekey once for all who received the same
// octets.
func (m *rekeyMembers) verify(datagram []byte, p *wire.ReceivedPush) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes.Equal(datagram, m.verified) {
		return nil
	}
	if err := p.VerifySignature(); err != nil {
		return err
	}
	m.verified = bytes.Clone(datagram)
	return nil
}

// receive calls f for each datagram until the socket closes.
func receive(conn *net.UDPConn, f func(datagram []byte) error) error {
	buf := make([]byte, 2048)
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			err = f(buf[:n])
		}
		if err != nil {
			return err
		}
	}
}

// follow takes rekeys as a member does.
func (r *registrant) follow() error {
	local := netip.AddrPortFrom(r.addr, Port)
	return receive(r.conn, func(datagram []byte) error {
		r.machines.Receive(time.Now(), local, loadServer, slices.Clone(datagram))
		return errors.Join(r.failed, r.send())
	})
}

// keyHolder is a member without a data plane: it decrypts each rekey under its
// KEK, parses all of it, decodes policy and keys, and acknowledges. One of them
// verifies the signature for all: that is a third of what a whole member does,
// and ten thousand members do not share a processor with their key server.
type keyHolder struct {
	group *rekeyMembers
	addr  netip.Addr
	conn  *net.UDPConn
	kek   policy.KEK
	seq   uint32 // of the last rekey
	ack   []byte // of it
}

func (k *keyHolder) follow() error { return receive(k.conn, k.rekeyed) }

func (k *keyHolder) rekeyed(datagram []byte) error {
	msg, err := wire.ParsePush(k.kek, datagram, wire.Form{})
	switch {
	case err != nil:
		return err
	case msg.Plain || msg.SA == nil:
		return errors.New("not a rekey under encryption")
	case msg.Seq == k.seq: // a retransmission
		_, err = k.conn.Write(k.ack)
		return err
	case msg.Seq < k.seq:
		return fmt.Errorf("SEQ %d after %d", msg.Seq, k.seq)
	}
	if err := k.group.verify(datagram, msg); err != nil {
		return err
	}
	p, err := wire.DecodeSA(*msg.SA, time.Now())
	if err == nil {
		err = p.AddKeys(msg.KD)
	}
	if err != nil {
		return err
	}
	if len(p.TEKs) != 1 || p.KEK != nil {
		return fmt.Errorf("%d TEKs, KEK %v", len(p.TEKs), p.KEK != nil)
	}
	k.seq = msg.Seq
	if k.ack, err = wire.BuildAck(k.kek, msg.Seq, netip.AddrPortFrom(k.addr, Port)); err == nil {
		_, err = k.conn.Write(k.ack)
	}
	return err
}
