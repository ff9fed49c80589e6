package appliance

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/gdoi/gdoitest"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/netdev"
	"coterie/xfrm"
)

// udpNetwork is a stack whose UDP 848 is a test.
type udpNetwork struct {
	noNetwork
	out chan []byte
}

func (n *udpNetwork) Listen(_ string, local netip.AddrPort) (netdev.UDPConn, error) {
	return &udpConn{local: local, out: n.out, done: make(chan struct{})}, nil
}

type udpConn struct {
	local netip.AddrPort
	out   chan []byte
	once  sync.Once
	done  chan struct{}
}

func (c *udpConn) ReadFrom([]byte) (int, netip.AddrPort, error) {
	<-c.done
	return 0, netip.AddrPort{}, io.EOF
}
func (c *udpConn) WriteTo(b []byte, _ netip.AddrPort) (int, error) {
	c.out <- bytes.Clone(b)
	return len(b), nil
}
func (c *udpConn) LocalAddr() netip.AddrPort { return c.local }
func (c *udpConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

// groupPlane remembers the group in force.
type groupPlane struct {
	xfrm.Dataplane
	mu    sync.Mutex
	group *xfrm.Group
}

func (p *groupPlane) SetInterface(xfrm.InterfacePolicy) error { return nil }
func (p *groupPlane) SetGroup(g xfrm.Group) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.group = &g
	return nil
}
func (p *groupPlane) RemoveGroup(xfrm.GroupKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.group = nil
	return nil
}

const hostileMemberText = `
hostname R2
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 19
crypto isakmp key A-KEY-OF-SOME-LENGTH address 10.0.0.1
crypto gdoi group G
 identity number 1
 server address ipv4 10.0.0.1
crypto map M 10 gdoi
 set group G
interface Ethernet0/0
 ip address 10.0.0.2 255.255.255.0
 crypto map M
`

var (
	hostileLocal  = netip.MustParseAddrPort("10.0.0.2:848")
	hostileRemote = netip.MustParseAddrPort("10.0.0.1:848")
)

// hostileServer is a key server that has proven itself and lies.
type hostileServer struct {
	gdoitest.Server
	gdoitest.Liar
	t   *testing.T
	a   *Appliance
	out chan []byte
}

func udpDevice(t *testing.T, text string) (*Appliance, *groupPlane, chan []byte) {
	t.Helper()
	network := &udpNetwork{noNetwork{events: make(chan netdev.LinkEvent)}, make(chan []byte, 1024)}
	plane := &groupPlane{Dataplane: xfrm.NewNone()}
	a, err := New(Config{Name: "R", Stack: network, Dataplane: plane, Clock: new(env.Clock), Env: env.System(), Files: &memory{files: make(map[string][]byte)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	for _, e := range a.Boot(t.Context(), text) {
		t.Fatalf("line %d %q: %v", e.Number, e.Text, e.Err)
	}
	return a, plane, network.out
}

func newHostileServer(t *testing.T) (*hostileServer, *groupPlane) {
	a, plane, out := udpDevice(t, hostileMemberText)
	s := &hostileServer{t: t, a: a, out: out}
	s.Between = &s.Liar
	s.Send = func(_, _ netip.AddrPort, data []byte) { deliver(t, a, hostileRemote, data) }
	s.Boot(time.Now(), env.System(), isakmp.Config{Enabled: true, Accept: true, PhaseOneDOI: 2,
		Policies: []isakmp.Policy{{Priority: 1, Cipher: suite.AES256, Hash: suite.SHA256, Group: 19, Auth: isakmp.PreShared, Lifetime: time.Hour}},
		Keyrings: []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("A-KEY-OF-SOME-LENGTH")}}}},
	}, keyserver.Config{Groups: []keyserver.Group{{
		Name: "G", ID: policy.GroupID{Number: 1}, Address: hostileRemote.Addr(), Port: 848,
		Rekey: keyserver.Rekey{Unicast: true, Cipher: suite.AES256, SigHash: suite.SHA256, KeyLabel: "K", Signer: testKey.Private, SPKI: keys.SPKI(testKey), Lifetime: time.Hour, Retransmit: 10 * time.Second, Count: 2},
		SAs: []keyserver.SA{{Number: 1, Profile: "P", ACLName: "A", ACEs: []xfrm.ACE{{Permit: true, Protocol: 1}}, Lifetime: time.Hour,
			Transform: suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256}, Replay: policy.Replay{CounterWindow: 64}}},
	}}})
	return s, plane
}

