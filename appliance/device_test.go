package appliance

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"testing"

	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/xfrm"
)

// noNetwork is a network without interfaces.
type noNetwork struct {
	events chan netdev.LinkEvent
	once   sync.Once
}

func (*noNetwork) Interfaces() []netdev.Interface         { return nil }
func (*noNetwork) Configure(netdev.InterfaceConfig) error { return netdev.ErrNoInterface }
func (*noNetwork) Remove(string) error                    { return nil }
func (*noNetwork) SetRoutes([]netdev.StaticRoute) error   { return nil }
func (*noNetwork) Routes() []netdev.Route                 { return nil }
func (*noNetwork) Listen(string, netip.AddrPort) (netdev.UDPConn, error) {
	return nil, netdev.ErrNoInterface
}
func (*noNetwork) ListenGroup(string, netip.AddrPort) (netdev.UDPConn, error) {
	return nil, netdev.ErrNoInterface
}
func (*noNetwork) SourceFor(string, netip.Addr) (netip.Addr, bool) { return netip.Addr{}, false }
func (*noNetwork) Probe(context.Context, netdev.Probe) (netdev.ProbeResult, error) {
	return netdev.ProbeResult{}, netdev.ErrNotSupported
}
func (n *noNetwork) Events() <-chan netdev.LinkEvent { return n.events }
func (n *noNetwork) Close() error {
	n.once.Do(func() { close(n.events) })
	return nil
}

// memory is NVRAM in memory.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (m *memory) Read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.files[name]; ok {
		return bytes.Clone(b), nil
	}
	return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
}

func (m *memory) Write(name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = append([]byte{}, data...)
	return nil
}

func (m *memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.files[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(m.files, name)
	return nil
}

// device boots an appliance without a network from configuration text.
func device(t testing.TB, text string) *Appliance {
	t.Helper()
	a, err := New(Config{
		Name: "Router", Stack: &noNetwork{events: make(chan netdev.LinkEvent)}, Dataplane: xfrm.NewNone(),
		Clock: new(env.Clock), Env: env.System(), Files: &memory{files: make(map[string][]byte)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	for _, e := range a.Boot(t.Context(), text) {
		t.Errorf("line %d %q: %v", e.Number, e.Text, e.Err)
	}
	return a
}

// logged collects what a device logs from now on.
type logged struct {
	mu    sync.Mutex
	lines []string
}

func watchLog(a *Appliance) *logged {
	l := new(logged)
	a.Subscribe(func(r syslog.Record) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, r.Text())
	})
	return l
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%q", l.lines)
}
