package keyserver

import (
	"bytes"
	"crypto"
	"net/netip"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/internal/secret"
	"coterie/internal/syslog"
)

// group is the state of one served group. cfg is what is configured, force the
// policy that members hold: what was configured at the last rekey.
type group struct {
	cfg Group
	// refuse is why it cannot serve, refusal the line that says so; "": it can.
	refuse  string
	refusal syslog.Message
	// announced is the last complete configuration that members or the log
	// have been told of, so that an edit in several steps is announced once.
	announced Group
	force     Group

	live    bool // keys exist
	kek     *kek // nil: no rekey is possible
	retired []*kek
	teks    []*tek    // by number of `sa ipsec`, newest first
	active  time.Time // members encrypt with the current TEKs from then on
	// epoch numbers the states that members are told of: keys or policy
	// changed. A member holds the epoch it registered in or last acknowledged.
	epoch uint64

	members memberTree
	flights []*flight // oldest first
	pending *push     // being signed
	sids    senders
	time    pseudotime
	again   *rekeying // asked for while pending
	under   *kek      // that the last rekey was sent under; nil: the present one
	pace    int       // members in a batch of the next rekey
	foreign int       // keyed members that do not understand deny entries
	plain   plainLists
	told    [2]told // to our own kind, to foreign members
	// admission is who was let in by the configuration at the last look.
	admission admission
	revoking  bool // the next rekey shuts a member out

	started    bool   // it has had keys, in this life of the program
	saved      uint64 // epoch whose keys are stored
	unsavedSeq bool   // sequence numbers are used that are not stored as used

	stats struct {
		rekeys, retransmits, lastRetransmits, registrations uint64
		last                                                time.Time
		duration                                            time.Duration
	}

	due   time.Time
	index int // in the heap; -1: not there
}

// kek is a KEK with what it takes to use it: the signer of its rekeys and how
// they travel.
type kek struct {
	policy.KEK
	signer crypto.Signer
	rekey  Rekey
	seq    uint32 // last used
	// reserved is the first number not covered by a Persist; zero after one failed.
	reserved uint32
}

// tek is one generation of a `sa ipsec`.
type tek struct {
	policy.TEK
	aclName    string
	superseded bool
	end        time.Time // not after Expires: shortened by a change of policy
}

// rekeyable tells whether a configuration allows rekeys at all.
func rekeyable(c Group) bool {
	return c.Rekey.Signer != nil && (c.Rekey.Unicast || c.Rekey.Multicast.IsValid())
}

// start makes the first keys of a group that has become complete.
func (m *Machine) start(now time.Time, g *group) {
	if m.resume(now, g) {
		return
	}
	g.live, g.started, g.force, g.announced = true, true, g.cfg, g.cfg
	m.makeKeys(now, g)
}

// stop forgets keys and everything under way; members stay until dropped.
func (m *Machine) stop(g *group) {
	if g.kek != nil {
		delete(m.byKEK, g.kek.SPI)
	}
	for _, k := range g.retired {
		delete(m.byKEK, k.SPI)
	}
	if g.pending != nil {
		delete(m.signing, g.pending.job)
	}
	m.pulls.forget(g)
	g.live, g.kek, g.under, g.retired, g.teks, g.flights, g.pending, g.again = false, nil, nil, nil, nil, nil, nil, nil
	g.epoch++
}

// newKEK makes the KEK that the policy in force asks for and retires the one
// there was: members may still acknowledge rekeys under it.
func (m *Machine) newKEK(now time.Time, g *group) {
	if g.kek != nil {
		g.retired = append(g.retired, g.kek)
	}
	r := g.force.Rekey
	k := &kek{
		KEK: policy.KEK{
			Cipher:    r.Cipher,
			IV:        secret.New(m.env.Bytes(r.Cipher.BlockLen())),
			Key:       secret.New(m.env.Bytes(r.Cipher.KeyLen())),
			SigHash:   r.SigHash,
			SigKey:    r.SPKI,
			Created:   now,
			Lifetime:  r.Lifetime,
			AckWanted: r.Unicast,
		},
		signer: r.Signer,
		rekey:  r,
	}
	for k.SPI == [16]byte{} || m.byKEK[k.SPI] != nil {
		k.SPI = [16]byte(m.env.Bytes(16))
	}
	m.byKEK[k.SPI] = g
	g.kek, g.under = k, nil
}

