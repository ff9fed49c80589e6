package lab_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"coterie/lab"
)

// runLab runs `coterie lab ARGS` without a terminal.
func runLab(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	fs := flag.NewFlagSet("lab", flag.ContinueOnError)
	var opts lab.Options
	lab.Flags(fs, &opts)
	opts.Name = args[0]
	if err := fs.Parse(args[1:]); err != nil {
		t.Fatal(err)
	}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var out, errs bytes.Buffer
	code = lab.Run(context.Background(), opts, stdin, &out, &errs)
	if errs.Len() > 0 {
		t.Logf("stderr:\n%s", errs.String())
	}
	return out.String(), code
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

// TestBasic: one key server, four members, a ping across the WAN.
func TestBasic(t *testing.T) {
	out, code := runLab(t, "basic",
		"-x", "R2# show crypto gdoi gm",
		"-x", "R2# ping 4.4.4.4 source Loopback0 repeat 20",
		"-x", "R2# show crypto gdoi gm dataplane counters")
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	contains(t, out, "Registration status   : Registered", "Success rate is 100 percent (20/20)",
		"#pkts encrypt            : 20", "#pkts decrypt            : 20")
}

// TestRekeyUnderTraffic: a rekey in the middle of a flood loses nothing, every
// member logs it, and both TEKs show while they overlap.
func TestRekeyUnderTraffic(t *testing.T) {
	var lines []string
	x := func(l string) { lines = append(lines, "-x", l) }
	x("R2# ping 4.4.4.4 source Loopback0 repeat 20000 &")
	x("R1# crypto gdoi ks rekey")
	for _, n := range []string{"R2", "R3", "R4", "R5"} {
		x("@wait " + n + " /GM_RECV_REKEY/ 10 show logging")
	}
	x("R2# show crypto gdoi")
	x("@join R2")
	x("R1# show crypto gdoi ks members")
	out, code := runLab(t, append([]string{"basic"}, lines...)...)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	contains(t, out, "Success rate is 100 percent (20000/20000)", "Active TEK Number     : 2",
		"%GDOI-5-KS_SEND_UNICAST_REKEY: Sending Unicast Rekey for group GDOI_GROUP from address 192.168.1.254 with seq # 1")
	if n := len(regexp.MustCompile(`(?m)^ Rekey Acks Rcvd   : 1$`).FindAllString(out, -1)); n != 4 {
		t.Errorf("%d members acknowledged, want 4:\n%s", n, out)
	}
	if n := strings.Count(out, "spi: 0x"); n < 2 {
		t.Errorf("%d SPIs on R2 during the overlap, want 2", n)
	}
}

// TestFirstErrorEndsTheScript: a script stops at the first % error with status
// 1, and -k goes on.
func TestFirstErrorEndsTheScript(t *testing.T) {
	out, code := runLab(t, "basic", "-x", "R2# show cryptoo", "-x", "R2# show clock")
	if code != 1 || strings.Contains(out, "UTC") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	contains(t, out, "R2#show cryptoo", "^", "% Invalid input detected at '^' marker.")
	out, code = runLab(t, "basic", "-k", "-x", "R2# show cryptoo", "-x", "R2# show clock")
	if !strings.Contains(out, "UTC") {
		t.Errorf("-k did not go on (exit %d):\n%s", code, out)
	}
}

// TestConfigurationThroughTheLab: lines keep their mode between them, edits
// take effect, and running-config shows them.
func TestConfigurationThroughTheLab(t *testing.T) {
	out, code := runLab(t, "basic",
		"-x", "R1# configure terminal", "-x", "R1# ip access-list extended ICMP", "-x", "R1# 5 deny icmp host 3.3.3.3 any", "-x", "R1# end",
		"-x", "R1# crypto gdoi ks rekey",
		"-x", "@wait R2 /deny icmp host 3.3.3.3 any/ 20 show crypto gdoi gm acl",
		"-x", "R1# show running-config | section ip access-list")
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	contains(t, out, "R1(config)#ip access-list extended ICMP", "R1(config-ext-nacl)#5 deny",
		"%SYS-5-CONFIG_I: Configured from console by console",
		"%GDOI-5-POLICY_CHANGE: GDOI group GDOI_GROUP policy has changed.",
		"Sending Unicast Rekey with policy-replace for group GDOI_GROUP",
		"   access-list   deny icmp host 3.3.3.3 any",
		"ip access-list extended ICMP\n deny   icmp host 3.3.3.3 any\n permit icmp any any")
	if strings.Index(out, "CONFIG_I") > strings.Index(out, "POLICY_CHANGE") {
		t.Error("POLICY_CHANGE is said before configuration mode was left")
	}
}
