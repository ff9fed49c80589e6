package modes

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/netdev"
)

func replies(n int, rtt ...time.Duration) []netdev.ProbeResult {
	out := make([]netdev.ProbeResult, n)
	for i := range out {
		out[i] = netdev.ProbeResult{Outcome: netdev.ProbeReply, RTT: rtt[i%len(rtt)]}
	}
	return out
}

func outcomes(list ...netdev.ProbeOutcome) []netdev.ProbeResult {
	var out []netdev.ProbeResult
	for _, o := range list {
		out = append(out, netdev.ProbeResult{Outcome: o, RTT: 9 * time.Millisecond})
	}
	return out
}

// site is a device with one address on a loopback and one on a wire.
func site() *device {
	return &device{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), interfaces: []netdev.Interface{
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Ethernet0/0", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.2/24")}}, Hardware: true, LinkUp: true},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Ethernet0/1", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.9.2/24")}}, Hardware: true},
		{InterfaceConfig: netdev.InterfaceConfig{Name: "Loopback0", Addresses: []netip.Prefix{netip.MustParsePrefix("2.2.2.2/32")}}},
	}}
}

func TestPing(t *testing.T) {
	const (
		escape = "Type escape sequence to abort.\n"
		five   = escape + "Sending 5, 100-byte ICMP Echos to 4.4.4.4, timeout is 2 seconds:\n"
		ms     = time.Millisecond
	)
	for _, c := range []struct {
		line   string
		probes []netdev.ProbeResult
		want   string
	}{
		{"ping 4.4.4.4", replies(5, ms, 2*ms, 10*ms, ms, ms), five + "!!!!!\nSuccess rate is 100 percent (5/5), round-trip min/avg/max = 1/3/10 ms\n"},
		{"ping ip 4.4.4.4", replies(5, 10*time.Microsecond), five + "!!!!!\nSuccess rate is 100 percent (5/5), round-trip min/avg/max = 1/1/1 ms\n"},
		{"ping 4.4.4.4", nil, five + ".....\nSuccess rate is 0 percent (0/5)\n"},
		{"ping 4.4.4.4", outcomes(netdev.ProbeUnreachable, netdev.ProbeTimeout, netdev.ProbeTimeout, netdev.ProbeUnreachable, netdev.ProbeTimeout), five + "U..U.\nSuccess rate is 0 percent (0/5)\n"},
		{"ping 4.4.4.4", outcomes(netdev.ProbeSourceQuench, netdev.ProbeTimeout, netdev.ProbeTimeout, netdev.ProbeUnreachable, netdev.ProbeReply), five + "Q..U!\nSuccess rate is 20 percent (1/5), round-trip min/avg/max = 9/9/9 ms\n"},
		{"ping 4.4.4.4", outcomes(netdev.ProbeFragNeeded, netdev.ProbeTTLExceeded, netdev.ProbeCorrupt, netdev.ProbeNoRoute, netdev.ProbeReply), five + "M&C.!\nSuccess rate is 20 percent (1/5), round-trip min/avg/max = 9/9/9 ms\n"},
		{"ping 4.4.4.4 source Loopback0", replies(5, 5*ms), five + "Packet sent with a source address of 2.2.2.2 \n!!!!!\nSuccess rate is 100 percent (5/5), round-trip min/avg/max = 5/5/5 ms\n"},
		{"ping 4.4.4.4 so 192.168.1.2 rep 3", replies(3, 5*ms), escape + "Sending 3, 100-byte ICMP Echos to 4.4.4.4, timeout is 2 seconds:\nPacket sent with a source address of 192.168.1.2 \n!!!\nSuccess rate is 100 percent (3/3), round-trip min/avg/max = 5/5/5 ms\n"},
		{"ping 4.4.4.4 size 1500 df-bit repeat 4 timeout 1", outcomes(netdev.ProbeFragNeeded), escape + "Sending 4, 1500-byte ICMP Echos to 4.4.4.4, timeout is 1 seconds:\nPacket sent with the DF bit set\nM...\nSuccess rate is 0 percent (0/4)\n"},
		{"ping 4.4.4.4 validate data 1234 repeat 1", replies(1, ms), escape + "Sending 1, 100-byte ICMP Echos to 4.4.4.4, timeout is 2 seconds:\nReply data will be validated\nPacket has data pattern 0x1234\n!\nSuccess rate is 100 percent (1/1), round-trip min/avg/max = 1/1/1 ms\n"},
		{"ping 4.4.4.4 repeat 200", replies(200, ms, 7*ms, 17*ms, ms), escape + "Sending 200, 100-byte ICMP Echos to 4.4.4.4, timeout is 2 seconds:\n" +
			strings.Repeat("!", 70) + "\n" + strings.Repeat("!", 70) + "\n" + strings.Repeat("!", 60) + "\nSuccess rate is 100 percent (200/200), round-trip min/avg/max = 1/7/17 ms\n"},
		{"ping 4.4.4.4 repeat 70", replies(70, ms), escape + "Sending 70, 100-byte ICMP Echos to 4.4.4.4, timeout is 2 seconds:\n" +
			strings.Repeat("!", 70) + "\nSuccess rate is 100 percent (70/70), round-trip min/avg/max = 1/1/1 ms\n"},
		{"ping 4.4.4.4 source 9.9.9.9", nil, "% Invalid source address- IP address not on any of our up interfaces\n"},
		{"ping 4.4.4.4 source 192.168.9.2", nil, "% Invalid source address- IP address not on any of our up interfaces\n"},
		{"ping 4.4.4.4 source Loopback7", nil, "% Invalid source interface - IP not enabled or interface is down\n"},
	} {
		d := site()
		d.probes = c.probes
		if got := typed(t, d, c.line); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.line, got, c.want)
		}
		for i, p := range d.sent {
			if int(p.Seq) != i || p.ID != d.sent[0].ID {
				t.Errorf("%s: probe %d has id %d and sequence number %d", c.line, i, p.ID, p.Seq)
			}
		}
	}
}

