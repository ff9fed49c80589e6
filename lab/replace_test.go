package lab_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coterie/cli"
	"coterie/internal/syslog"
	"coterie/lab"
	"coterie/modes"
	"coterie/netdev"
)

// replaced replaces a router's configuration by an edited one and returns the
// screen.
func replaced(t *testing.T, l *lab.Lab, node string, edits ...string) string {
	t.Helper()
	a := l.Node(node).Appliance()
	s := cli.New(cli.Config{Device: a, Level: 15})
	defer s.Close()
	var text strings.Builder
	s.Execute(context.Background(), "more system:running-config", &text, nil)
	config := strings.NewReplacer(edits...).Replace(text.String())
	if config == text.String() {
		t.Fatalf("%s: nothing to replace in\n%s", node, config)
	}
	if err := a.WriteFile(modes.File{System: "flash", Name: "edited"}, []byte(config)); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := s.Execute(context.Background(), "configure replace flash:edited list force", &out, nil); err != nil {
		t.Errorf("%s: %v\n%s", node, err, out.String())
	}
	return out.String()
}

// TestReplaceKeepsSAs: a replacement touches only what differs. Members keep
// their registration and their SAs whatever else of the configuration changes,
// on themselves and on the key server, and no ping is lost.
func TestReplaceKeepsSAs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, j := start(t)
		spi := l.Node("R2").Appliance().Members()[0].TEKs[0].SPI
		out := replaced(t, l, "R2", "interface Loopback0\n", "interface Loopback0\n description the host\n", "hostname R2\n", "hostname Branch\n")
		contains(t, out, "!Pass 1\n!List of Commands:\nhostname Branch\ninterface Loopback0\n description the host\nend\n\nTotal number of passes: 1\nRollback Done\n")
		replaced(t, l, "R1", "interface Ethernet0/0\n", "interface Ethernet0/0\n description to the members\n")
		if r, err := ping(l, "R2", "2.2.2.2", "4.4.4.4", 1); err != nil || r.Outcome != netdev.ProbeReply {
			t.Errorf("ping: %v, %v", r.Outcome, err)
		}
		time.Sleep(time.Minute)
		for _, n := range []string{"R2", "R3", "R4", "R5"} {
			if got := len(j.of(n, syslog.GMRegister)); got != 1 {
				t.Errorf("%s registered %d times", n, got)
			}
		}
		if got := l.Node("R2").Appliance().Members()[0].TEKs[0].SPI; got != spi {
			t.Errorf("R2 has SPI %x, had %x", got, spi)
		}
		if n := len(j.of("R1", syslog.PolicyChange)); n != 0 {
			t.Errorf("the policy changed %d times", n)
		}
		// What does change the policy is one change of one group.
		out = replaced(t, l, "R1", " permit icmp any any\n", " deny icmp host 9.9.9.9 any\n permit icmp any any\n")
		contains(t, out, "ip access-list extended ICMP\n 5 deny icmp host 9.9.9.9 any\nend\n")
		time.Sleep(time.Minute)
		if n := len(j.of("R1", syslog.PolicyChange)); n != 1 {
			t.Errorf("the policy changed %d times, want once", n)
		}
		for _, n := range []string{"R2", "R3", "R4", "R5"} {
			if got := len(j.of(n, syslog.GMRegister)); got != 1 {
				t.Errorf("%s registered %d times", n, got)
			}
		}
	})
}

// TestTimedRevert: a change that cuts a member off goes back by itself.
func TestTimedRevert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, j := start(t)
		s := cli.New(cli.Config{Device: l.Node("R2").Appliance(), Level: 15})
		defer s.Close()
		for _, line := range []string{"configure terminal", "archive", "path flash:before", "end", "configure terminal revert timer 5",
			"interface Ethernet0/0", "shutdown", "end"} {
			var out strings.Builder
			if err := s.Execute(context.Background(), line, &out, nil); err != nil {
				t.Fatalf("%s: %v\n%s", line, err, out.String())
			}
		}
		if r, _ := ping(l, "R2", "2.2.2.2", "4.4.4.4", 1); r.Outcome == netdev.ProbeReply {
			t.Error("the member is not cut off")
		}
		time.Sleep(6 * time.Minute)
		if r, err := ping(l, "R2", "2.2.2.2", "4.4.4.4", 2); err != nil || r.Outcome != netdev.ProbeReply {
			t.Errorf("ping after the rollback: %v, %v\n%s", r.Outcome, err, j.text("R2"))
		}
		if len(j.of("R2", syslog.RollbackStart)) != 1 {
			t.Error("the rollback is not logged")
		}
	})
}
