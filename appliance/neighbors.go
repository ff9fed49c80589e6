package appliance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"

	"coterie/cli"
	"coterie/cli/sshd"
	"coterie/modes"
	"coterie/netdev"
)

// What show and exec commands can do without, and this device has.
var (
	_ modes.Neighborhood = (*Appliance)(nil)
	_ modes.Dialer       = (*Appliance)(nil)
	_ cli.FileStore      = (*Appliance)(nil)
)

// Neighbors is the ARP table of the stack.
func (a *Appliance) Neighbors() ([]netdev.Neighbor, bool) {
	n, ok := a.cfg.Stack.(netdev.NeighborLister)
	if !ok {
		return nil, false
	}
	return n.Neighbors(), true
}

// Dial opens a TCP connection from this device.
func (a *Appliance) Dial(ctx context.Context, vrf string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d, ok := a.cfg.Stack.(netdev.StreamDialer)
	if !ok {
		return nil, fmt.Errorf("TCP: %w", netdev.ErrNotSupported)
	}
	return d.DialStream(ctx, vrf, from, to)
}

var _ modes.ShellDialer = (*Appliance)(nil)

// Shell logs in to another host over SSH.
func (a *Appliance) Shell(ctx context.Context, conn net.Conn, r modes.ShellRequest) (io.ReadWriteCloser, error) {
	return sshd.Shell(ctx, conn, sshd.ClientConfig{User: r.User, Columns: r.Columns, Rows: r.Rows, Ask: r.Ask})
}
