package appliance

import (
	"context"
	"fmt"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/modes"
	"coterie/xfrm"
)

// ClearKeyServer is `clear crypto gdoi [group G] ks ...`.
func (a *Appliance) ClearKeyServer(ctx context.Context, group string, what keyserver.ClearWhat) error {
	found, mute := false, ""
	err := a.do(ctx, func(now time.Time) {
		for _, g := range a.ctl.keyserver.Snapshot(now).Groups {
			if group == "" || g.Config.Name == group {
				found = true
				if !g.HasKEK {
					mute = g.Config.Name
				}
			}
		}
		if found {
			a.ctl.keyserver.Step(now, keyserver.Clear{Group: group, What: what})
		}
	})
	removal := what == keyserver.ClearMembers || what == keyserver.ClearMembersNow
	switch {
	case err != nil:
		return err
	case !found && group != "":
		return modes.Refusal(fmt.Sprintf("%% Key server is not configured for group %s", group))
	case !found:
		return modes.Refusal("% No group is served by this key server")
	case removal && mute != "":
		return modes.Refusal(fmt.Sprintf("%% Group %s has no KEK: its members cannot be told", mute))
	}
	return nil
}

// ClearMember is `clear crypto gdoi [group G] gm`: policy and keys of members
// are dropped, and they register again.
func (a *Appliance) ClearMember(ctx context.Context, group string) error {
	return a.do(ctx, func(now time.Time) {
		for _, m := range a.ctl.members {
			if group == "" || m.key.Name == group {
				m.machine.Step(now, member.Clear{})
			}
		}
	})
}

// ClearDataplane is `clear crypto gdoi [group G] dataplane counters`.
func (a *Appliance) ClearDataplane(ctx context.Context, group string) error {
	c, ok := a.cfg.Dataplane.(xfrm.CounterClearer)
	if !ok {
		return nil
	}
	return a.do(ctx, func(time.Time) {
		for _, m := range a.ctl.members {
			if group == "" || m.key.Name == group {
				c.ClearGroupCounters(m.key)
			}
		}
	})
}
