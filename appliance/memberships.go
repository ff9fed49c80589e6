package appliance

import (
	"coterie/modes"
	"coterie/netdev"
)

var _ modes.GroupMember = (*Appliance)(nil)

// Memberships are the multicast groups that the stack has joined.
func (a *Appliance) Memberships() ([]netdev.Membership, bool) {
	m, ok := a.cfg.Stack.(netdev.MembershipLister)
	if !ok {
		return nil, false
	}
	return m.Memberships(), true
}
