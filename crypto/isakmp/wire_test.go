package isakmp

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// wire joins machines: datagrams arrive at once and in order, Diffie-Hellman
// takes no time, unless a test says otherwise.
type wire struct {
	t       testing.TB
	now     time.Time
	nodes   map[netip.AddrPort]*Machine
	order   []netip.AddrPort
	sent    []Send // every datagram, lost ones included
	queue   []Send
	outputs map[netip.AddrPort][]Output // but Send, Compute and debug lines
	debug   []string
	// deliver decides what becomes of a datagram; nil delivers it once.
	deliver func(Send) []Send
	// holdJobs keeps computations in held instead of running them.
	holdJobs bool
	poison   byte // fills buffers behind and after their datagrams
	// upper answers a phase-2 message at once; nil leaves it in outputs.
	upper func(at netip.AddrPort, p Phase2)
	held  []heldJob
}

type heldJob struct {
	at  netip.AddrPort
	job env.Job
}

func newWire(t testing.TB) *wire {
	return &wire{t: t, now: start, nodes: make(map[netip.AddrPort]*Machine), outputs: make(map[netip.AddrPort][]Output)}
}

func (w *wire) add(a netip.AddrPort, m *Machine) {
	w.nodes[a] = m
	w.order = append(w.order, a)
}

// step gives one input to a machine and performs its outputs, without
// delivering datagrams.
func (w *wire) step(a netip.AddrPort, in Input) {
	m := w.nodes[a]
	// The buffer of a datagram is longer than the datagram, and used again.
	if d, ok := in.(Datagram); ok {
		buffer := append(append([]byte(nil), d.Data...), w.poison, w.poison, w.poison, w.poison)
		d.Data = buffer[:len(d.Data)]
		m.Step(w.now, d)
		for i := range buffer {
			buffer[i] = w.poison
		}
	} else {
		m.Step(w.now, in)
	}
	for out := m.Drain(); len(out) > 0; out = m.Drain() {
		for _, o := range out {
			switch o := o.(type) {
			case Send:
				w.sent = append(w.sent, o)
				if w.deliver == nil {
					w.queue = append(w.queue, o)
				} else {
					w.queue = append(w.queue, w.deliver(o)...)
				}
			case Compute:
				if w.holdJobs {
					w.held = append(w.held, heldJob{a, o.Job})
					continue
				}
				m.Step(w.now, Done{env.JobDone{ID: o.ID, Result: o.Do()}})
			case Log:
				if o.Event == nil {
					w.debug = append(w.debug, o.Text())
					continue
				}
				w.outputs[a] = append(w.outputs[a], o)
			case Phase2:
				w.outputs[a] = append(w.outputs[a], o)
				if w.upper != nil {
					w.upper(a, o)
				}
			default:
				w.outputs[a] = append(w.outputs[a], o)
			}
		}
	}
}

// flush delivers datagrams until none is on the way.
func (w *wire) flush() {
	for n := 0; len(w.queue) > 0; n++ {
		if n > 10000 {
			w.t.Fatal("datagrams without end")
		}
		s := w.queue[0]
		w.queue = w.queue[1:]
		if w.nodes[s.Remote] != nil {
			w.step(s.Remote, Datagram{Local: s.Remote, Remote: s.Local, Data: s.Data})
		}
	}
}

// until lets time pass, deadline by deadline.
func (w *wire) until(end time.Time) {
	w.flush()
	for {
		var next time.Time
		var at netip.AddrPort
		for _, a := range w.order {
			if d := w.nodes[a].Next(); !d.IsZero() && (next.IsZero() || d.Before(next)) {
				next, at = d, a
			}
		}
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(at, Tick{})
		w.flush()
	}
}

func (w *wire) pass(d time.Duration) { w.until(w.now.Add(d)) }

// take removes and returns the first output of a type at a machine.
func take[T Output](w *wire, a netip.AddrPort) (T, bool) {
	for i, o := range w.outputs[a] {
		if o, ok := o.(T); ok {
			w.outputs[a] = append(w.outputs[a][:i:i], w.outputs[a][i+1:]...)
			return o, true
		}
	}
	var none T
	return none, false
}

func must[T Output](w *wire, a netip.AddrPort) T {
	w.t.Helper()
	o, ok := take[T](w, a)
	if !ok {
		w.t.Fatalf("no %T at %v among %v", o, a, w.outputs[a])
	}
	return o
}

func none[T Output](w *wire, a netip.AddrPort) {
	w.t.Helper()
	if o, ok := take[T](w, a); ok {
		w.t.Fatalf("%v: unexpected %T %+v", a, o, o)
	}
}

func (w *wire) logged(a netip.AddrPort, e *syslog.Event) int {
	n := 0
	for _, o := range w.outputs[a] {
		if l, ok := o.(Log); ok && l.Event == e {
			n++
		}
	}
	return n
}

// seeded is a random source that gives the same octets for the same seed.
type seeded struct{ *rand.ChaCha8 }

func (s seeded) Read(b []byte) (int, error) { return s.ChaCha8.Read(b) }

func seed(n byte) env.Env {
	return env.Env{Rand: seeded{rand.NewChaCha8([32]byte{n})}}
}

var (
	gmAddr = netip.MustParseAddrPort("192.0.2.1:848")
	ksAddr = netip.MustParseAddrPort("192.0.2.254:848")
)

func policy(c suite.Cipher, h suite.Hash, g suite.Group) Policy {
	return Policy{Priority: 10, Cipher: c, Hash: h, Group: g, Auth: PreShared, Lifetime: DefaultLifetime}
}

// quick is the cheapest policy that is not weak.
func quick() Policy { return policy(suite.AES128, suite.SHA256, 19) }

func config(accept bool, psk string, policies ...Policy) Config {
	return Config{
		Enabled: true, Accept: accept, PhaseOneDOI: DOIGDOI, Policies: policies, Capabilities: CapDenyACE | CapPushAck,
		Keyrings: []Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("0.0.0.0/0"), Key: secret.Of(psk)}}}},
	}
}

// pair is a member and a key server with the given configurations.
func pair(t testing.TB, gm, ks Config) *wire {
	w := newWire(t)
	w.add(gmAddr, New(seed(1)))
	w.add(ksAddr, New(seed(2)))
	w.step(gmAddr, Configure{gm})
	w.step(ksAddr, Configure{ks})
	return w
}

func standardPair(t testing.TB) *wire {
	return pair(t, config(false, "cisco", quick()), config(true, "cisco", quick()))
}

// up runs phase 1 and returns both ends of the SA.
func (w *wire) up() (gm, ks SA) {
	w.t.Helper()
	w.step(gmAddr, Connect{Owner: 1, Local: gmAddr, Remote: ksAddr})
	w.flush()
	gm = must[PhaseOneUp](w, gmAddr).SA
	for _, sa := range w.nodes[ksAddr].all() {
		if sa.state == complete {
			ks = sa.lend()
		}
	}
	if ks.ID == 0 {
		w.t.Fatal("the key server has no SA")
	}
	return gm, ks
}

// chain builds HASH and one more payload for a phase-2 message.
func hashed(t testing.TB, sa SA, messageID uint32, text string) []byte {
	_, tail, err := AppendChain(nil, Payload{Type: PayloadNonce, Body: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	id := []byte{byte(messageID >> 24), byte(messageID >> 16), byte(messageID >> 8), byte(messageID)}
	b, err := AppendPayload(nil, PayloadNonce, sa.PRF(id, tail))
	if err != nil {
		t.Fatal(err)
	}
	return append(b, tail...)
}

func gmNet(s string) netip.Prefix { return netip.MustParsePrefix(s) }
