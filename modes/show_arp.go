package modes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/netdev"
)

// A Neighborhood is a View that knows the link addresses of neighbours.
type Neighborhood interface {
	// Neighbors is the ARP table; false when the network back end has none
	// that can be shown.
	Neighbors() ([]netdev.Neighbor, bool)
}

// showNeighbors declares `show arp` and `show ip arp`.
func (x *execCommands) showNeighbors() {
	kwARP := grammar.Kw("arp", "IP ARP table")
	only := grammar.Opt{Node: grammar.Alt{
		grammar.Arg("Address", grammar.IPv4(), "IP address or hostname"),
		interfaceWord("Interface", "Interface name"),
	}}
	x.show(userLevel, grammar.Seq{grammar.Kw("arp", "ARP table"), only}, showARP)
	x.show(userLevel, grammar.Seq{kwIP, kwARP, only}, showARP)
	x.show(userLevel, grammar.Seq{kwIP, kwARP, grammar.Kw("summary", "IP ARP table summary")}, showARPSummary)
}

// ARPEntry is one row of `show arp`.
type ARPEntry struct {
	netdev.Neighbor
	Own bool // an address of this device
}

// arpTable is what was learned and what is ours, by address.
func arpTable(v View) ([]ARPEntry, error) {
	known, ok := []netdev.Neighbor(nil), false
	if n, is := v.(Neighborhood); is {
		known, ok = n.Neighbors()
	}
	if !ok {
		return nil, fmt.Errorf("%% The ARP table is that of the host and cannot be shown here")
	}
	table := []ARPEntry{}
	for _, n := range known {
		table = append(table, ARPEntry{Neighbor: n})
	}
	for _, i := range v.Interfaces() {
		if _, protocol := lineState(i); !i.Hardware || protocol != "up" {
			continue
		}
		for _, p := range i.Addresses {
			table = append(table, ARPEntry{Own: true, Neighbor: netdev.Neighbor{VRF: i.VRF, Interface: i.Name, Address: p.Addr(), MAC: i.MAC}})
		}
	}
	slices.SortStableFunc(table, func(a, b ARPEntry) int { return a.Address.Compare(b.Address) })
	return table, nil
}

func showARP(v View, a grammar.Args, d *show.Doc) error {
	table, err := arpTable(v)
	if err != nil {
		return err
	}
	address, of := a["Address"].(netip.Addr)
	table = slices.DeleteFunc(table, func(e ARPEntry) bool {
		return of && e.Address != address || a.Has("Interface") && e.Interface != a.String("Interface")
	})
	d.Data = table
	if len(table) == 0 {
		return nil
	}
	d.Line("Protocol  Address          Age (min)  Hardware Addr   Type   Interface")
	for _, e := range table {
		age, mac, iface := fmt.Sprint(int(e.Age/time.Minute)), macText(e.MAC), e.Interface
		switch {
		case e.Own:
			age = "-"
		case e.Incomplete:
			mac, iface = "Incomplete    ", ""
		}
		d.Line("%s", strings.TrimRight(fmt.Sprintf("Internet  %-15s  %8s   %s  ARPA   %s", e.Address, age, mac, iface), " "))
	}
	return nil
}

func showARPSummary(v View, _ grammar.Args, d *show.Doc) error {
	table, err := arpTable(v)
	if err != nil {
		return err
	}
	incomplete := 0
	for _, e := range table {
		if e.Incomplete {
			incomplete++
		}
	}
	d.Data = struct{ Entries, Incomplete int }{len(table), incomplete}
	d.Line("%d IP ARP entries, with %d of them incomplete", len(table), incomplete)
	return nil
}
