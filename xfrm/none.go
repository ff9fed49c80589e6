package xfrm

import (
	"errors"
	"fmt"
	"sync"
)

// ErrNoDataplane says that this host cannot encrypt: it has no data plane.
var ErrNoDataplane = errors.New("no data plane on this host")

// None is the data plane of a host that only serves keys: it refuses crypto
// maps and groups, and every packet passes as it is.
type None struct {
	once   sync.Once
	events chan Event
}

var _ Dataplane = (*None)(nil)

// NewNone returns a data plane that does nothing.
func NewNone() *None { return &None{events: make(chan Event)} }

// SetInterface accepts the removal of a crypto map, and refuses any other with
// ErrNoDataplane.
func (*None) SetInterface(p InterfacePolicy) error {
	if len(p.Entries) == 0 {
		return nil
	}
	return fmt.Errorf("crypto map %s on %s: %w", p.MapName, p.Interface, ErrNoDataplane)
}

// SetGroup returns ErrNoDataplane, so that no member acknowledges keys that
// nothing uses.
func (*None) SetGroup(g Group) error {
	return fmt.Errorf("group %s: %w", g.Key.Name, ErrNoDataplane)
}

// RemoveGroup has nothing to remove.
func (*None) RemoveGroup(GroupKey) error { return nil }

// Snapshot is empty.
func (*None) Snapshot() Snapshot { return Snapshot{} }

// Events never reports anything; Close ends it.
func (n *None) Events() <-chan Event { return n.events }

// Close ends Events.
func (n *None) Close() error {
	n.once.Do(func() { close(n.events) })
	return nil
}