// An interrupt ends the row; what was answered until then is counted.
func TestPingInterrupted(t *testing.T) {
	for n, want := range map[int]string{
		4: "!!!\nSuccess rate is 100 percent (3/3), round-trip min/avg/max = 1/1/1 ms\n",
		1: "Success rate is 0 percent (0/1)\n", // it was under way
	} {
		d := site()
		d.probes = replies(100, time.Millisecond)
		ctx, cancel := context.WithCancel(context.Background())
		d.onProbe = func(i int) {
			if i == n {
				cancel()
			}
		}
		k := &keyboard{}
		got := k.enter(ctx, d, "ping 4.4.4.4 repeat 100")
		const head = "Type escape sequence to abort.\nSending 100, 100-byte ICMP Echos to 4.4.4.4, timeout is 2 seconds:\n"
		if got != head+want {
			t.Errorf("interrupted at probe %d: %q", n, got)
		}
		cancel()
	}
}

func TestExtendedPing(t *testing.T) {
	const tail = "Type escape sequence to abort.\nSending 100, 100-byte ICMP Echos to 10.0.222.2, timeout is 2 seconds:\n"
	rows := strings.Repeat("!", 70) + "\n" + strings.Repeat("!", 30) + "\nSuccess rate is 100 percent (100/100), round-trip min/avg/max = 8/8/8 ms\n"
	start := "Protocol [ip]: \nTarget IP address: 10.0.222.2\nRepeat count [5]: 100\nDatagram size [100]: \nTimeout in seconds [2]: \n"
	for name, c := range map[string]struct {
		answers []string
		want    string
		tos     uint8
	}{
		"type of service": {[]string{"", "10.0.222.2", "100", "", "", "y", "", "184", "", "", "", "", ""}, start + "Extended commands [n]: y\n" +
			"Source address or interface: \nType of service [0]: 184\nSet DF bit in IP header? [no]: \nValidate reply data? [no]: \nData pattern [0xABCD]: \n" +
			"Loose, Strict, Record, Timestamp, Verbose[none]: \nSweep range of sizes [n]: \n" + tail + rows, 184},
		"plain": {[]string{"ip", "10.0.222.2", "100", "", "", "", ""}, strings.Replace(start, "[ip]: ", "[ip]: ip", 1) + "Extended commands [n]: \nSweep range of sizes [n]: \n" + tail + rows, 0},
		"sources": {[]string{"", "10.0.222.2", "100", "", "", "y", "9.9.9.9", "nowhere", "lo0", "", "y", "y", "0x1234", "none", "n"}, start + "Extended commands [n]: y\n" +
			"Source address or interface: 9.9.9.9\n% Invalid source. Must use same-VRF IP address or full interface name without spaces (e.g. Serial0/1)\n" +
			"Source address or interface: nowhere\n% Invalid source. Must use same-VRF IP address or full interface name without spaces (e.g. Serial0/1)\n" +
			"Source address or interface: lo0\nType of service [0]: \nSet DF bit in IP header? [no]: y\nValidate reply data? [no]: y\nData pattern [0xABCD]: 0x1234\n" +
			"Loose, Strict, Record, Timestamp, Verbose[none]: none\nSweep range of sizes [n]: n\n" + tail +
			"Packet sent with a source address of 2.2.2.2 \nPacket sent with the DF bit set\nReply data will be validated\nPacket has data pattern 0x1234\n" + rows, 0},
		"numbers again": {[]string{"", "10.0.222.2", "many", "0", "100", "", "", "", ""}, "Protocol [ip]: \nTarget IP address: 10.0.222.2\n" +
			"Repeat count [5]: many\n% A decimal number between 1 and 2147483647.\nRepeat count [5]: 0\n% A decimal number between 1 and 2147483647.\n" +
			"Repeat count [5]: 100\nDatagram size [100]: \nTimeout in seconds [2]: \nExtended commands [n]: \nSweep range of sizes [n]: \n" + tail + rows, 0},
		"bad target": {[]string{"", "elsewhere"}, "Protocol [ip]: \nTarget IP address: elsewhere\n% Unrecognized host or address, or protocol not running.\n", 0},
		"no target":  {[]string{"", ""}, "Protocol [ip]: \nTarget IP address: \n% Unrecognized host or address, or protocol not running.\n", 0},
		"protocol":   {[]string{"ipx"}, "Protocol [ip]: ipx\n%Unknown protocol - \"ipx\", type \"ping ?\" for help\n", 0},
		"sweep": {[]string{"", "10.0.222.2", "25", "", "", "", "y", "1400", "1450", "16"}, strings.Replace(start, "100\n", "25\n", 1) + "Extended commands [n]: \nSweep range of sizes [n]: y\n" +
			"Sweep min size [36]: 1400\nSweep max size [18024]: 1450\nSweep interval [1]: 16\n" +
			strings.Replace(tail, "100-byte", "[1400..1450]-byte", 1) + rows, 0},
		"verbose": {[]string{"", "10.0.222.2", "2", "", "", "y", "", "", "", "", "", "v", "", ""}, strings.Replace(start, "100\n", "2\n", 1) + "Extended commands [n]: y\n" +
			"Source address or interface: \nType of service [0]: \nSet DF bit in IP header? [no]: \nValidate reply data? [no]: \nData pattern [0xABCD]: \n" +
			"Loose, Strict, Record, Timestamp, Verbose[none]: v\nLoose, Strict, Record, Timestamp, Verbose[V]: \nSweep range of sizes [n]: \n" +
			strings.Replace(tail, "Sending 100", "Sending 2", 1) +
			"Reply to request 0 (8 ms)\nReply to request 1 (8 ms)\nSuccess rate is 100 percent (2/2), round-trip min/avg/max = 8/8/8 ms\n", 0},
		"record": {[]string{"", "10.0.222.2", "100", "", "", "y", "", "", "", "", "", "record"}, start + "Extended commands [n]: y\n" +
			"Source address or interface: \nType of service [0]: \nSet DF bit in IP header? [no]: \nValidate reply data? [no]: \nData pattern [0xABCD]: \n" +
			"Loose, Strict, Record, Timestamp, Verbose[none]: record\n% The IP options loose, strict, record and timestamp are not available\n", 0},
		"end": {[]string{"", "10.0.222.2"}, "Protocol [ip]: \nTarget IP address: 10.0.222.2\nRepeat count [5]: EOF\n", 0},
	} {
		d := site()
		d.probes = replies(100, 8*time.Millisecond)
		if got := typed(t, d, "ping", c.answers...); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		for _, p := range d.sent {
			if p.TOS != c.tos {
				t.Errorf("%s: type of service %d", name, p.TOS)
			}
		}
	}
}

