// Package gdoitest drives the machines of a group member and of a key server
// for tests: outputs of one are inputs of the other, Diffie-Hellman and
// signatures are made at once, and what leaves goes to functions of the test.
package gdoitest

import (
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/internal/syslog"
)

// Between stands between isakmp and the machine of GDOI: it sees phase 2 in
// clear text, and may change what is sent.
type Between interface {
	Up(sa isakmp.SA) // of a member only
	Received(now time.Time, in isakmp.Phase2)
	Sends(in isakmp.Input) isakmp.Input
}

// Outlets are where a member and a key server let things out.
type Outlets struct {
	Between Between
	Send    func(local, remote netip.AddrPort, data []byte)
	Log     func(now time.Time, m syslog.Message)
}

func (o *Outlets) received(now time.Time, in isakmp.Phase2) {
	if o.Between != nil {
		o.Between.Received(now, in)
	}
}

func (o *Outlets) sends(in isakmp.Input) isakmp.Input {
	if o.Between != nil {
		in = o.Between.Sends(in)
	}
	return in
}

func (o *Outlets) send(local, remote netip.AddrPort, data []byte) {
	if o.Send != nil {
		o.Send(local, remote, data)
	}
}

func (o *Outlets) log(now time.Time, m syslog.Message) {
	if o.Log != nil {
		o.Log(now, m)
	}
}

// drain performs the outputs of isakmp and of a machine of GDOI until there are
// none.
func drain[O any](now time.Time, i *isakmp.Machine, fromISAKMP func(time.Time, isakmp.Output), g interface{ Drain() []O }, fromGDOI func(time.Time, O)) {
	for busy := true; busy; {
		busy = false
		for _, o := range i.Drain() {
			busy = true
			fromISAKMP(now, o)
		}
		for _, o := range g.Drain() {
			busy = true
			fromGDOI(now, o)
		}
	}
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