// deliver gives the device one datagram as its socket would, and waits until
// all it does at once has been done.
func deliver(t *testing.T, a *Appliance, from netip.AddrPort, data []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if !a.ctl.ask(ctx, func(now time.Time) { a.ctl.datagram(now, "", hostileLocal, from, bytes.Clone(data)) }) ||
		!a.ctl.ask(ctx, func(time.Time) {}) {
		t.Fatal("the device does not answer any more")
	}
}

// receive takes what the device sent.
func (s *hostileServer) receive(data []byte) {
	s.Receive(time.Now(), hostileRemote, hostileLocal, data)
}

// register makes the device register and serves it until nothing more comes.
func (s *hostileServer) register() {
	s.t.Helper()
	if err := s.a.ClearGDOI(s.t.Context(), ""); err != nil {
		s.t.Fatal(err)
	}
	s.serve()
}

func (s *hostileServer) serve() {
	s.t.Helper()
	for {
		sas := s.ISAKMP.Snapshot(time.Now()).SAs
		established := len(sas) > 0 && sas[0].State == "GDOI_IDLE" && s.PRF != nil
		if established {
			deliver(s.t, s.a, hostileRemote, nil) // what is under way has been sent
			select {
			case data := <-s.out:
				s.receive(data)
			default:
				return
			}
			continue
		}
		select { // exponentiations are made elsewhere
		case data := <-s.out:
			s.receive(data)
		case <-time.After(20 * time.Second):
			s.t.Fatal("no phase 1")
		}
	}
}

func (s *hostileServer) status() string { return s.a.Members()[0].Status }

