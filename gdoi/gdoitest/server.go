package gdoitest

import (
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/keyserver"
	"coterie/internal/env"
)

// Server is a key server whose store never fails. Functions that are nil are
// not called.
type Server struct {
	ISAKMP *isakmp.Machine
	GDOI   *keyserver.Machine
	Outlets

	Store func(o keyserver.Persist)
	Plain func(now time.Time, o keyserver.PlainPush)
}

// Boot makes the machines anew.
func (s *Server) Boot(now time.Time, e env.Env, phase1 isakmp.Config, cfg keyserver.Config) {
	s.ISAKMP, s.GDOI = isakmp.New(e), keyserver.New(e)
	s.ISAKMP.Step(now, isakmp.Configure{Config: phase1})
	s.Step(now, keyserver.Configure{Config: cfg})
}

// Next is when Tick is to be called, zero for never.
func (s *Server) Next() time.Time { return sooner(s.ISAKMP.Next(), s.GDOI.Next()) }

// Tick tells both machines the time.
func (s *Server) Tick(now time.Time) {
	s.ISAKMP.Step(now, isakmp.Tick{})
	s.Step(now, keyserver.Tick{})
}

// Receive takes a datagram.
func (s *Server) Receive(now time.Time, local, remote netip.AddrPort, data []byte) {
	if len(data) >= isakmp.HeaderLen && data[18] == isakmp.ExchangePushAck {
		s.GDOI.Step(now, keyserver.Ack{Local: local, Remote: remote, Data: data})
	} else {
		s.ISAKMP.Step(now, isakmp.Datagram{Local: local, Remote: remote, Data: data})
	}
	s.drain(now)
}

// Step gives the key server an input and does what follows.
func (s *Server) Step(now time.Time, in keyserver.Input) {
	s.GDOI.Step(now, in)
	s.drain(now)
}

func (s *Server) drain(now time.Time) { drain(now, s.ISAKMP, s.fromISAKMP, s.GDOI, s.fromGDOI) }

func (s *Server) fromISAKMP(now time.Time, o isakmp.Output) {
	switch o := o.(type) {
	case isakmp.Send:
		s.send(o.Local, o.Remote, o.Data)
	case isakmp.Compute:
		s.ISAKMP.Step(now, isakmp.Done{JobDone: env.JobDone{ID: o.ID, Result: o.Do()}})
	case isakmp.Phase2:
		s.received(now, o)
		s.GDOI.Step(now, keyserver.Phase2{Phase2: o})
	case isakmp.Notified:
		s.GDOI.Step(now, keyserver.Notified{Notified: o})
	case isakmp.Log:
		s.log(now, o.Message)
	}
}

func (s *Server) fromGDOI(now time.Time, o keyserver.Output) {
	switch o := o.(type) {
	case keyserver.Send:
		s.send(o.Local, o.Remote, o.Data)
	case keyserver.ToISAKMP:
		s.ISAKMP.Step(now, s.sends(o.Input))
	case keyserver.Compute:
		s.GDOI.Step(now, keyserver.Done{JobDone: env.JobDone{ID: o.ID, Result: o.Do()}})
	case keyserver.Persist:
		if s.Store != nil {
			s.Store(o)
		}
		s.GDOI.Step(now, keyserver.Persisted{Number: o.Number})
	case keyserver.PlainPush:
		if s.Plain != nil {
			s.Plain(now, o)
		}
	case keyserver.Log:
		s.log(now, o.Message)
	}
}
