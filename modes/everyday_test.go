package modes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	"coterie/netdev"
	runningconfig "coterie/running-config"

	"github.com/google/go-cmp/cmp"
)

// everydayDevice knows its neighbours, and opens connections with dial.
type everydayDevice struct {
	*device
	neighbors []netdev.Neighbor
	dial      func(vrf string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

func (d *everydayDevice) Neighbors() ([]netdev.Neighbor, bool) { return d.neighbors, true }
func (d *everydayDevice) Dial(_ context.Context, vrf string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	return d.dial(vrf, from, to)
}

func everydaySite() *everydayDevice {
	d := site()
	d.name = "R2"
	i := &d.interfaces[0]
	i.MAC, i.MTU, i.LinkMTU = [6]byte{0xaa, 0xbb, 0xcc, 0, 2, 0}, 1500, 1500
	i.Counters = netdev.InterfaceCounters{InPackets: 7, InOctets: 700, OutPackets: 8, OutOctets: 801, InDrops: 1, OutDrops: 2}
	i.Cleared = d.now.Add(-26 * time.Hour)
	i.Addresses = append(i.Addresses, netip.MustParsePrefix("10.9.0.1/16"))
	d.interfaces[1].Shutdown = true
	d.config.Interfaces = []*runningconfig.Interface{{Name: "Ethernet0/0", Description: "to the WAN", AccessIn: "EDGE", Bandwidth: 5000, Delay: 7}}
	d.config.Frame.Kept = []string{"ip host R4 4.4.4.4"}
	d.config.Stanzas = []*runningconfig.Stanza{{Header: "vrf definition RED"}}
	d.sessions = []SessionInfo{{Line: "console"}, {Line: "vty 0", Number: 2, User: "bob"}}
	d.routes = []netdev.Route{
		{Source: netdev.Static, Prefix: netip.MustParsePrefix("0.0.0.0/0"), NextHop: addr("192.168.1.254"), Distance: 1},
		{Source: netdev.Local, Prefix: netip.MustParsePrefix("2.2.2.2/32"), Interface: "Loopback0"},
		{Source: netdev.Static, Prefix: netip.MustParsePrefix("4.4.4.4/32"), NextHop: addr("192.168.1.4"), Distance: 1},
		{Source: netdev.Connected, Prefix: netip.MustParsePrefix("192.168.1.0/24"), Interface: "Ethernet0/0"},
		{Source: netdev.Connected, VRF: "RED", Prefix: netip.MustParsePrefix("172.16.0.0/16"), Interface: "Ethernet0/3"},
	}
	return &everydayDevice{device: d, neighbors: []netdev.Neighbor{
		{Interface: "Ethernet0/0", Address: addr("192.168.1.4"), MAC: [6]byte{0xaa, 0xbb, 0xcc, 0, 4, 0}, Age: 125 * time.Second},
		{Interface: "Ethernet0/0", Address: addr("192.168.1.9"), Incomplete: true},
	}}
}

// typedAt runs a line on a device at a terminal.
func typedAt(d *everydayDevice, t grammar.Terminal, line string) error {
	m, err := Exec(d, d).Parse(line, 15)
	if err != nil {
		return err
	}
	return m.Command.Run(context.Background(), t, m.Args)
}

func TestEverydayScreens(t *testing.T) {
	const (
		arp   = "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n"
		block = "  Routing Descriptor Blocks:\n"
		share = "      Route metric is 0, traffic share count is 1\n"
		via   = ", distance 0, metric 0 (connected, via interface)\n"
	)
	for _, c := range []struct{ line, want string }{
		{"show arp", arp +
			"Internet  10.9.0.1                -   aabb.cc00.0200  ARPA   Ethernet0/0\n" +
			"Internet  192.168.1.2             -   aabb.cc00.0200  ARPA   Ethernet0/0\n" +
			"Internet  192.168.1.4             2   aabb.cc00.0400  ARPA   Ethernet0/0\n" +
			"Internet  192.168.1.9             0   Incomplete      ARPA\n"},
		{"show ip arp 192.168.1.4", arp + "Internet  192.168.1.4             2   aabb.cc00.0400  ARPA   Ethernet0/0\n"},
		{"show arp e0/1", ""},
		{"show ip arp summary", "4 IP ARP entries, with 1 of them incomplete\n"},
		{"show interfaces e0/0", "Ethernet0/0 is up, line protocol is up \n" +
			"  Hardware is Ethernet, address is aabb.cc00.0200 (bia aabb.cc00.0200)\n" +
			"  Description: to the WAN\n" +
			"  Internet address is 192.168.1.2/24\n" +
			"  MTU 1500 bytes, BW 5000 Kbit/sec, DLY 70 usec,\n" +
			"  Encapsulation ARPA, loopback not set\n" +
			"  ARP type: ARPA, ARP Timeout 04:00:00\n" +
			"  Last clearing of \"show interface\" counters 1d02h\n" +
			"  Total input drops: 1; Total output drops: 2\n" +
			"     7 packets input, 700 bytes\n" +
			"     8 packets output, 801 bytes\n"},
		{"show interfaces e0/7", "% Invalid interface Ethernet0/7\n"},
		{"show interfaces description", "Interface                      Status         Protocol Description\n" +
			"Et0/0                          up             up       to the WAN\n" +
			"Et0/1                          admin down     down     \n" +
			"Lo0                            up             up       \n"},
		{"show interfaces e0/0 stats", "Ethernet0/0\n" +
			"          Switching path    Pkts In   Chars In   Pkts Out  Chars Out\n" +
			"               Processor          7        700          8        801\n" +
			"                   Total          7        700          8        801\n"},
		{"show interfaces e0/0 counters", "Port              InOctets          InPkts         InDrops\n" +
			"Et0/0                  700               7               1\n\n" +
			"Port             OutOctets         OutPkts        OutDrops\n" +
			"Et0/0                  801               8               2\n"},
		{"show ip interface e0/0", "Ethernet0/0 is up, line protocol is up\n" +
			"  Internet address is 192.168.1.2/24\n" +
			"  Broadcast address is 255.255.255.255\n" +
			"  Address determined by setup command\n" +
			"  MTU is 1500 bytes\n" +
			"  Helper address is not set\n" +
			"  Directed broadcast forwarding is disabled\n" +
			"  Secondary address 10.9.0.1/16\n" +
			"  Outgoing access list is not set\n" +
			"  Inbound  access list is EDGE\n" +
			"  Proxy ARP is disabled\n" +
			"  Local Proxy ARP is disabled\n"},
		{"show ip route 4.4.4.4", "Routing entry for 4.4.4.4/32\n" +
			"  Known via \"static\", distance 1, metric 0\n" + block + "  * 192.168.1.4\n" + share},
		{"show ip route 192.168.1.77", "Routing entry for 192.168.1.0/24\n" +
			"  Known via \"connected\"" + via + block + "  * directly connected, via Ethernet0/0\n" + share},
		{"show ip route vrf RED 172.16.0.1", "Routing entry for 172.16.0.0/16\n" +
			"  Known via \"connected\"" + via + block + "  * directly connected, via Ethernet0/3\n" + share},
		{"show ip route 4.5.6.7", "% Subnet not in table\n"},
		{"show ip route 172.16.0.1", "% Network not in table\n"},
		{"show ip route 192.168.1.0 255.255.255.128", "% Subnet not in table\n"},
		{"show ip route vrf BLUE", "% IP routing table BLUE does not exist\n"},
		{"show ip route summary", "IP routing table name is default\n" +
			"Route Source    Networks    Subnets\n" +
			"connected       1           1\n" +
			"static          1           1\n" +
			"Total           2           2\n"},
		{"show ntp status", "%NTP is not enabled.\n"},
		{"show sessions", "% No connections open\n"},
		{"show privilege", "Current privilege level is 15\n"},
		{"clock set 9:24:01 nov 21 2026", "% The clock is that of the host: set it there\n"},
		{"ping R4 repeat 1 timeout 0", "Type escape sequence to abort.\nSending 1, 100-byte ICMP Echos to 4.4.4.4, timeout is 0 seconds:\n.\nSuccess rate is 0 percent (0/1)\n"},
		{"ping R5", "% Unrecognized host or address, or protocol not running.\n"},
		{"ping vrf BLUE 4.4.4.4", "% VRF BLUE does not exist\n"},
		{"telnet R5", "% Unknown command or computer name, or unable to find computer address\n"},
	} {
		k := &keyboard{session: session{level: 15, line: "console"}}
		if err := typedAt(everydaySite(), k, c.line); err != nil {
			fmt.Fprintln(k, err)
		}
		if diff := cmp.Diff(c.want, k.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, diff)
		}
	}
	d := everydaySite()
	typedAt(d, &keyboard{}, "ping vrf RED 4.4.4.4 timeout 0 repeat 1")
	if p := d.sent[0]; p.VRF != "RED" || p.Timeout != noTime {
		t.Errorf("probe %+v", p)
	}
	// Static routes only; the gateway is that of the whole table.
	k := &keyboard{}
	typedAt(d, k, "show ip route static")
	if s := k.String(); !strings.Contains(s, "Gateway of last resort is 192.168.1.254") || strings.Contains(s, "\nC ") || !strings.Contains(s, "4.4.4.4") {
		t.Errorf("static routes:\n%s", s)
	}
}

// What is measured has the shape of IOS, and adds up.
func TestResources(t *testing.T) {
	d := everydaySite()
	for line, want := range map[string]string{
		"show processes cpu":    `^CPU utilization for five seconds: \d+%/\d+%; one minute: \d+%; five minutes: \d+%\n PID Runtime\(ms\) .*\n *\d+ +\d+ +\d+ +\d+ +[\d.]+% +[\d.]+% +[\d.]+% +0 coterie\n$`,
		"show processes":        `^CPU utilization`,
		"show processes memory": `^Processor Pool Total: +\d+ Used: +\d+ Free: +\d+\n\n PID TTY  Allocated .*\n *\d+ +0 +\d+ +\d+ +\d+ +0 +0 coterie\n +\d+ Total\n$`,
		"show memory":           `^ +Head +Total\(b\) +Used\(b\) +Free\(b\) +Lowest\(b\) +Largest\(b\)\nProcessor +- +\d+ +\d+ +\d+ +- +-\n$`,
	} {
		k := &keyboard{}
		if err := typedAt(d, k, line); err != nil || !regexp.MustCompile(want).MatchString(k.String()) {
			t.Errorf("%s: %v\n%s", line, err, k.String())
		}
	}
	if m := memory(); m.Used+m.Free != m.Total || m.Used == 0 {
		t.Errorf("%+v", m)
	}
}

func TestLoads(t *testing.T) {
	at := func(s, busy float64) usage {
		return usage{at: began.Add(time.Duration(s * float64(time.Second))), user: time.Duration(busy * float64(time.Second))}
	}
	all := loads(at(100, 50), nil)[0].Total / 50 // what one processor is of all
	// Five seconds: since 694, 5 of 6 s. One minute: since 640, 59 of 60. Five minutes: since 400, 299 of 300.
	got := loads(at(700, 349), []usage{at(400, 50), at(640, 290), at(694, 344), at(699, 349)})
	for i, want := range [3]float64{83.3, 98.3, 99.7} {
		if share := got[i].Total / all; share < want-0.1 || share > want+0.1 {
			t.Errorf("span %d: %.1f%%, want %.1f%%", i, share, want)
		}
	}
	if l := loads(usage{at: began.Add(-time.Hour)}, nil); l[0].Total != 0 {
		t.Errorf("before the beginning: %v", l)
	}
}

func TestTerminalSettings(t *testing.T) {
	d := everydaySite()
	k := &keyboard{session: session{level: 15, line: "vty 0", history: 20, length: 24, width: 80, monitor: true}}
	for _, c := range []struct {
		line                   string
		length, width, history int
		monitor                bool
	}{
		{"terminal length 10", 10, 80, 20, true},
		{"terminal no length", 0, 80, 20, true},
		{"terminal default length", -1, 80, 20, true},
		{"terminal width 511", -1, 511, 20, true},
		{"terminal default width", -1, -1, 20, true},
		{"terminal history size 5", -1, -1, 5, true},
		{"terminal no history", -1, -1, 0, true},
		{"terminal history", -1, -1, 20, true},
		{"terminal default monitor", -1, -1, 20, false},
		{"terminal monitor", -1, -1, 20, true},
		{"terminal no monitor", -1, -1, 20, false},
	} {
		if err := typedAt(d, k, c.line); err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		if s := k.session; s.length != c.length || s.width != c.width || s.history != c.history || s.monitor != c.monitor {
			t.Errorf("%s: %+v", c.line, s)
		}
	}
	k.Reset()
	typedAt(d, k, "show terminal")
	if !strings.HasPrefix(k.String(), "Line 2, Location: \"\", Type: \"\"\nLength: -1 lines, Width: -1 columns\n") {
		t.Errorf("show terminal:\n%s", k.String())
	}
}

func TestTechSupport(t *testing.T) {
	d := everydaySite()
	if errs := Load(&d.config, "crypto isakmp key CISCO address 10.0.0.1\n"); errs != nil {
		t.Fatal(errs)
	}
	k := &keyboard{session: session{level: 15, line: "console"}}
	if err := typedAt(d, k, "show tech-support"); err != nil {
		t.Fatal(err)
	}
	for _, line := range techCommands {
		if !strings.Contains(k.String(), "\n------------------ "+line+" ------------------\n\n") {
			t.Errorf("%s is missing", line)
		}
	}
	if s := k.String(); strings.Contains(s, "CISCO") || !strings.Contains(s, "crypto isakmp key") {
		t.Error("the secret is in the report, or its line is not")
	}
}

// joinedKeyboard is a keyboard that can be joined to another host.
type joinedKeyboard struct {
	keyboard
	typed chan string
}

func (k *joinedKeyboard) Keys(ctx context.Context) (string, error) {
	select {
	case s, ok := <-k.typed:
		if ok {
			return s, nil
		}
		return "", io.EOF
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestTelnet(t *testing.T) {
	d := everydaySite()
	d.dial = func(vrf string, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
		switch {
		case to.Port() == 80:
			return nil, fmt.Errorf("dial: %w", netdev.ErrNotSupported)
		case to.Port() == 81:
			return nil, fmt.Errorf("connection refused")
		case to.Port() == 82:
			return nil, context.DeadlineExceeded
		case vrf != "RED" || from != addr("2.2.2.2") || to.Addr() != addr("4.4.4.4"):
			return nil, fmt.Errorf("no route")
		}
		ours, theirs := net.Pipe()
		go func() { // a host that echoes a line and hangs up
			defer theirs.Close()
			io.WriteString(theirs, "\r\nR4>")
			var b [8]byte
			n, _ := io.ReadAtLeast(theirs, b[:], 3)
			io.WriteString(theirs, strings.TrimRight(string(b[:n]), "\r\x00")+"\r\nbye\r\n")
		}()
		return ours, nil
	}
	for line, want := range map[string]string{
		"telnet 4.4.4.4 80": "Trying 4.4.4.4, 80 ... \n% There is no TCP in the network of this router: it carries IP, UDP and ICMP\n",
		"telnet R4 81":      "Trying R4 (4.4.4.4), 81 ... \n% Connection refused by remote host\n",
		"telnet R4 82":      "Trying R4 (4.4.4.4), 82 ... \n% Connection timed out; remote host not responding\n",
		"telnet 4.4.4.5":    "Trying 4.4.4.5 ... \n% Destination unreachable; gateway or host down\n",
		"telnet R4 /vrf RED /source-interface lo0": "Trying R4 (4.4.4.4) ... Open\n\nR4>q\nbye\n\n[Connection to R4 closed by foreign host]\n",
		"ssh -l bob R4": "% There is no TCP in the network of this router: it carries IP, UDP and ICMP\n",
	} {
		k := &joinedKeyboard{typed: make(chan string, 2)}
		k.typed <- "q"
		k.typed <- "\r"
		if err := typedAt(d, k, line); err != nil {
			fmt.Fprintln(k, err)
		}
		if diff := cmp.Diff(want, k.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

// dataTerminal takes data.
type dataTerminal struct {
	keyboard
	took bool
}

func (d *dataTerminal) Data(any) (bool, error) { d.took = true; return true, nil }

// textOnly are commands whose output is text in the first place.
var textOnly = regexp.MustCompile(`debugging|tech-support|running-config|startup-config|archive|parser|sessions|configuration|reload`)

// Every show command of a snapshot offers it.
func TestShowCommandsOfferData(t *testing.T) {
	d := everydaySite()
	shown := 0
	mode := Exec(d, d)
	for _, c := range mode.Commands {
		if line := grammar.Syntax(c.Syntax); !strings.HasPrefix(line, "show ") || textOnly.MatchString(line) {
			continue
		}
		samples, err := grammartest.Samples(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range samples {
			m, err := mode.Parse(line, 15)
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			shown++
			k := &dataTerminal{keyboard: keyboard{session: session{level: 15}}}
			if err := m.Command.Run(context.Background(), k, m.Args); err == nil && !k.took {
				t.Errorf("%s printed text", line)
			}
		}
	}
	if shown < 40 {
		t.Errorf("only %d commands", shown)
	}
}
