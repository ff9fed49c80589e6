package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	"coterie/lab"
)

// basicLab runs f on the basic lab, all of whose members are registered.
func basicLab(t *testing.T, f func(t *testing.T, l *lab.Lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		topology, err := lab.Find("basic")
		if err != nil {
			t.Fatal(err)
		}
		l, err := lab.New(topology, lab.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.Boot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Settle(t.Context(), time.Minute); err != nil {
			t.Fatal(err)
		}
		f(t, l)
	})
}

// TestJSON: every show command is valid JSON behind `| json`, on a key server
// and on a member, and none of them shows a secret.
func TestJSON(t *testing.T) {
	basicLab(t, func(t *testing.T, l *lab.Lab) {
		for _, node := range []string{"R1", "R2"} {
			device := l.Node(node).Appliance()
			s := cli.New(cli.Config{Device: device, Level: 15})
			execute := func(line string) (string, error) {
				var out bytes.Buffer
				err := s.Execute(t.Context(), line, &out, nil)
				return out.String(), err
			}
			execute("write memory")
			count := 0
			for _, c := range device.Exec().Commands {
				if !strings.HasPrefix(grammar.Syntax(c.Syntax), "show ") {
					continue
				}
				samples, err := grammartest.Samples(c)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range samples {
					text, err := execute(line + " | json")
					switch {
					case err != nil: // the sample names what is not there
						if !strings.HasPrefix(text, "%") {
							t.Errorf("%s# %s: %v, %q", node, line, err, text)
						}
						continue
					case !json.Valid([]byte(text)):
						t.Errorf("%s# %s is no JSON:\n%s", node, line, text)
					case strings.Contains(text, "MY_KEY"):
						t.Errorf("%s# %s shows the pre-shared key", node, line)
					}
					count++
				}
			}
			if count < 60 {
				t.Errorf("%s: %d commands", node, count)
			}
			s.Close()
		}
	})
}

// TestEveryday: what is typed every day, on the real thing.
func TestEveryday(t *testing.T) {
	basicLab(t, func(t *testing.T, l *lab.Lab) {
		s := cli.New(cli.Config{Device: l.Node("R2").Appliance(), Level: 15})
		defer s.Close()
		for _, c := range []struct {
			line    string
			answers cli.Lines
			want    string // regular expression
		}{
			{"terminal history size 100", nil, `^$`},
			{"ping 192.168.1.4", nil, `!!!!!\nSuccess rate is 100 percent \(5/5\), round-trip min/avg/max = \d+/\d+/\d+ ms\n$`},
			{"ping 192.168.1.4 verbose repeat 2", nil, `\nReply to request 0 \(\d+ ms\)\nReply to request 1 \(\d+ ms\)\nSuccess rate is 100 percent`},
			{"ping 192.168.1.4 size 1600 df-bit repeat 3", nil, `Packet sent with the DF bit set\nMMM\nSuccess rate is 0 percent \(0/3\)\n$`},
			{"ping 192.168.1.4 timeout 0 repeat 3", nil, `timeout is 0 seconds:\n[.!]{3}\nSuccess rate is \d+ percent \(\d/3\)`},
			{"ping 192.168.1.99 repeat 2", nil, `\n\.\.\nSuccess rate is 0 percent \(0/2\)\n$`},
			{"ping", cli.Lines{"", "192.168.1.4", "1", "", "", "y", "", "", "y", "", "", "v", "", "y", "1400", "1600", "100"},
				`Sending 3, \[1400\.\.1600\]-byte ICMP Echos to 192\.168\.1\.4, timeout is 2 seconds:\nPacket sent with the DF bit set\n` +
					`Reply to request 0 \(\d+ ms\) \(size 1400\)\n` +
					`Unreachable from 192\.168\.1\.2, fragmentation needed and DF set \(size 1500\)\nUnreachable from 192\.168\.1\.2, fragmentation needed and DF set \(size 1600\)\nSuccess rate is 33 percent \(1/3\)`},
			{"traceroute 192.168.1.4 numeric probe 1", nil, `\n  1 192\.168\.1\.4 \d+ msec\n$`},
			{"show arp", nil, `(?m)^Internet  192\.168\.1\.2 +-   [0-9a-f.]{14}  ARPA   \S+0/0\n(.*\n)*Internet  192\.168\.1\.4 +\d   [0-9a-f.]{14}  ARPA   \S+0/0\n(.*\n)*Internet  192\.168\.1\.99 +\d   Incomplete      ARPA$`},
			{"telnet 192.168.1.254", nil, `^Trying 192\.168\.1\.254 \.\.\. \n% There is no TCP`},
			{"clock set 10:00:00 1 jan 2027", nil, `^% The clock is that of the lab`},
			{"show clock | redirect flash:notes", nil, `^$`},
			{"show clock | append flash:notes", nil, `^$`},
			{"show version | tee /append flash:notes", nil, `^Coterie Software`},
			{"more flash:notes", nil, `^\*.* UTC .*\n\*.* UTC .*\nCoterie Software`},
			{"more flash:notes | count UTC", nil, `^Number of lines which match regexp = [23]\n$`},
			{"dir", nil, ` notes\n`},
			{"show clock | redirect nvram:private-config", nil, `^%Error opening nvram:private-config \(Permission denied\)\n$`},
			{"show clock | redirect nvram:startup-config", nil, `^%Error opening nvram:startup-config \(Permission denied\)\n$`},
			{"show clock | redirect tftp://1.1.1.1/x", nil, `^%Error opening tftp://1\.1\.1\.1/x \(.*\)\n$`},
			{"show clock | redirect flash:../../etc/passwd", nil, `^%Error opening`},
			{"show clock | redirect flash:", nil, `^%Error opening flash: \(Is a directory\)\n$`},
			{"clear counters", cli.Lines{"y"}, `all interfaces \[confirm\]y\n`},
			{"show interfaces e0/0 counters", nil, `(?m)^Et0/0 +0 +0 +0$`},
			{"show interfaces | include Last clearing", nil, `^  Last clearing of "show interface" counters 00:00:0\d\n`},
			{"show ip route 4.4.4.4", nil, `^Routing entry for 4\.4\.4\.4/32\n  Known via "static", distance 1, metric 0\n`},
			{"show tech-support", nil, `(?s)^\n------------------ show version ------------------\n\nCoterie.*\n------------------ show logging ------------------\n\nSyslog logging`},
			{"show history", nil, `ping 192\.168\.1\.4 verbose repeat 2\n`},
		} {
			var out bytes.Buffer
			s.Execute(t.Context(), c.line, &out, &c.answers)
			if !regexp.MustCompile(c.want).MatchString(out.String()) {
				t.Errorf("R2# %s\n%s\nwant %s", c.line, out.String(), c.want)
			}
		}
		// Ctrl-C before the first answer: what was sent is summed up.
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var out bytes.Buffer
		s.Execute(ctx, "ping 192.168.1.99", &out, nil)
		if !strings.HasSuffix(out.String(), "Success rate is 0 percent (0/1)\n") {
			t.Errorf("interrupted:\n%s", out.String())
		}
	})
}
