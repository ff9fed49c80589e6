package modes

import (
	"fmt"
	"testing"
	"time"

	"coterie/netdev"

	"github.com/google/go-cmp/cmp"
)

// listener has joined multicast groups.
type listener struct {
	*everydayDevice
	joined []netdev.Membership
}

func (l *listener) Memberships() ([]netdev.Membership, bool) { return l.joined, l.joined != nil }

func TestShowIGMPGroups(t *testing.T) {
	d := &listener{everydayDevice: everydaySite()}
	joined := []netdev.Membership{
		{Interface: "Ethernet0/0", Group: addr("239.10.10.1"), Reporter: addr("192.168.1.2"), Since: d.Now().Add(-90 * time.Second), Sockets: 1},
		{Interface: "GigabitEthernet0/0/4", Group: addr("225.1.1.1"), Reporter: addr("200.1.1.1"), Since: d.Now().Add(-135 * time.Hour), Sockets: 2},
		{VRF: "RED", Interface: "Ethernet0/1", Group: addr("239.1.1.1"), Reporter: addr("10.0.0.1"), Since: d.Now(), Sockets: 1},
	}
	const head = "IGMP Connected Group Membership\n" +
		"Group Address    Interface                Uptime    Expires   Last Reporter   Group Accounted\n"
	for _, c := range []struct {
		line   string
		joined []netdev.Membership
		want   string
	}{
		{"show ip igmp groups", joined, head +
			"225.1.1.1        GigabitEthernet0/0/4     5d15h     never     200.1.1.1\n" +
			"239.10.10.1      Ethernet0/0              00:01:30  never     192.168.1.2\n"},
		{"show ip igmp groups 239.10.10.1", joined, head + "239.10.10.1      Ethernet0/0              00:01:30  never     192.168.1.2\n"},
		{"show ip igmp groups g0/0/4", joined, head + "225.1.1.1        GigabitEthernet0/0/4     5d15h     never     200.1.1.1\n"},
		{"show ip igmp vrf RED groups", joined, head + "239.1.1.1        Ethernet0/1              00:00:00  never     10.0.0.1\n"},
		{"show ip igmp groups", []netdev.Membership{}, head},
		{"show ip igmp groups", nil, "% IGMP is that of the host and cannot be shown here\n"},
	} {
		d.joined = c.joined
		k := &keyboard{session: session{level: 15, line: "console"}}
		m, err := Exec(d, d).Parse(c.line, 15)
		if err != nil {
			t.Fatalf("%s: %v", c.line, err)
		}
		if err := m.Command.Run(t.Context(), k, m.Args); err != nil {
			fmt.Fprintln(k, err)
		}
		if diff := cmp.Diff(c.want, k.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.line, diff)
		}
	}
}
