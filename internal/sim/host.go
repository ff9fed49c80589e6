package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Host is what the network lends to one node.
type Host struct {
	Name string
	// Rand yields the node's private values, from the network's seed, the
	// node's name and how often it has booted.
	Rand io.Reader

	net        *Network
	node       Node
	addrs      []netip.Addr
	disk       map[string][]byte
	joined     map[netip.Addr]bool
	crashed    bool
	boots      uint64
	wakeAt     time.Time
	generation uint64
}

// Address is the host's first address.
func (h *Host) Address() netip.Addr { return h.addrs[0] }

// Now is the virtual time.
func (h *Host) Now() time.Time { return h.net.now }

// Send puts a datagram on the wire. A crashed host sends nothing.
func (h *Host) Send(d Datagram) {
	if !h.crashed {
		h.net.send(h, d)
	}
}

// Join and Leave say which multicast groups the host listens to.
func (h *Host) Join(group netip.Addr) { h.joined[group] = true }

// Leave ends Join.
func (h *Host) Leave(group netip.Addr) { delete(h.joined, group) }

// Store keeps a value across crashes; Load returns it.
func (h *Host) Store(key string, value []byte) { h.disk[key] = append([]byte(nil), value...) }

// Load returns what Store kept; nil if nothing.
func (h *Host) Load(key string) []byte { return h.disk[key] }

// Logf writes a note into the trace.
func (h *Host) Logf(format string, args ...any) {
	h.net.note(Event{Kind: Note, From: h.Name, Text: fmt.Sprintf(format, args...)})
}

// Poke runs f as something that happens to the node now, an operator's
// command for example, and then asks the node when it wants to be woken.
func (h *Host) Poke(f func(now time.Time)) {
	if h.crashed {
		return
	}
	f(h.net.now)
	h.settle()
}

// Crash stops the host at once: its memory and everything under way to it
// are lost. Restart boots it again.
func (h *Host) Crash() {
	h.crashed = true
	h.generation++
	h.wakeAt = time.Time{}
	clear(h.joined)
	h.net.note(Event{Kind: Note, From: h.Name, Text: "crash"})
}

// Restart boots a crashed host.
func (h *Host) Restart() {
	h.net.note(Event{Kind: Note, From: h.Name, Text: "boot"})
	h.boot()
}

// Crashed tells whether the host is down.
func (h *Host) Crashed() bool { return h.crashed }

func (h *Host) boot() {
	h.crashed = false
	h.boots++
	var seed [16]byte
	binary.BigEndian.PutUint64(seed[:], h.net.seed)
	binary.BigEndian.PutUint64(seed[8:], h.boots)
	h.Rand = rand.NewChaCha8(sha256.Sum256(append(seed[:], h.Name...)))
	h.node.Boot(h.net.now, h)
	h.settle()
}

// settle schedules the node's next wake-up; an earlier one is forgotten.
func (h *Host) settle() {
	if h.crashed {
		return
	}
	next := h.node.Next()
	if next.Equal(h.wakeAt) {
		return
	}
	h.generation++
	h.wakeAt = next
	if !next.IsZero() {
		h.net.push(event{at: next, host: h, generation: h.generation})
	}
}
