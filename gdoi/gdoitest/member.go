package gdoitest

import (
	"net/netip"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/member"
	"coterie/internal/env"
)

// Member is a group member. Functions that are nil are not called.
type Member struct {
	ISAKMP *isakmp.Machine
	GDOI   *member.Machine
	Outlets

	Install func(o member.Install)
	Remove  func()
	Failed  func(reason string) // of either phase
}

// Boot makes the machines anew.
func (g *Member) Boot(now time.Time, e env.Env, phase1 isakmp.Config, cfg member.Config) {
	g.ISAKMP, g.GDOI = isakmp.New(e), member.New(e)
	g.ISAKMP.Step(now, isakmp.Configure{Config: phase1})
	g.Step(now, member.Configure{Config: cfg})
}

// Next is when Tick is to be called, zero for never.
func (g *Member) Next() time.Time { return sooner(g.ISAKMP.Next(), g.GDOI.Next()) }

// Tick tells both machines the time.
func (g *Member) Tick(now time.Time) {
	g.ISAKMP.Step(now, isakmp.Tick{})
	g.Step(now, member.Tick{})
}

// Receive takes a datagram.
func (g *Member) Receive(now time.Time, local, remote netip.AddrPort, data []byte) {
	if len(data) < isakmp.HeaderLen || data[18] != isakmp.ExchangePush {
		g.ISAKMP.Step(now, isakmp.Datagram{Local: local, Remote: remote, Data: data})
	} else if slices.Contains(g.GDOI.KEKSPIs(), [16]byte(data)) {
		g.GDOI.Step(now, member.Push{Local: local, Remote: remote, Data: data})
	}
	g.drain(now)
}

// Step gives the member an input and does what follows.
func (g *Member) Step(now time.Time, in member.Input) {
	g.GDOI.Step(now, in)
	g.drain(now)
}

func (g *Member) drain(now time.Time) { drain(now, g.ISAKMP, g.fromISAKMP, g.GDOI, g.fromGDOI) }

func (g *Member) fromISAKMP(now time.Time, o isakmp.Output) {
	switch o := o.(type) {
	case isakmp.Send:
		g.send(o.Local, o.Remote, o.Data)
	case isakmp.Compute:
		g.ISAKMP.Step(now, isakmp.Done{JobDone: env.JobDone{ID: o.ID, Result: o.Do()}})
	case isakmp.PhaseOneUp:
		if g.Between != nil {
			g.Between.Up(o.SA)
		}
		g.GDOI.Step(now, member.PhaseOneUp{PhaseOneUp: o})
	case isakmp.PhaseOneFailed:
		g.failed(o.Reason)
		g.GDOI.Step(now, member.PhaseOneFailed{PhaseOneFailed: o})
	case isakmp.Phase2:
		g.received(now, o)
		g.GDOI.Step(now, member.Phase2{Phase2: o})
	case isakmp.Phase2Failed:
		g.failed(o.Reason)
		g.GDOI.Step(now, member.Phase2Failed{Phase2Failed: o})
	case isakmp.Notified:
		g.GDOI.Step(now, member.Notified{Notified: o})
	case isakmp.Log:
		g.log(now, o.Message)
	}
}

func (g *Member) fromGDOI(now time.Time, o member.Output) {
	switch o := o.(type) {
	case member.ToISAKMP:
		g.ISAKMP.Step(now, g.sends(o.Input))
	case member.Install:
		if g.Install != nil {
			g.Install(o)
		}
		g.GDOI.Step(now, member.Installed{Number: o.Number})
	case member.Remove:
		if g.Remove != nil {
			g.Remove()
		}
	case member.Send:
		g.send(o.Local, o.Remote, o.Data)
	case member.Log:
		g.log(now, o.Message)
	}
}

func (g *Member) failed(reason string) {
	if g.Failed != nil {
		g.Failed(reason)
	}
}
