package lab

import (
	"context"
	"fmt"
	"strings"

	"coterie/appliance"
	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/internal/env"
	netvirtual "coterie/netdev/virtual"
	xfrmvirtual "coterie/xfrm/virtual"
)

// maker makes the device of a node on its network stack, which the device's
// Close closes.
type maker func(n *Node, stack *netvirtual.Stack) (device, error)

// realDevice is an appliance with the lab's data plane.
type realDevice struct {
	*appliance.Appliance
	plane *xfrmvirtual.Dataplane
}

func newAppliance(n *Node, stack *netvirtual.Stack) (device, error) {
	l := n.lab
	var options []xfrmvirtual.Option
	cfg := appliance.Config{
		Name: n.Name(), Stack: stack, Clock: l.set.Clock, Env: env.Env{Rand: n.rand},
		Files: n.files, State: n.state, Version: l.set.Version, Reload: n.reload,
	}
	if l.keys != nil {
		cfg.KeyLog = l.keys
		options = append(options, xfrmvirtual.WithKeyLog(l.keys.ESP))
	}
	plane := xfrmvirtual.New(l.set.Clock, n.rand, options...)
	stack.SetTap(plane)
	cfg.Dataplane = plane
	a, err := appliance.New(cfg)
	if err != nil {
		plane.Close()
		return nil, err
	}
	return &realDevice{a, plane}, nil
}

// Open opens a session on the device.
func (d *realDevice) Open(cfg cli.Config) session {
	cfg.Device = d.Appliance
	return cli.New(cfg)
}

// Close switches the device off.
func (d *realDevice) Close() error {
	err := d.Appliance.Close()
	d.plane.Close()
	return err
}

// connectCommand is the console switch, seen from a console.
func (l *Lab) connectCommand() *grammar.Command {
	return &grammar.Command{
		Syntax: grammar.Seq{
			grammar.Kw("connect", "Open a terminal connection"),
			grammar.Arg("Node", grammar.Word(), "Name of a router of this lab ("+strings.Join(l.Topology.Names(), " ")+")"),
		},
		Run: func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			name := a.String("Node")
			if p := l.find(name); p != "" {
				name = p
			} else {
				return fmt.Errorf("%% There is no %s in this lab; it has %s", name, strings.Join(l.Topology.Names(), " "))
			}
			s, ok := t.Session().(interface{ Escape() })
			if l.set.Connect == nil || !ok {
				return fmt.Errorf("%% There is one console for all routers only at a terminal; write %s# before the line", name)
			}
			if err := l.set.Connect(name); err != nil {
				return err
			}
			s.Escape()
			return nil
		},
	}
}

// find gives a router's name as the topology spells it.
func (l *Lab) find(name string) string {
	for _, n := range l.Topology.Names() {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return ""
}
