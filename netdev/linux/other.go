//go:build !linux

package linux

import "coterie/netdev"

// Stack exists on Linux only.
type Stack struct{ netdev.Stack }

// New returns netdev.ErrNotSupported.
func New(Config) (*Stack, error) { return nil, netdev.ErrNotSupported }

// Device finds nothing.
func (*Stack) Device(string) (name string, index int, ok bool) { return "", 0, false }

// Sweep does nothing.
func (*Stack) Sweep() error { return nil }

// ClearCounters does nothing.
func (*Stack) ClearCounters(string) {}