// TestHostileServerOverUDP: a whole device, configured by its lines, against a
// key server that has proven itself and lies in every length and count of
// messages 2 and 4. The device stays up, within its memory, and registers when
// it hears the truth.
func TestHostileServerOverUDP(t *testing.T) {
	s, plane := newHostileServer(t)
	recorded := map[int][]byte{}
	s.Change = func(message int, first uint8, rest []byte) (uint8, []byte) {
		recorded[message] = bytes.Clone(rest)
		return first, rest
	}
	s.serve()
	if s.status() != "Registered" || len(recorded) != 2 {
		t.Fatalf("%s, %d messages", s.status(), len(recorded))
	}
	s.Change = nil
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	refused, trials := 0, 0
	for _, message := range []int{2, 4} {
		for at := 0; at+2 <= len(recorded[message]); at++ {
			for kind := range 4 {
				s.Change = func(m int, first uint8, rest []byte) (uint8, []byte) {
					switch {
					case m != message || at+2 > len(rest):
					case kind == 3:
						rest = rest[:at]
					default:
						binary.BigEndian.PutUint16(rest[at:], []uint16{0, 1, 65535}[kind])
					}
					return first, rest
				}
				s.register()
				trials++
				if s.status() != "Registered" {
					refused++
					if plane.group != nil {
						t.Fatalf("message %d, octet %d: refused, and a group is in force", message, at)
					}
				}
			}
		}
	}
	s.Change = nil
	s.register()
	if s.status() != "Registered" || plane.group == nil {
		t.Errorf("the truth is refused: %s", s.status())
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+64<<20 {
		t.Errorf("%d MiB more are held", (after.HeapAlloc-before.HeapAlloc)>>20)
	}
	if refused < trials/4 {
		t.Errorf("only %d of %d refused", refused, trials)
	}
}

// strangerDatagrams are one of each kind that somebody unverified may send.
func strangerDatagrams(t *testing.T) map[string][]byte {
	header := func(exchange, next, flags uint8, cookies byte, body ...byte) []byte {
		h := isakmp.Header{Next: next, Version: isakmp.Version, Exchange: exchange, Flags: flags, MessageID: 7 * uint32(flags), Length: uint32(isakmp.HeaderLen + len(body))}
		if cookies > 0 {
			h.InitiatorCookie, h.ResponderCookie = isakmp.Cookie{cookies}, isakmp.Cookie{cookies}
		}
		return append(h.Append(nil), body...)
	}
	first := header(isakmp.ExchangeMainMode, isakmp.PayloadSA, 0, 0)
	first[0] = 9
	out := map[string][]byte{
		"nothing": {}, "an octet": {0xff}, "a keepalive": {0xff}, "a marker": {0, 0, 0, 0}, "27 octets": make([]byte, 27), "zeros": make([]byte, 28), "a long nothing": make([]byte, 65507),
		"ESP in UDP":              append([]byte{0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1}, make([]byte, 64)...),
		"IKEv2":                   func() []byte { b := header(34, 33, 8, 1, make([]byte, 40)...); b[17] = 0x20; return b }(),
		"message 1 without an SA": first,
		"a length of nothing":     func() []byte { b := header(2, 1, 0, 1); binary.BigEndian.PutUint32(b[24:], 0); return b }(),
		"a length of 4 GiB":       func() []byte { b := header(2, 1, 0, 1); binary.BigEndian.PutUint32(b[24:], 1<<32-1); return b }(),
		"a fragment":              header(isakmp.ExchangeMainMode, isakmp.PayloadFragment, 0, 1, 0, 0, 0, 9, 0, 1, 1, 1, 'x'),
		"a chain of nothing":      header(isakmp.ExchangeMainMode, isakmp.PayloadSA, 0, 0, bytes.Repeat([]byte{1, 0, 0, 4}, 1000)...),
	}
	// Message 1 of ours, as long and as short as it gets.
	m := isakmp.New(env.System())
	m.Step(time.Now(), isakmp.Configure{Config: isakmp.Config{Enabled: true, PhaseOneDOI: 2, Capabilities: 1, Fragmentation: true,
		Policies: []isakmp.Policy{{Priority: 1, Cipher: suite.AES256, Hash: suite.SHA256, Group: 19, Auth: isakmp.PreShared, Lifetime: time.Hour},
			{Priority: 2, Cipher: suite.DES, Hash: suite.MD5, Group: 1, Auth: isakmp.PreShared, Lifetime: time.Hour}},
		Keyrings: []isakmp.Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of("k")}}}}}})
	m.Step(time.Now(), isakmp.Connect{Owner: 1, Local: hostileRemote, Remote: hostileLocal})
	for _, o := range m.Drain() {
		if x, ok := o.(isakmp.Send); ok {
			out["message 1"] = x.Data
			out["message 1 behind a marker"] = append(make([]byte, 4), x.Data...)
			aggressive := bytes.Clone(x.Data)
			aggressive[18] = isakmp.ExchangeAggressive
			out["aggressive mode"] = aggressive
		}
	}
	if out["message 1"] == nil {
		t.Fatal("no message 1")
	}
	for exchange := range 256 {
		for _, flags := range []uint8{0, isakmp.FlagEncryption} {
			out[fmt.Sprintf("exchange %d, flags %d", exchange, flags)] = header(uint8(exchange), isakmp.PayloadHash, flags, 5, make([]byte, 32)...)
			out[fmt.Sprintf("exchange %d, flags %d, empty", exchange, flags)] = header(uint8(exchange), 0, flags, 5)
		}
	}
	return out
}

// TestStrangersGetNoMore: whatever kind of datagram comes from a source that
// has not shown that it is there, a key server and a member send no more octets
// than they got, and nothing later by themselves.
func TestStrangersGetNoMore(t *testing.T) {
	server := strings.ReplaceAll(keyServerText, "192.168.1.254", "10.0.0.2") + "interface Ethernet0/0\n ip address 10.0.0.2 255.255.255.0\n"
	server = strings.ReplaceAll(server, "group 14", "group 19")
	for name, text := range map[string]string{"key server": server, "member": strings.Replace(hostileMemberText, " crypto map M\n", "", 1)} {
		a, _, out := udpDevice(t, text)
		if name == "key server" {
			if err := a.keys.change(func(all map[string]keys.Pair) { all[testKey.Label] = testKey }); err != nil {
				t.Fatal(err)
			}
		}
		answered := 0
		for what, data := range strangerDatagrams(t) {
			for i := range 3 {
				deliver(t, a, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 848), data)
				got := 0
				for len(out) > 0 {
					got += len(<-out)
				}
				if got > len(data) {
					t.Errorf("%s: %s of %d octets is answered with %d", name, what, len(data), got)
				}
				if got > 0 {
					answered++
				}
			}
		}
		if name == "key server" && answered == 0 {
			t.Error("not even message 1 is answered: the test shows nothing")
		}
	}
}
