package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
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

// The Operator of exec commands.
var _ modes.Operator = (*Appliance)(nil)

// errClosed is returned by a device that has been closed.
var errClosed = errors.New("the device is shut down")

// do runs f on the control goroutine.
func (a *Appliance) do(ctx context.Context, f func(now time.Time)) error {
	if !a.ctl.ask(ctx, f) {
		return cmpErr(ctx.Err(), errClosed)
	}
	return nil
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// Probe sends one ping or traceroute probe.
func (a *Appliance) Probe(ctx context.Context, p netdev.Probe) (netdev.ProbeResult, error) {
	return a.cfg.Stack.Probe(ctx, p)
}

// SourceAddress is the primary address of an interface by any legal spelling.
func (a *Appliance) SourceAddress(name string) (netip.Addr, bool) {
	canonical, _ := runningconfig.InterfaceName(name)
	for _, i := range a.cfg.Stack.Interfaces() {
		if i.Name == canonical && len(i.Addresses) > 0 && !i.Shutdown {
			return i.Addresses[0].Addr(), true
		}
	}
	return netip.Addr{}, false
}

// Rekey is `crypto gdoi ks rekey`.
func (a *Appliance) Rekey(ctx context.Context, group string, replaceNow bool) error {
	found := false
	err := a.do(ctx, func(now time.Time) {
		for _, g := range a.ctl.desired.KeyServer.Groups {
			found = found || group == "" || g.Name == group
		}
		if found {
			a.ctl.keyserver.Step(now, keyserver.RekeyNow{Group: group, ReplaceNow: replaceNow})
		}
	})
	switch {
	case err != nil:
		return err
	case !found && group != "":
		return fmt.Errorf("%% Key server is not configured for group %s", group)
	case !found:
		return errors.New("% No group is served by this key server")
	}
	return nil
}

// ClearGDOI is `clear crypto gdoi [group G]`: policy and keys of members and
// key server alike are dropped, and members register again.
func (a *Appliance) ClearGDOI(ctx context.Context, group string) error {
	return a.do(ctx, func(now time.Time) {
		a.ctl.keyserver.Step(now, keyserver.Clear{Group: group})
		for _, m := range a.ctl.members {
			if group == "" || m.key.Name == group {
				m.machine.Step(now, member.Clear{})
			}
		}
	})
}

// ClearISAKMP is `clear crypto isakmp [conn-id]`.
func (a *Appliance) ClearISAKMP(ctx context.Context, id uint32) error {
	return a.do(ctx, func(now time.Time) {
		a.ctl.isakmp.Step(now, isakmp.Clear{SA: isakmp.SAID(id), All: id == 0})
	})
}

// ClearSA is `clear crypto sa`: members lose their SAs and register again.
func (a *Appliance) ClearSA(ctx context.Context) error {
	return a.do(ctx, func(now time.Time) {
		for _, m := range a.ctl.members {
			m.machine.Step(now, member.Clear{})
		}
	})
}

// ClearCounters is `clear counters [interface]`; without an interface the
// counters of the data plane start again too.
func (a *Appliance) ClearCounters(_ context.Context, iface string) error {
	if c, ok := a.cfg.Stack.(interface{ ClearCounters(string) }); ok {
		c.ClearCounters(iface)
	}
	if c, ok := a.cfg.Dataplane.(xfrm.CounterClearer); ok && iface == "" {
		c.ClearCounters()
	}
	return nil
}

// ClearLogging empties the logging buffer.
func (a *Appliance) ClearLogging() { a.log.clear() }

// SetDirection is `crypto gdoi gm group G ipsec direction`; G is a name or an
// identity number.
func (a *Appliance) SetDirection(ctx context.Context, group string, d xfrm.Direction) error {
	found := false
	err := a.do(ctx, func(now time.Time) {
		for i, m := range a.ctl.members {
			cfg := a.ctl.desired.Members[i]
			if m.key.Name == group || fmt.Sprint(cfg.ID.Number) == group {
				found = true
				m.machine.Step(now, member.Direction{Override: &d})
			}
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("%% Group %s is not a member here", group)
	}
	return err
}

// GenerateRSA makes a key pair of 1024 to 4096 bits.
func (a *Appliance) GenerateRSA(ctx context.Context, label string, bits int, exportable, replace bool) error {
	if _, ok := a.keys.pair(label); ok && !replace {
		return modes.ErrKeyExists
	}
	key, err := keys.Generate(bits)
	if err != nil {
		return err
	}
	pair := keys.Pair{Label: label, Private: key, Exportable: exportable, Generated: a.Now()}
	if err := a.keys.change(func(m map[string]keys.Pair) { m[label] = pair }); err != nil {
		return err
	}
	a.dirty.Store(true)
	a.reconcile(ctx)
	return nil
}

// ZeroizeRSA deletes one pair, or all.
func (a *Appliance) ZeroizeRSA(ctx context.Context, label string) error {
	err := a.keys.change(func(m map[string]keys.Pair) {
		for name, pair := range m {
			if pair.Private != nil && (label == "" || label == name) {
				delete(m, name)
			}
		}
	})
	if err != nil {
		return err
	}
	a.dirty.Store(true)
	a.reconcile(ctx)
	return nil
}

// WriteStartup saves the running configuration.
func (a *Appliance) WriteStartup(context.Context) error {
	saved := a.Config()
	text, err := a.running()
	if err != nil {
		return err
	}
	if err := a.WriteFile(modes.StartupConfig, text); err != nil {
		return err
	}
	a.life.mu.Lock()
	a.life.saved = saved
	a.life.mu.Unlock()
	if c := saved.Archive; c != nil && c.WriteMemory && c.Path != "" {
		if _, err := a.ArchiveConfig(); err != nil {
			a.log.add(syslog.ArchiveFailed.With(err)) // what was asked for is done
		}
	}
	return nil
}

// EraseStartup deletes startup-config.
func (a *Appliance) EraseStartup(context.Context) error {
	if err := a.cfg.Files.Remove(startupFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// MergeConfig applies configuration text as a paste would.
func (a *Appliance) MergeConfig(ctx context.Context, text string) error {
	errs := a.load(ctx, text)
	a.reconcile(ctx)
	if len(errs) > 0 {
		return fmt.Errorf("%% %d lines were not accepted; first: line %d: %s", len(errs), errs[0].Number, modes.Redact(errs[0].Text))
	}
	return nil
}

// Debug switches levels of topics on or off.
func (a *Appliance) Debug(t syslog.Topic, levels syslog.Level, on bool) { a.log.debug(t, levels, on) }
