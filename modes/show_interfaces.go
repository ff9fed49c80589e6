package modes

import (
	"fmt"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/netdev"
	runningconfig "coterie/running-config"
)

// showInterfaceScreens declares `show interfaces` and `show ip interface`.
func (x *execCommands) showInterfaceScreens() {
	kwInterfaces := grammar.Kw("interfaces", "Interface status and configuration")
	one := grammar.Opt{Node: interfaceWord("Interface", "Interface name")}
	for _, c := range []struct {
		node grammar.Node
		f    func(v View, d *show.Doc, list []netdev.Interface)
	}{
		{grammar.Seq{}, showInterfaces},
		{grammar.Kw("description", "Show interface description"), showDescriptions},
		{grammar.Kw("summary", "Show interface summary"), showInterfaceSummary},
		{grammar.Kw("stats", "Show interface packets & octets, in & out, by switching path"), showInterfaceStats},
		{grammar.Kw("counters", "Show interface counters"), showInterfaceCounters},
	} {
		x.show(userLevel, grammar.Seq{kwInterfaces, one, c.node}, ofInterface(c.f))
	}
	x.show(userLevel, grammar.Seq{kwIP, grammar.Kw("interface", "IP interface status and configuration"), one}, ofInterface(showIPInterface))
}

// ofInterface shows the interface that is named, or all.
func ofInterface(f func(v View, d *show.Doc, list []netdev.Interface)) func(View, grammar.Args, *show.Doc) error {
	return func(v View, a grammar.Args, d *show.Doc) error {
		want := a.String("Interface") // canonical, by its type
		list := []netdev.Interface{}
		for _, i := range v.Interfaces() {
			if want == "" || i.Name == want {
				list = append(list, i)
			}
		}
		if want != "" && len(list) == 0 {
			return fmt.Errorf("%% Invalid interface %s", want)
		}
		d.Data = list
		f(v, d, list)
		return nil
	}
}

// interfaceConfig is the configuration of an interface; empty when it has none.
func interfaceConfig(v View, name string) runningconfig.Interface {
	for _, c := range v.Config().Interfaces {
		if c.Name == name {
			return *c
		}
	}
	return runningconfig.Interface{Name: name}
}

// lineMetrics are bandwidth (kbit/s) and delay (us) that IOS gives a type of
// interface until the configuration says otherwise.
func lineMetrics(c runningconfig.Interface) (bandwidth, delay int) {
	bandwidth, delay = 10000, 1000
	for _, t := range []struct {
		prefix           string
		bandwidth, delay int
	}{{"Loopback", 8000000, 5000}, {"Tunnel", 100, 50000}, {"Fast", 100000, 100}, {"Gigabit", 1000000, 10}, {"TenGigabit", 10000000, 10}, {"Serial", 1544, 20000}} {
		if strings.HasPrefix(c.Name, t.prefix) {
			bandwidth, delay = t.bandwidth, t.delay
		}
	}
	if c.Bandwidth > 0 {
		bandwidth = c.Bandwidth
	}
	if c.Delay > 0 {
		delay = c.Delay * 10 // configured in tens of microseconds
	}
	return bandwidth, delay
}

