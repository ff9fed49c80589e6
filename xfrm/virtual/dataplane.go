// Package virtual is the data plane of the lab: a netdev.Tap between an
// interface and its wire that does what a crypto map with GET VPN groups does
// in a router. It encrypts what the downloaded policy permits, keeps ciphertext
// and clear text apart on the way in, and counts as `show crypto gdoi gm
// dataplane counters` does. The packets are real ESP; only the wire is not.
//
// The control goroutine installs interfaces and groups; packets are handled on
// any number of goroutines, each against one immutable table that is replaced
// as a whole.
package virtual

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"coterie/crypto/suite"
	"coterie/internal/env"
	"coterie/netdev"
	"coterie/xfrm"
	"coterie/xfrm/esp"
)

var (
	_ xfrm.Dataplane      = (*Dataplane)(nil)
	_ xfrm.CounterClearer = (*Dataplane)(nil)
	_ netdev.Tap          = (*Dataplane)(nil)
)

// ErrDuplicateSPI says that a group came with one SPI for two keys.
var ErrDuplicateSPI = errors.New("one spi with two keys")

// A Dataplane is one device's. Every method is safe for concurrent use.
type Dataplane struct {
	clock   *env.Clock
	rand    io.Reader
	keyLog  KeyLog
	current atomic.Pointer[table]
	reports *reporter
	parts   reassembler // ESP that was cut on the way
	exempt  exemptions  // UDP 848 that was cut
	low     uint64      // numbers left when NumbersLow is reported

	mu         sync.Mutex // of what follows: what is installed
	interfaces map[string]xfrm.InterfacePolicy
	members    map[xfrm.GroupKey]*member
	// sequences outlive the SAs they number: a key that is installed again
	// goes on where it stopped.
	sequences map[keyID]*numbering
}

// A member is a group as installed, or one that only a crypto map names yet.
type member struct {
	installed bool
	group     *group
	counters  *counters
}

// keyID tells keys apart without holding them. A counter mode's numbers belong
// to the key alone, whatever the SPI.
type keyID struct {
	spi       uint32
	transform suite.Transform
	digest    [sha256.Size]byte
}

// keyMemory is how much longer than its life a key's numbers are remembered: a key
// server may be slower to forget it than we are.
const keyMemory = 24 * time.Hour

type numbering struct {
	sequence *esp.Sequence
	until    time.Time // end of the key's life, zero = unknown
}

// A KeyLog is told the keys of each new SA, for the captures of a lab. The
// algorithms have the names of Wireshark's ESP SA table; a counter mode's key
// ends with its salt.
type KeyLog func(spi uint32, cipher string, key []byte, auth string, authKey []byte)

// An Option adjusts a new Dataplane.
type Option func(*Dataplane)

// WithKeyLog hands the keys of every new SA to log, once.
func WithKeyLog(log KeyLog) Option { return func(d *Dataplane) { d.keyLog = log } }

// New returns a data plane without interfaces or groups: everything passes.
// Lifetimes run on clock; rand seeds the initialization vectors of each SA.
func New(clock *env.Clock, rand io.Reader, options ...Option) *Dataplane {
	d := &Dataplane{
		clock: clock, rand: rand, reports: newReporter(), low: esp.LowNumbers,
		interfaces: map[string]xfrm.InterfacePolicy{},
		members:    map[xfrm.GroupKey]*member{},
		sequences:  map[keyID]*numbering{},
	}
	for _, o := range options {
		o(d)
	}
	d.current.Store(new(table))
	return d
}

// SetInterface implements xfrm.Dataplane.
func (d *Dataplane) SetInterface(p xfrm.InterfacePolicy) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(p.Entries) == 0 {
		delete(d.interfaces, p.Interface)
	} else {
		p = cloneInterface(p)
		slices.SortStableFunc(p.Entries, func(a, b xfrm.MapEntry) int { return cmp.Compare(a.Sequence, b.Sequence) })
		d.interfaces[p.Interface] = p
	}
	d.commit()
	return nil
}

