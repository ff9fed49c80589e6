package member

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/internal/testkey"
	"coterie/xfrm"
)

// The lab of these tests: one member, two key servers, time that the test
// moves. The key servers answer through wire alone; isakmp is reduced to what
// it promises in its contract.

var (
	t0    = time.Date(2026, 1, 2, 18, 10, 37, 0, time.UTC)
	gm    = netip.MustParseAddr("192.168.11.3")
	ks1   = netip.MustParseAddr("192.168.111.111")
	ks2   = netip.MustParseAddr("192.168.222.222")
	group = policy.GroupID{Number: 1234}
)

func config() Config {
	return Config{
		Key: xfrm.GroupKey{Name: "GDOI-GROUP1", Source: gm}, ID: group, Servers: []netip.Addr{ks1, ks2}, Port: 848,
		Interfaces: []string{"Ethernet0/0"}, MapName: "CMAP", Hostname: "CE1",
	}
}

type lab struct {
	t      *testing.T
	now    time.Time
	m      *Machine
	server map[netip.Addr]*fakeServer
	// dead servers never answer: PhaseOneFailed after 40 s.
	dead map[netip.Addr]bool
	// nextSA numbers phase-1 SAs.
	nextSA  isakmp.SAID
	timers  []timer
	install error // what the data plane answers

	logs      []string
	debug     []string
	installed *xfrm.Group // in the data plane now
	installs  int
	removed   int
	sent      []Send
	accepted  int
	refused   []uint16
	connects  []netip.Addr
	joins     []netip.AddrPort // an invalid one is a leave
}

type timer struct {
	at time.Time
	do func()
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, now: t0, server: map[netip.Addr]*fakeServer{}, dead: map[netip.Addr]bool{}}
	var seed [32]byte
	copy(seed[:], t.Name())
	l.m = New(env.Env{Rand: rand.NewChaCha8(seed)})
	shared := newFakeServer(t, l)
	l.server[ks1], l.server[ks2] = shared, shared
	return l
}

func (l *lab) ks() *fakeServer { return l.server[ks1] }

// step gives one input and does what comes out.
func (l *lab) step(in Input) {
	l.m.Step(l.now, in)
	l.drain()
}

func (l *lab) drain() {
	for {
		out := l.m.Drain()
		if len(out) == 0 {
			return
		}
		for _, o := range out {
			if !l.perform(o) {
				break
			}
		}
	}
}

func (l *lab) perform(o Output) bool {
	switch o := o.(type) {
	case ToISAKMP:
		l.isakmp(o.Input)
	case Install:
		l.installs++
		if l.install == nil {
			l.installed = &o.Group
		}
		l.m.Step(l.now, Installed{o.Number, l.install})
		return l.install == nil
	case Remove:
		l.removed++
		l.installed = nil
	case Join:
		l.joins = append(l.joins, o.Group)
	case Send:
		l.sent = append(l.sent, o)
	case Log:
		if o.Event == nil {
			l.debug = append(l.debug, o.Text())
		} else {
			l.logs = append(l.logs, o.Text())
		}
	}
	return true
}

func (l *lab) after(d time.Duration, do func()) { l.timers = append(l.timers, timer{l.now.Add(d), do}) }

func (l *lab) isakmp(in isakmp.Input) {
	switch in := in.(type) {
	case isakmp.Connect:
		ks := in.Remote.Addr()
		l.connects = append(l.connects, ks)
		if l.dead[ks] {
			l.after(40*time.Second, func() { l.step(PhaseOneFailed{isakmp.PhaseOneFailed{Reason: isakmp.ReasonNoAnswer}}) })
			return
		}
		l.nextSA++
		sa := isakmp.SA{ID: l.nextSA, Initiator: true, Local: in.Local, Remote: in.Remote, PRF: testPRF, Foreign: l.server[ks].foreign}
		l.after(time.Millisecond, func() { l.step(PhaseOneUp{isakmp.PhaseOneUp{SA: sa}}) })
	case isakmp.Exchange2:
		l.server[ks1].answer(in)
	case isakmp.Accept:
		l.accepted++
	case isakmp.Refuse:
		l.refused = append(l.refused, in.Notify)
	}
}

// run moves time on, doing what falls due in order.
func (l *lab) run(d time.Duration) {
	end := l.now.Add(d)
	for {
		at, do := l.m.Next(), func() { l.step(Tick{}) }
		for i, t := range l.timers {
			if at.IsZero() || t.at.Before(at) {
				at = t.at
				do = func() { l.timers = append(l.timers[:i:i], l.timers[i+1:]...); t.do() }
			}
		}
		if at.IsZero() || at.After(end) {
			break
		}
		if at.After(l.now) {
			l.now = at
		}
		do()
	}
	l.now = end
}