// macText is a link address as IOS writes it.
func macText(m [6]byte) string {
	return fmt.Sprintf("%02x%02x.%02x%02x.%02x%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// showInterfaces prints of each interface what this device knows of it; lines
// about queues, rates and transceivers that it has not are left out.
func showInterfaces(v View, d *show.Doc, list []netdev.Interface) {
	for _, i := range list {
		c := interfaceConfig(v, i.Name)
		status, protocol := lineState(i)
		d.Line("%s is %s, line protocol is %s ", i.Name, status, protocol)
		switch {
		case i.Hardware:
			d.Line("  Hardware is Ethernet, address is %s (bia %s)", macText(i.MAC), macText(i.MAC))
		case strings.HasPrefix(i.Name, "Tunnel"):
			d.Line("  Hardware is Tunnel")
		default:
			d.Line("  Hardware is Loopback")
		}
		if c.Description != "" {
			d.Line("  Description: %s", c.Description)
		}
		if len(i.Addresses) > 0 {
			d.Line("  Internet address is %v", i.Addresses[0])
		}
		bandwidth, delay := lineMetrics(c)
		d.Line("  MTU %d bytes, BW %d Kbit/sec, DLY %d usec,", i.LinkMTU, bandwidth, delay)
		if i.Hardware {
			d.Line("  Encapsulation ARPA, loopback not set")
			d.Line("  ARP type: ARPA, ARP Timeout 04:00:00")
		} else {
			d.Line("  Encapsulation LOOPBACK, loopback not set")
		}
		d.Line("  Last clearing of \"show interface\" counters %s", cleared(v, i))
		n := i.Counters
		d.Line("  Total input drops: %d; Total output drops: %d", n.InDrops, n.OutDrops)
		d.Line("     %d packets input, %d bytes", n.InPackets, n.InOctets)
		d.Line("     %d packets output, %d bytes", n.OutPackets, n.OutOctets)
	}
}

// cleared is how long ago the counters of an interface began anew.
func cleared(v View, i netdev.Interface) string {
	if i.Cleared.IsZero() {
		return "never"
	}
	return ago(v.Now().Sub(i.Cleared))
}

// ago is a span as IOS writes it: 00:01:02, 1d02h, 3w4d.
func ago(d time.Duration) string {
	hours := int(d / time.Hour)
	switch {
	case hours < 24:
		return hms(d)
	case hours < 24*7:
		return fmt.Sprintf("%dd%02dh", hours/24, hours%24)
	case hours < 24*365:
		return fmt.Sprintf("%dw%dd", hours/(24*7), hours/24%7)
	}
	return fmt.Sprintf("%dy%dw", hours/(24*365), hours/24%365/7)
}

// shortName is an interface in the columns of a table: Et0/0, Lo0.
func shortName(name string) string {
	digit := strings.IndexAny(name, "0123456789")
	for _, t := range runningconfig.InterfaceTypes {
		if digit > 2 && name[:digit] == t {
			return name[:2] + name[digit:]
		}
	}
	return name
}

func showDescriptions(v View, d *show.Doc, list []netdev.Interface) {
	d.Line("%-30s %-14s %-8s %s", "Interface", "Status", "Protocol", "Description")
	for _, i := range list {
		status, protocol := lineState(i)
		if i.Shutdown {
			status = "admin down"
		}
		d.Line("%-30s %-14s %-8s %s", shortName(i.Name), status, protocol, interfaceConfig(v, i.Name).Description)
	}
}

// showInterfaceSummary leaves open what is not measured: queues and rates.
func showInterfaceSummary(_ View, d *show.Doc, list []netdev.Interface) {
	d.Blank()
	d.Line(" *: interface is up")
	d.Line(" IHQ: pkts in input hold queue     IQD: pkts dropped from input queue")
	d.Line(" OHQ: pkts in output hold queue    OQD: pkts dropped from output queue")
	d.Line(" RXBS: rx rate (bits/sec)          RXPS: rx rate (pkts/sec)")
	d.Line(" TXBS: tx rate (bits/sec)          TXPS: tx rate (pkts/sec)")
	d.Line(" TRTL: throttle count              -: not measured")
	d.Blank()
	const row = "%s %-23s%8v%10v%10v%10v%10v%10v%10v%10v%10v"
	d.Line(row, " ", "Interface", "IHQ", "IQD", "OHQ", "OQD", "RXBS", "RXPS", "TXBS", "TXPS", "TRTL")
	d.Line("%s", strings.Repeat("-", 113))
	for _, i := range list {
		mark := " "
		if _, protocol := lineState(i); protocol == "up" {
			mark = "*"
		}
		d.Line(row, mark, i.Name, "-", i.Counters.InDrops, "-", i.Counters.OutDrops, "-", "-", "-", "-", "-")
	}
}

// showInterfaceStats: every packet takes the same path here.
func showInterfaceStats(_ View, d *show.Doc, list []netdev.Interface) {
	for _, i := range list {
		n := i.Counters
		d.Line("%s", i.Name)
		d.Line("%24s%11s%11s%11s%11s", "Switching path", "Pkts In", "Chars In", "Pkts Out", "Chars Out")
		for _, path := range []string{"Processor", "Total"} {
			d.Line("%24s%11d%11d%11d%11d", path, n.InPackets, n.InOctets, n.OutPackets, n.OutOctets)
		}
	}
}

func showInterfaceCounters(_ View, d *show.Doc, list []netdev.Interface) {
	const row = "%-10s %15v %15v %15v"
	d.Line(row, "Port", "InOctets", "InPkts", "InDrops")
	for _, i := range list {
		d.Line(row, shortName(i.Name), i.Counters.InOctets, i.Counters.InPackets, i.Counters.InDrops)
	}
	d.Blank()
	d.Line(row, "Port", "OutOctets", "OutPkts", "OutDrops")
	for _, i := range list {
		d.Line(row, shortName(i.Name), i.Counters.OutOctets, i.Counters.OutPackets, i.Counters.OutDrops)
	}
}

func showIPInterface(v View, d *show.Doc, list []netdev.Interface) {
	determined := "setup command"
	if _, ok := v.Startup(); ok {
		determined = "non-volatile memory"
	}
	set := func(name string) string {
		if name == "" {
			return "not set"
		}
		return name
	}
	for _, i := range list {
		status, protocol := lineState(i)
		d.Line("%s is %s, line protocol is %s", i.Name, status, protocol)
		if len(i.Addresses) == 0 {
			d.Line("  Internet protocol processing disabled")
			continue
		}
		c := interfaceConfig(v, i.Name)
		d.Line("  Internet address is %v", i.Addresses[0])
		d.Line("  Broadcast address is 255.255.255.255")
		d.Line("  Address determined by %s", determined)
		d.Line("  MTU is %d bytes", i.MTU)
		d.Line("  Helper address is not set")
		d.Line("  Directed broadcast forwarding is disabled")
		for _, p := range i.Addresses[1:] {
			d.Line("  Secondary address %v", p)
		}
		d.Line("  Outgoing access list is %s", set(c.AccessOut))
		d.Line("  Inbound  access list is %s", set(c.AccessIn))
		d.Line("  Proxy ARP is disabled")
		d.Line("  Local Proxy ARP is disabled")
		if i.VRF != "" {
			d.Line("  VPN Routing/Forwarding \"%s\"", i.VRF)
		}
	}
}