// SetGroup implements xfrm.Dataplane. On an error nothing has changed: a
// transform or time-based anti-replay that ESP does not have, keys of the wrong
// length, one SPI with two keys. A permit whose SPI is not among the SAs is accepted; what it matches is
// dropped and counted until an SA comes.
func (d *Dataplane) SetGroup(g xfrm.Group) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.members[g.Key]
	if m == nil {
		m = newMember(g.Key)
	}
	next := &group{
		key: g.Key, installed: true, direction: g.Direction, counters: m.counters, clock: g.Clock,
		bySPI: make(map[uint32]*association, len(g.SAs)),
	}
	var specs []xfrm.SA // of next.associations
	fresh := map[keyID]*numbering{}
	for _, spec := range g.SAs {
		id := identify(spec)
		if a := next.bySPI[spec.SPI]; a != nil {
			if a.id != id {
				return fmt.Errorf("group %s: spi %#x: %w", g.Key.Name, spec.SPI, ErrDuplicateSPI)
			}
			continue
		}
		if err := esp.CheckReplay(spec.TBAR, spec.Window); err != nil {
			return fmt.Errorf("group %s: spi %#x: %w", g.Key.Name, spec.SPI, err)
		}
		a := &association{id: id, spi: spec.SPI, transform: spec.Transform, transport: spec.Transport, expires: spec.Expires, tbar: spec.TBAR, window: spec.Window}
		if old := m.group.bySPI[spec.SPI]; old != nil && old.id == id && old.transport == spec.Transport {
			a.sa = old.sa
		} else {
			n := cmp.Or(d.sequences[id], fresh[id])
			if n == nil {
				n = &numbering{sequence: new(esp.Sequence)}
				fresh[id] = n
			}
			var err error
			if a.sa, err = esp.New(spec, n.sequence, d.rand); err != nil {
				return fmt.Errorf("group %s: %w", g.Key.Name, err)
			}
		}
		specs = append(specs, spec)
		next.associations = append(next.associations, a)
		next.bySPI[spec.SPI] = a
	}

	// Nothing can fail any more.
	for i, a := range next.associations {
		a.sa.SetSender(specs[i].SenderID, specs[i].SIDBits)
		a.sa.SetReplay(specs[i].TBAR, specs[i].Window) // checked above
		if n := fresh[a.id]; n != nil && d.sequences[a.id] == nil {
			d.sequences[a.id] = n
			if d.keyLog != nil {
				logKeys(d.keyLog, specs[i])
			}
		}
		d.sequences[a.id].until = a.expires
	}
	next.setPolicies(g.Policies, m.group)
	m.group, m.installed = next, true
	d.members[g.Key] = m
	d.commit()
	return nil
}

// RemoveGroup implements xfrm.Dataplane. The counters stay for as long as a
// crypto map names the group.
func (d *Dataplane) RemoveGroup(k xfrm.GroupKey) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.members[k]; m != nil {
		m.installed = false
		m.group = emptyGroup(k, m.counters)
		d.commit()
	}
	return nil
}

// Events implements xfrm.Dataplane.
func (d *Dataplane) Events() <-chan xfrm.Event { return d.reports.events }

// Close ends Events. Packets are still handled.
func (d *Dataplane) Close() error {
	d.reports.close()
	return nil
}

func newMember(k xfrm.GroupKey) *member {
	c := new(counters)
	return &member{group: emptyGroup(k, c), counters: c}
}

// commit publishes a new table of what is installed, and forgets what nothing
// refers to any more.
func (d *Dataplane) commit() {
	t := &table{interfaces: make(map[string]*attachment, len(d.interfaces))}
	named := map[xfrm.GroupKey]bool{}
	for name, p := range d.interfaces {
		for _, e := range p.Entries {
			named[e.Group] = true
			if d.members[e.Group] == nil {
				d.members[e.Group] = newMember(e.Group)
			}
		}
		t.interfaces[name] = attach(p, d.members)
	}
	inUse := map[keyID]bool{}
	for k, m := range d.members {
		if !m.installed && !named[k] {
			delete(d.members, k)
			continue
		}
		for _, a := range m.group.associations {
			inUse[a.id] = true
		}
	}
	now := d.clock.Now()
	maps.DeleteFunc(d.sequences, func(id keyID, n *numbering) bool {
		return !inUse[id] && !n.until.IsZero() && now.After(n.until.Add(keyMemory))
	})
	d.current.Store(t)
}

func identify(s xfrm.SA) keyID {
	h := sha256.New()
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(s.CipherKey.Len()))
	h.Write(length[:])
	h.Write(s.CipherKey.Reveal())
	h.Write(s.AuthKey.Reveal())
	id := keyID{spi: s.SPI, transform: s.Transform}
	if s.Transform.CounterMode() {
		id.spi = 0
	}
	h.Sum(id.digest[:0])
	return id
}