func (l *lab) register() {
	l.t.Helper()
	l.step(Configure{config()})
	l.run(time.Second)
	if s := l.m.Snapshot(l.now); s.Status != "Registered" {
		l.t.Fatalf("%s\n%s", s.Status, strings.Join(l.logs, "\n"))
	}
	l.logs, l.debug = nil, nil
}

// rekey delivers what the key server builds.
func (l *lab) push(datagram []byte) {
	l.step(Push{netip.AddrPortFrom(gm, 848), netip.AddrPortFrom(ks1, 848), datagram})
}

func (l *lab) wantLogs(want ...string) {
	l.t.Helper()
	if strings.Join(l.logs, "\n") != strings.Join(want, "\n") {
		l.t.Errorf("log\n%s\nwant\n%s", strings.Join(l.logs, "\n"), strings.Join(want, "\n"))
	}
	l.logs = nil
}

func (l *lab) has(text string) bool {
	for _, s := range l.logs {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// outbound is the SPI that encrypts now, as the data plane has it.
func (l *lab) outbound() uint32 {
	l.t.Helper()
	if l.installed == nil {
		return 0
	}
	for _, p := range l.installed.Policies {
		if p.Permit {
			return p.SPI
		}
	}
	return 0
}

func (l *lab) inbound() []uint32 {
	var out []uint32
	if l.installed != nil {
		for _, s := range l.installed.SAs {
			out = append(out, s.SPI)
		}
	}
	return out
}

func testPRF(parts ...[]byte) []byte { return suite.SHA256.HMAC([]byte("SKEYID_a"), parts...) }

// fakeServer is a key server without policy of its own: tests change what it
// offers.
type fakeServer struct {
	t       *testing.T
	l       *lab
	key     *rsa.PrivateKey
	spki    []byte
	kek     policy.KEK
	teks    []policy.TEK // as in wire.Policy
	atd     *time.Duration
	rekeyTo netip.AddrPort
	seq     uint32
	foreign bool
	// What goes wrong.
	notify    uint16 // answers message 1
	breakHash bool
	mangle    func(message int, chain []byte) []byte
	change    func(sa *wire.SA, kd *[]wire.KeyPacket)
	silentAt  int // message that is not answered
	noSEQ     bool

	// Sender IDs: each registration gets the next one of sidBits bits; 0: none.
	sidBits   uint8
	lastSID   uint32
	sidsAsked int
	// Pseudotime: what the clock of the group shows at a time; nil: there is none.
	pseudotime func(time.Time) xfrm.Pseudotime
	up, down   time.Duration // how long messages travel, besides 1 ms

	ni, nr  []byte
	message int
	kd      []wire.KeyPacket
	info    *wire.Info
	asked   policy.GroupID
}

func newFakeServer(t *testing.T, l *lab) *fakeServer {
	s := &fakeServer{t: t, l: l, nr: []byte("nonce of the server.")}
	s.key, s.spki = testkey.Rekey()
	s.kek = s.newKEK(1, 24*time.Hour)
	s.teks = []policy.TEK{s.newTEK(1, 0x1000, time.Hour)}
	return s
}

func (s *fakeServer) newKEK(n byte, life time.Duration) policy.KEK {
	fill := func(size int) secret.Bytes {
		b := make([]byte, size)
		for i := range b {
			b[i] = n
		}
		return secret.New(b)
	}
	k := policy.KEK{Cipher: suite.AES128, IV: fill(16), Key: fill(16), SigHash: suite.SHA256, SigKey: s.spki,
		Created: s.l.now, Lifetime: life, AckWanted: true, AckHash: suite.SHA256}
	for i := range k.SPI {
		k.SPI[i] = n
	}
	return k
}

var acl = []xfrm.ACE{
	{Permit: false, Protocol: 17, Src: xfrm.Match{Ports: xfrm.PortRange{Lo: 848, Hi: 848}}, Dst: xfrm.Match{Ports: xfrm.PortRange{Lo: 848, Hi: 848}}},
	{Permit: true, Protocol: 1},
}

func (s *fakeServer) newTEK(sa int, spi uint32, life time.Duration) policy.TEK {
	fill := func(size int) secret.Bytes {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(spi)
		}
		return secret.New(b)
	}
	return policy.TEK{SA: sa, SPI: spi, Transform: suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA1},
		CipherKey: fill(16), AuthKey: fill(20), Created: s.l.now, Lifetime: life, ACEs: acl,
		Replay: policy.Replay{Method: policy.ReplayCounter, CounterWindow: 64}}
}

