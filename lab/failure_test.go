package lab_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coterie/lab"
	"coterie/netdev"
)

// TestFailuresNameTheirCause: a mistake on one side leaves that member
// unregistered and retrying, disturbs nobody else, and is named within 60 s on
// the side that knows it.
func TestFailuresNameTheirCause(t *testing.T) {
	const psk = "crypto isakmp key MY_KEY address 192.168.1.254"
	for _, c := range []struct {
		name     string
		node     string   // whose configuration is wrong
		edits    []string // old and new, in pairs
		ks, gm   string   // parts of the lines, "" where that side cannot know
		everyone bool     // the mistake is the key server's and concerns all members
	}{
		{"wrong PSK", "R2", []string{psk, "crypto isakmp key OTHER address 192.168.1.254"},
			"%CRYPTO-4-IKMP_BAD_MESSAGE: IKE message from 192.168.1.2 failed its sanity check or is malformed", "", false},
		{"wrong group number", "R2", []string{"identity number 123", "identity number 124"},
			"%GDOI-3-KS_BAD_ID: Registration: ", "", false},
		{"transform-set missing", "R1", []string{"crypto ipsec transform-set TRANSFORM_SET esp-aes 256 esp-sha256-hmac\n mode tunnel\n", ""},
			"transform-set TRANSFORM_SET of profile IPSEC_PROFILE does not exist", "", true},
		{"ACL missing", "R1", []string{"ip access-list extended ICMP\n permit icmp any any\n", ""},
			"access-list ICMP of sa ipsec 1 does not exist", "", true},
		{"KS unreachable", "R2", []string{"server address ipv4 192.168.1.254", "server address ipv4 192.168.1.253", psk, "crypto isakmp key MY_KEY address 0.0.0.0"},
			"", "%GDOI-4-GM_KS_NO_ANSWER: Registration: no answer from KS 192.168.1.253 for group GDOI_GROUP", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, j := start(t, func(p *lab.Topology) {
					for i := 0; i < len(c.edits); i += 2 {
						edit(t, p, c.node, c.edits[i], c.edits[i+1])
					}
				})
				time.Sleep(time.Minute)
				if !strings.Contains(j.text("R1"), c.ks) {
					t.Errorf("the key server does not say %q:\n%s", c.ks, j.text("R1"))
				}
				if !strings.Contains(j.text("R2"), c.gm) {
					t.Errorf("the member does not say %q:\n%s", c.gm, j.text("R2"))
				}
				before := registering(t, l, "R2")
				time.Sleep(5 * time.Minute)
				if after := registering(t, l, "R2"); after <= before {
					t.Errorf("the member does not retry: %d attempts, then %d", before, after)
				}
				for _, n := range []string{"R3", "R4", "R5"} {
					m := l.Node(n).Appliance().Members()[0]
					if registered := m.Status == "Registered" && m.Attempted == 1; registered == c.everyone {
						t.Errorf("%s: %s after %d attempts", n, m.Status, m.Attempted)
					}
				}
				if c.everyone {
					return
				}
				if r, err := ping(l, "R3", "3.3.3.3", "4.4.4.4", 1); err != nil || r.Outcome != netdev.ProbeReply {
					t.Errorf("R3 -> R4: %v %v", r.Outcome, err)
				}
			})
		})
	}
}

// registering checks that a member has not registered and counts its attempts.
func registering(t *testing.T, l *lab.Lab, node string) uint64 {
	t.Helper()
	m := l.Node(node).Appliance().Members()[0]
	if m.Status == "Registered" || m.Succeeded > 0 || len(m.TEKs) > 0 {
		t.Errorf("%s registered", node)
	}
	return m.Attempted
}
