package appliance

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// dataEvent logs one incident of the data plane and tells it to the members
// that it may concern.
func (a *Appliance) dataEvent(e xfrm.Event) {
	switch e.Kind {
	case xfrm.ClearReceived:
		a.log.add(syslog.RecvdPktNotIPSec.With(e.Dst, e.Src, e.Protocol))
	case xfrm.LocalPermit:
		a.log.add(syslog.GMACLPermit.With(e.Src, e.Dst))
	case xfrm.InvalidSPI:
		a.log.add(syslog.RecvdPktInvSPI.With(e.Dst, e.SPI, e.SPI, e.Src, e.Interface))
		a.ctl.post(func(now time.Time) {
			a.ctl.dataError(now, e)
			a.ctl.invalidSPI(now, e)
		})
	case xfrm.NumbersLow:
		a.ctl.post(func(now time.Time) { a.ctl.dataError(now, e) })
	case xfrm.ReplayFailed:
		a.log.add(syslog.TimebasedReplay.With(e.Group.Name, e.Src, pseudoSeconds(e.Own), pseudoSeconds(e.Peer), int(e.Window.Seconds())))
		a.ctl.post(func(now time.Time) { a.ctl.dataError(now, e) })
	}
}

// dataError reaches the member whose key it concerns, and where that cannot be
// told, all whose map the interface carries.
func (c *control) dataError(now time.Time, e xfrm.Event) {
	for _, cfg := range c.desired.Members {
		if e.Group != (xfrm.GroupKey{}) && cfg.Key != e.Group || !slices.Contains(cfg.Interfaces, e.Interface) {
			continue
		}
		for _, m := range c.members {
			if m.key == cfg.Key {
				m.machine.Step(now, member.DataError{Event: e})
			}
		}
	}
}

// invalidSPI lets the peer know that its SA is not here. ESP of the group has the
// addresses of the hosts inside; only what came to an address that IKE listens
// on was sent by a peer of ours.
func (c *control) invalidSPI(now time.Time, e xfrm.Event) {
	vrf, ok := c.vrfOf(e.Interface)
	if !ok || c.sockets[Socket{vrf, e.Dst}] == nil {
		return
	}
	c.isakmp.Step(now, isakmp.InvalidSPI{
		VRF: vrf, Local: netip.AddrPortFrom(e.Dst, Port), Remote: netip.AddrPortFrom(e.Src, Port), SPI: e.SPI,
	})
}

// vrfOf is the table that an interface belongs to.
func (c *control) vrfOf(name string) (vrf string, ok bool) {
	for _, i := range c.desired.Interfaces {
		if i.Name == name {
			return i.VRF, true
		}
	}
	return "", false
}

// pseudoSeconds is a pseudotime as the log has it.
func pseudoSeconds(t xfrm.Pseudotime) string { return fmt.Sprintf("%d.%02d", t/1000, t%1000/10) }
