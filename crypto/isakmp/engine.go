package isakmp

import (
	"crypto/sha256"
	"net/netip"
	"time"

	"coterie/crypto/pki"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
)

// firstConnID is the conn-id of the first SA, as on a router without a
// crypto accelerator.
const firstConnID = 1001

// maxDatagram is the longest datagram that UDP carries.
const maxDatagram = 65507

// Machine owns the phase-1 SAs of a device. It is not safe for concurrent use
// and never blocks.
type Machine struct {
	env env.Env
	cfg Config
	// configured says that cfg is not merely the zero value.
	configured bool
	now        time.Time
	out        env.Outputs[Output]
	secret     secret.Bytes // of our responder cookies

	timers timers
	count  Counters
	logged limiter

	byCookies   map[cookies]*phaseOne // unfinished ones included; an initiator without message 2 under a zero responder cookie
	byID        map[SAID]*phaseOne
	established map[peer][]*phaseOne // oldest first
	halfOpen    halfOpenTable
	attempts    []*attempt // Connects that wait
	byOwner     map[Owner][]*exchange
	jobs        map[uint64]job
	lastJob     uint64
	lastSerial  uint64
	nextID      SAID
	gone        []tombstone
	fragments   fragmentTable
	recoveries  []time.Time // invalid-SPI notifies within recoveryWindow
	verdicts    pki.Cache   // of peers' certificates
	schedules   schedules
	weak        []string             // trustpoints whose SHA-1 was warned of
	list        [MaxPayloads]Payload // of the message at hand

	// Tests that reproduce recorded exchanges set these.
	cookie           func(peer, Cookie) Cookie
	noInitialContact bool
	claim            []byte // instead of our own identity
}

// peer is both ends of the conversations with one neighbour.
type peer struct {
	vrf           string
	local, remote netip.AddrPort
}

type cookies struct{ initiator, responder Cookie }

// job is a Diffie-Hellman computation or a signature under way for sa; nil when
// that is gone.
type job struct {
	sa   *phaseOne
	done func(result any)
}

// New returns a machine that is disabled until Configure says otherwise.
func New(e env.Env) *Machine {
	return &Machine{
		env:         e,
		secret:      secret.New(e.Bytes(32)),
		byCookies:   make(map[cookies]*phaseOne),
		byID:        make(map[SAID]*phaseOne),
		established: make(map[peer][]*phaseOne),
		halfOpen:    newHalfOpenTable(),
		byOwner:     make(map[Owner][]*exchange),
		jobs:        make(map[uint64]job),
		nextID:      firstConnID,
	}
}

// Step reacts to one input, after the deadlines that have passed by now.
func (m *Machine) Step(now time.Time, in Input) {
	m.now = now
	for t := m.timers.due(now); t != nil; t = m.timers.due(now) {
		t.fire()
	}
	switch in := in.(type) {
	case Datagram:
		m.receive(in)
	case Configure:
		m.configure(in.Config)
	case Connect:
		m.connect(in)
	case Abandon:
		m.abandon(in.Owner)
	case Exchange2:
		m.continueExchange(in)
	case Accept:
		m.acceptExchange(in)
	case Refuse:
		m.refuseExchange(in)
	case Clear:
		m.clear(in)
	case Reauthenticate:
		for _, sa := range m.all() {
			if sa.certificate != nil {
				m.remove(sa, ReasonCleared, true)
			}
		}
	case InvalidSPI:
		m.invalidSPI(in)
	case Done:
		m.done(in)
	}
}

// configure replaces the configuration; turning ISAKMP on or off later is worth
// a line.
func (m *Machine) configure(c Config) {
	if m.configured && m.cfg.Enabled != c.Enabled {
		word := "OFF"
		if c.Enabled {
			word = "ON"
		}
		m.emit(Log{syslog.ISAKMPOnOff.With(word)})
	}
	m.cfg, m.configured = c, true
}

// Next is the earliest deadline; zero when there is none.
func (m *Machine) Next() time.Time { return m.timers.next() }

// Drain hands over the outputs since the last Drain, in the order in which
// they are to be performed. The slice is good until the next Drain.
func (m *Machine) Drain() []Output { return m.out.Drain() }

func (m *Machine) emit(o Output) { m.out.Emit(o) }

// after sets a timer of its own.
func (m *Machine) after(d time.Duration, fire func()) *timer {
	t := new(timer)
	m.timers.set(t, m.now.Add(d), fire)
	return t
}

// send is one datagram, whole. It may be sent again: nobody changes its octets.
func (m *Machine) send(to peer, data []byte) {
	m.count.Sent++
	m.emit(Send{VRF: to.vrf, Local: to.local, Remote: to.remote, Data: data})
}

// compute hands work out for sa; done runs with its result if sa still lives.
func (m *Machine) compute(sa *phaseOne, do func() any, done func(any)) {
	m.lastJob++
	sa.job = m.lastJob
	m.jobs[m.lastJob] = job{sa, done}
	m.emit(Compute{env.Job{ID: m.lastJob, Do: do}})
}

func (m *Machine) done(in Done) {
	j, ok := m.jobs[in.ID]
	if !ok {
		return
	}
	delete(m.jobs, in.ID)
	if j.sa == nil {
		return // its SA is gone
	}
	j.sa.job = 0
	j.done(in.Result)
}

// receive dispatches one datagram.
func (m *Machine) receive(d Datagram) {
	m.count.Received++
	h, body, err := ParseHeader(d.Data)
	if err != nil {
		m.count.Malformed++
		return
	}
	if !m.cfg.Enabled {
		m.count.Unsupported++
		return
	}
	p := peer{d.VRF, d.Local, d.Remote}
	if h.Next == PayloadFragment {
		m.receiveFragment(p, h, body)
		return
	}
	m.dispatch(p, h, body, sha256.Sum256(d.Data[:h.Length]))
}

// dispatch hands one whole message to its exchange.
func (m *Machine) dispatch(p peer, h Header, body []byte, digest [sha256.Size]byte) {
	msg := message{h, body, digest}
	switch h.Exchange {
	case ExchangeMainMode:
		switch {
		case h.MessageID != 0:
			m.count.Malformed++
		case h.ResponderCookie == Cookie{}:
			m.receiveFirst(p, msg)
		default:
			m.receivePhaseOne(p, msg)
		}
	case ExchangeInformational:
		m.receiveInformational(p, msg)
	case 0, 1, 3, ExchangeAggressive, 6, ExchangePush, ExchangePushAck:
		// Aggressive mode would hand an offline guesser our HASH: silence.
		m.count.Unsupported++
	default:
		m.receivePhaseTwo(p, msg)
	}
}

// message is a datagram with its header parsed.
type message struct {
	Header
	body   []byte // behind the header
	digest [sha256.Size]byte
}

func (msg message) encrypted() bool { return msg.Flags&FlagEncryption != 0 }

// payloads splits the chain of the message at hand. The list is good until the
// next message.
func (m *Machine) payloads(first uint8, b []byte) ([]Payload, error) {
	return AppendPayloads(m.list[:0], first, b)
}

// find looks an SA up by both cookies and both addresses.
func (m *Machine) find(p peer, h Header) *phaseOne {
	sa := m.byCookies[cookies{h.InitiatorCookie, h.ResponderCookie}]
	if sa == nil || sa.peer != p {
		return nil
	}
	return sa
}

// noSA counts a message that belongs to no SA and says so, not too often.
func (m *Machine) noSA(p peer) {
	m.count.UnknownSA++
	m.logOnce(p, syslog.IKMPNoSA)
}