func (s *fakeServer) policy(kek bool) wire.Policy {
	p := wire.Policy{Server: netip.AddrPortFrom(ks1, 848), Rekey: s.rekeyTo, TEKs: s.teks, ATD: s.atd, HasTEKs: true}
	if kek {
		p.KEK = &s.kek
	}
	if s.pseudotime != nil {
		t := s.pseudotime(s.l.now.Add(s.up))
		p.Pseudotime = &t
	}
	return p
}

// answer takes messages 1 and 3 as isakmp would hand them over.
func (s *fakeServer) answer(in isakmp.Exchange2) {
	s.t.Helper()
	var err error
	var first uint8
	var chain []byte
	number := 2
	m1, err1 := wire.ParsePull1(testPRF, in.MessageID, in.First, in.Payloads)
	if err1 == nil {
		s.ni, s.info, s.message = m1.Nonce, m1.Info, 2
		s.asked, _ = wire.Group(m1.ID)
		var sa wire.SA
		if sa, s.kd, err = s.policy(s.kek.Lifetime > 0).Encode(s.l.now); err != nil {
			s.t.Fatal(err)
		}
		if s.change != nil {
			s.change(&sa, &s.kd)
		}
		first, chain, err = wire.BuildPull2(testPRF, in.MessageID, s.ni, wire.Pull2{Nonce: s.nr, SA: sa})
	} else {
		number = 4
		m3, err3 := wire.ParsePull3(testPRF, in.MessageID, s.ni, s.nr, in.First, in.Payloads)
		if err3 != nil {
			s.t.Fatalf("neither message 1 (%v) nor 3 (%v)", err1, err3)
		}
		s.sidsAsked = wire.SenderIDsWanted(m3.GAP)
		kd := s.kd
		if s.sidBits > 0 {
			s.lastSID++
			kd = append(slices.Clone(kd), wire.SenderIDPacket(policy.SenderIDs{Bits: s.sidBits, Values: []uint32{s.lastSID}}))
		}
		first, chain, err = wire.BuildPull4(testPRF, in.MessageID, s.ni, s.nr,
			wire.Pull4{Seq: s.seq, HasSeq: s.kek.Lifetime > 0 && !s.noSEQ, KD: kd})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	remote := s.l.connects[len(s.l.connects)-1]
	sa := isakmp.SA{ID: in.SA, Initiator: true, Remote: netip.AddrPortFrom(remote, 848), PRF: testPRF}
	if s.breakHash {
		chain[10] ^= 1
	}
	if s.mangle != nil {
		chain = s.mangle(number, chain)
	}
	switch {
	case s.notify != 0:
		s.l.after(time.Millisecond, func() {
			s.l.step(Notified{isakmp.Notified{SA: sa, Type: s.notify, MessageID: in.MessageID}})
		})
	case s.silentAt == number:
		s.l.after(40*time.Second, func() {
			s.l.step(Phase2Failed{isakmp.Phase2Failed{SA: in.SA, MessageID: in.MessageID, Reason: isakmp.ReasonNoAnswer}})
		})
	default:
		s.l.after(s.up+s.down+time.Millisecond, func() {
			s.l.step(Phase2{isakmp.Phase2{SA: sa, Exchange: isakmp.ExchangePull, MessageID: in.MessageID, First: first, Payloads: chain}})
		})
	}
}

// signed builds a rekey under kek.
func (s *fakeServer) signed(kek policy.KEK, msg wire.Push, key *rsa.PrivateKey) []byte {
	s.t.Helper()
	u, err := wire.PreparePush(kek, msg)
	if err != nil {
		s.t.Fatal(err)
	}
	sig, err := key.Sign(nil, u.Digest(), u.SignerOpts())
	if err != nil {
		s.t.Fatal(err)
	}
	datagram, _, err := u.Finish(sig)
	if err != nil {
		s.t.Fatal(err)
	}
	return datagram
}

var _ crypto.Signer = (*rsa.PrivateKey)(nil)

// rekey builds the next rekey of what the server now has.
func (s *fakeServer) rekey(under policy.KEK, p wire.Policy, deletes ...wire.Delete) []byte {
	s.t.Helper()
	sa, kd, err := p.Encode(s.l.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.seq++
	return s.signed(under, wire.Push{Seq: s.seq, Deletes: deletes, SA: &sa, KD: kd}, s.key)
}

var errDataplane = errors.New("no room")

func seconds(n int) *time.Duration {
	d := time.Duration(n) * time.Second
	return &d
}

var _ = syslog.GMRegister
