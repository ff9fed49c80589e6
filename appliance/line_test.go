package appliance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLineSettings(t *testing.T) {
	c := parse(t, `
line con 0
 exec-timeout 0 0
 login local
line vty 0 4
 exec-timeout 5
 privilege level 7
 length 0
 width 132
 history size 50
line vty 5 6
 exec-timeout 0 30
 transport input telnet
line vty 7 15
 transport input ssh telnet
`)
	for _, tt := range []struct {
		kind string
		n    int
		want lineSettings
	}{
		{"con", 0, lineSettings{Login: "login local", Length: -1, Width: -1, History: -1, configured: true}},
		{"vty", 3, lineSettings{Timeout: 5 * time.Minute, Privilege: 7, Length: 0, Width: 132, History: 50, configured: true}},
		{"vty", 6, lineSettings{Timeout: 30 * time.Second, Transport: "telnet", Length: -1, Width: -1, History: -1, configured: true}},
		{"aux", 0, lineSettings{Timeout: 10 * time.Minute, Length: -1, Width: -1, History: -1}},
	} {
		got := settings(c, tt.kind, tt.n)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(lineSettings{})); diff != "" {
			t.Errorf("%s %d: %s", tt.kind, tt.n, diff)
		}
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13, 14, 15}, vtys(c, "ssh")); diff != "" {
		t.Error(diff)
	}
	if got := vtys(parse(t, "hostname R1\n"), "ssh"); len(got) != 5 {
		t.Errorf("without configuration: %v, want vty 0 to 4", got)
	}
	if got := vtys(parse(t, "line vty 0 4\n transport input none\n"), "ssh"); len(got) != 0 {
		t.Errorf("transport input none: %v", got)
	}
	for name, want := range map[string]int{"console": 0, "vty 0": 2, "vty 15": 17} {
		if got := lineNumber(name); got != want {
			t.Errorf("%s is line %d, want %d", name, got, want)
		}
	}
}
