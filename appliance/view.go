package appliance

import (
	"cmp"
	"context"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	"coterie/modes"
	"coterie/netdev"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// The View of show commands: snapshots taken between two steps of the control
// goroutine. A closed device shows empty ones.
var _ modes.View = (*Appliance)(nil)

// Hostname is the configured host name, or the name the device was made with.
func (a *Appliance) Hostname() string {
	name := a.cfg.Name
	a.store.View(func(c *runningconfig.Config) { name = cmp.Or(c.Hostname, name) })
	return name
}

// Now is the device's clock.
func (a *Appliance) Now() time.Time { return a.cfg.Clock.Now() }

// Booted is when the device was made.
func (a *Appliance) Booted() time.Time { return a.booted }

// Config is the running configuration; it is shared and must not be changed.
func (a *Appliance) Config() *runningconfig.Config {
	c, _ := a.store.Snapshot()
	return c
}

// Startup is the text of startup-config.
func (a *Appliance) Startup() (string, bool) {
	b, err := a.cfg.Files.Read(startupFile)
	return string(b), err == nil
}

// ISAKMP is a snapshot of phase 1.
func (a *Appliance) ISAKMP() (s isakmp.Snapshot) {
	a.ctl.ask(context.Background(), func(now time.Time) { s = a.ctl.isakmp.Snapshot(now) })
	return s
}

// KeyServer is a snapshot of the groups served here.
func (a *Appliance) KeyServer() (s keyserver.Snapshot) {
	a.ctl.ask(context.Background(), func(now time.Time) { s = a.ctl.keyserver.Snapshot(now) })
	return s
}

// Members are snapshots of the members here, sorted by key.
func (a *Appliance) Members() (out []member.Snapshot) {
	a.ctl.ask(context.Background(), func(now time.Time) {
		for _, m := range a.ctl.members {
			out = append(out, m.machine.Snapshot(now))
		}
	})
	return out
}

// Dataplane is a snapshot of the data plane.
func (a *Appliance) Dataplane() xfrm.Snapshot { return a.cfg.Dataplane.Snapshot() }

// Interfaces and Routes are those of the stack.
func (a *Appliance) Interfaces() []netdev.Interface { return a.cfg.Stack.Interfaces() }

// Routes is the routing table.
func (a *Appliance) Routes() []netdev.Route { return a.cfg.Stack.Routes() }

// RSAKeys are the key pairs without their private halves, sorted by label.
func (a *Appliance) RSAKeys() (out []keys.Public) {
	for _, p := range a.keys.list() {
		if p.Private != nil {
			out = append(out, p.Public())
		}
	}
	return out
}

// Log is the logging buffer.
func (a *Appliance) Log() modes.LogSnapshot { return a.log.snapshot() }

// Debugging is what `debug` has switched on.
func (a *Appliance) Debugging() syslog.Filter { return a.log.debugging() }

// Version is the program's.
func (a *Appliance) Version() modes.Version { return a.cfg.Version }
