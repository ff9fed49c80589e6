package appliance

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/xfrm"
)

// reconcile compiles the present configuration and makes the engines so. It
// touches only what differs from the last time.
func (a *Appliance) reconcile(ctx context.Context) {
	a.reconciling.Lock()
	defer a.reconciling.Unlock()
	if !a.dirty.Swap(false) {
		return
	}
	tree, _ := a.store.Snapshot()
	a.relevel(tree)
	want := compile(a.unsealed(tree), a.cfg.Name, a.key)
	a.compileTrustpoints(tree, want)
	if k := a.cfg.KeyLog; k != nil {
		want.ISAKMP.KeyLog, want.KeyServer.KeyLog = true, true
	}
	a.note(want.Notes)
	a.log.configure(tree)
	a.setArchive(tree)
	if !a.ctl.ask(ctx, func(now time.Time) { a.ctl.apply(now, want) }) {
		a.dirty.Store(true) // the session gave up waiting; the next one tries again
	}
	a.watchLines()
	a.watchCertificates(tree)
	a.changes.tell()
}

// note logs what has become true since the last time.
func (a *Appliance) note(notes []syslog.Message) {
	holds := make(map[string]bool, len(notes))
	for _, n := range notes {
		text := n.Text()
		if !holds[text] && !a.noted[text] {
			a.log.add(n)
		}
		holds[text] = true
	}
	a.mu.Lock()
	a.noted = holds
	a.mu.Unlock()
}

// apply runs on the control goroutine and is the only writer to the engines.
func (c *control) apply(now time.Time, want *Desired) {
	have := c.desired
	c.desired = want
	// A crypto map is there before its interface comes up, and goes after it went
	// down: in between packets would pass in the clear.
	c.attach(have.Policies, want.Policies)
	c.interfaces(have.Interfaces, want.Interfaces)
	if !reflect.DeepEqual(have.Routes, want.Routes) {
		if err := c.a.cfg.Stack.SetRoutes(want.Routes); err != nil {
			c.a.log.add(syslog.HostRefused.With("static routes", err))
		}
	}
	c.listen(want.Listen)
	if !reflect.DeepEqual(have.ISAKMP, want.ISAKMP) {
		c.isakmp.Step(now, isakmp.Configure{Config: want.ISAKMP})
	}
	if !reflect.DeepEqual(have.KeyServer, want.KeyServer) {
		c.keyserver.Step(now, keyserver.Configure{Config: want.KeyServer})
	}
	c.detach(have.Policies, want.Policies)
	c.reconcileMembers(now, have.Members, want.Members)
	switch {
	case len(have.Policies) == 0 && len(want.Policies) > 0:
		c.a.log.add(syslog.GDOIOnOff.With("ON"))
	case len(have.Policies) > 0 && len(want.Policies) == 0:
		c.a.log.add(syslog.GDOIOnOff.With("OFF"))
	}
}

func (c *control) interfaces(have, want []netdev.InterfaceConfig) {
	for _, h := range have {
		if !slices.ContainsFunc(want, func(w netdev.InterfaceConfig) bool { return w.Name == h.Name }) {
			c.a.cfg.Stack.Remove(h.Name)
		}
	}
	for _, w := range want {
		i := slices.IndexFunc(have, func(h netdev.InterfaceConfig) bool { return h.Name == w.Name })
		if i >= 0 && reflect.DeepEqual(have[i], w) {
			continue
		}
		if err := c.a.cfg.Stack.Configure(w); errors.Is(err, netdev.ErrNoInterface) {
			c.a.log.add(syslog.UnknownIfc.With(w.Name))
		} else if err != nil {
			c.a.log.add(syslog.HostRefused.With(w.Name, err))
		}
	}
}

// attach installs the crypto maps that are new or have changed.
func (c *control) attach(have, want []xfrm.InterfacePolicy) {
	for _, w := range want {
		i := slices.IndexFunc(have, func(h xfrm.InterfacePolicy) bool { return h.Interface == w.Interface })
		if i < 0 || !reflect.DeepEqual(have[i], w) {
			c.setInterface(w)
		}
	}
}

// detach takes away the crypto maps that nothing wants any more.
func (c *control) detach(have, want []xfrm.InterfacePolicy) {
	for _, h := range have {
		if !slices.ContainsFunc(want, func(w xfrm.InterfacePolicy) bool { return w.Interface == h.Interface }) {
			c.a.cfg.Dataplane.SetInterface(xfrm.InterfacePolicy{Interface: h.Interface})
		}
	}
}

func (c *control) reconcileMembers(now time.Time, have, want []member.Config) {
	find := func(in []member.Config, k xfrm.GroupKey) int {
		return slices.IndexFunc(in, func(m member.Config) bool { return m.Key == k })
	}
	for _, m := range c.members {
		if find(want, m.key) < 0 {
			m.machine.Step(now, member.Stop{})
			c.a.log.add(syslog.GMCMDetach.With(m.key.Name))
			m.gone = true
		}
	}
	c.drain(now)
	for _, w := range want {
		if i := find(have, w.Key); i >= 0 {
			if !reflect.DeepEqual(have[i], w) {
				for _, m := range c.members {
					if m.key == w.Key {
						m.vrf = w.VRF
						m.machine.Step(now, member.Configure{Config: w})
					}
				}
			}
			continue
		}
		c.nextOwner++
		m := c.newMember(c.nextOwner, w.Key)
		m.vrf = w.VRF
		c.a.log.add(syslog.GMCMAttach.With(w.Key.Name))
		m.machine.Step(now, member.Configure{Config: w})
	}
}