// newTEK makes the next generation of a `sa ipsec`.
func (m *Machine) newTEK(now time.Time, sa SA, receiveOnly bool) *tek {
	cipherKey, authKey := sa.Transform.Keys()
	t := &tek{
		TEK: policy.TEK{
			SA:          sa.Number,
			Transform:   sa.Transform,
			CipherKey:   secret.New(m.env.Bytes(cipherKey)),
			AuthKey:     secret.New(m.env.Bytes(authKey)),
			Created:     now,
			Lifetime:    sa.Lifetime,
			Transport:   sa.Transport,
			Replay:      sa.Replay,
			ACEs:        sa.ACEs,
			ReceiveOnly: receiveOnly,
		},
		aclName: sa.ACLName,
		end:     now.Add(sa.Lifetime),
	}
	// SPIs up to 255 are reserved (RFC 4303 section 2.1); one SPI in two
	// groups would confuse a member of both.
	for t.SPI < 256 || m.knownSPI(t.SPI) {
		t.SPI = m.env.Uint32()
	}
	return t
}

func (m *Machine) knownSPI(spi uint32) bool {
	return slices.ContainsFunc(m.groups, func(g *group) bool {
		return slices.ContainsFunc(g.teks, func(t *tek) bool { return t.SPI == spi })
	})
}

// expire drops what has ended.
func (m *Machine) expire(now time.Time, g *group) {
	g.teks = slices.DeleteFunc(g.teks, func(t *tek) bool { return t.superseded && !now.Before(t.end) })
	g.retired = slices.DeleteFunc(g.retired, func(k *kek) bool {
		if now.Before(k.Expires()) {
			return false
		}
		delete(m.byKEK, k.SPI)
		return true
	})
}

// current is the generation of a `sa ipsec` that members encrypt with; nil if
// there is none.
func (g *group) current(number int) *tek {
	for _, t := range g.teks {
		if t.SA == number && !t.superseded {
			return t
		}
	}
	return nil
}

// maxOlder bounds the older generations of a `sa ipsec` that a new member gets.
// A member that missed a rekey encrypts under its TEK until that ends, so all
// that live are wanted; but a key server that is told to rekey in a loop keeps
// more than a message holds.
const maxOlder = 32

// offers tells whether a generation is among those a new member gets.
func (g *group) offers(t *tek) bool {
	newer := 0
	for _, x := range g.teks { // newest first
		if x == t {
			break
		}
		if x.SA == t.SA {
			newer++
		}
	}
	return newer <= maxOlder
}

// wirePolicy is a generation as members are told of it: it ends when it ends.
func (t *tek) wirePolicy() policy.TEK {
	p := t.TEK
	p.Lifetime = t.end.Sub(t.Created)
	return p
}

// server is where the group answers and sends its rekeys from.
func (g *group) server() netip.AddrPort { return netip.AddrPortFrom(g.cfg.Address, g.cfg.Port) }

// destination is where the rekeys under a KEK go; unspecified: to each member.
func (k *kek) destination(port uint16) netip.AddrPort {
	if k.rekey.Unicast {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port)
	}
	return k.rekey.Multicast
}

// policyDiffers compares what two configurations tell the members: of the
// traffic, and of the rekeys.
func policyDiffers(a, b Group) (traffic, rekeys bool) {
	traffic = a.ReceiveOnly != b.ReceiveOnly || !slices.EqualFunc(a.SAs, b.SAs, sameSA) ||
		(counterMode(a) || counterMode(b)) && mediumByDefault(a.Size) != mediumByDefault(b.Size)
	x, y := a.Rekey, b.Rekey
	rekeys = rekeyable(a) != rekeyable(b) || x.Cipher != y.Cipher || x.SigHash != y.SigHash || x.Unicast != y.Unicast ||
		!x.Unicast && x.Multicast != y.Multicast || x.Lifetime != y.Lifetime || !bytes.Equal(x.SPKI, y.SPKI)
	return traffic, rekeys
}

// sameSA tells whether two SAs mean the same on the wire; names do not count.
func sameSA(a, b SA) bool {
	return a.Number == b.Number && a.Transform == b.Transform && a.Lifetime == b.Lifetime &&
		a.Transport == b.Transport && a.Replay == b.Replay && slices.Equal(a.ACEs, b.ACEs)
}

// changed tells whether the next rekey brings another policy.
func (g *group) changed() bool {
	if !g.live || g.refuse != "" {
		return false
	}
	traffic, rekeys := policyDiffers(g.force, g.cfg)
	return traffic || rekeys && g.kek != nil || g.revoking
}