func TestTraceroute(t *testing.T) {
	const head = "Type escape sequence to abort.\nTracing the route to 4.4.4.4\nVRF info: (vrf in name/id, vrf out name/id)\n"
	hop := func(from string, outcome netdev.ProbeOutcome, code uint8, ms int) netdev.ProbeResult {
		return netdev.ProbeResult{Outcome: outcome, From: netip.MustParseAddr(from), Code: code, RTT: time.Duration(ms) * time.Millisecond}
	}
	const transit, end = netdev.ProbeTTLExceeded, netdev.ProbeUnreachable
	for _, c := range []struct {
		line   string
		probes []netdev.ProbeResult
		want   string
	}{
		{"traceroute 4.4.4.4", []netdev.ProbeResult{
			hop("192.168.1.1", transit, 0, 1), hop("192.168.1.1", transit, 0, 2), hop("192.168.1.1", transit, 0, 1),
			{}, {}, {},
			hop("4.4.4.4", end, 3, 20), {}, hop("4.4.4.4", end, 3, 16),
		}, head + "  1 192.168.1.1 1 msec 2 msec 1 msec\n  2  *  *  * \n  3 4.4.4.4 20 msec *  16 msec\n"},
		{"traceroute 4.4.4.4 probe 2", []netdev.ProbeResult{hop("192.168.1.1", end, 1, 1), hop("192.168.1.1", end, 1, 1)},
			head + "  1 192.168.1.1 !H  !H \n"},
		{"traceroute 4.4.4.4 ttl 2 3 probe 1", nil, head + "  2  * \n  3  * \n"},
		{"traceroute 4.4.4.4 probe 2", []netdev.ProbeResult{{}, hop("4.4.4.4", end, 3, 4)}, head + "  1  * 4.4.4.4 4 msec\n"},
	} {
		d := site()
		d.probes = c.probes
		got := typed(t, d, c.line)
		if got != c.want {
			t.Errorf("%s:\n%q\nwant\n%q", c.line, got, c.want)
		}
		if ports := len(slices.CompactFunc(slices.Clone(d.sent), func(a, b netdev.Probe) bool { return a.Port == b.Port })); ports != len(d.sent) || d.sent[0].Port != 33434 {
			t.Errorf("%s: %d ports from %d for %d probes", c.line, ports, d.sent[0].Port, len(d.sent))
		}
	}
	// An interrupt ends the row.
	d := site()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.onProbe = func(n int) {
		if n == 2 {
			cancel()
		}
	}
	if got := (&keyboard{}).enter(ctx, d, "traceroute 4.4.4.4 source Loopback0"); got != head+"  1  * \n" || d.sent[0].Source != netip.MustParseAddr("2.2.2.2") {
		t.Errorf("interrupted: %q", got)
	}
}
