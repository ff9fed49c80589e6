package interop

import (
	"fmt"
	"strings"
	"testing"

	"coterie/internal/testenv"
)

// memberConfig is a group member at 10.9.0.1 that takes 10.9.0.2 for its key
// server. It offers two policies, of which the peer takes the second.
var memberConfig = fmt.Sprintf(`hostname GM1
crypto isakmp policy 10
 encr 3des
 hash sha
 authentication pre-share
 group 5
crypto isakmp policy 20
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto isakmp key %s address 10.9.0.2
crypto gdoi group G
 identity number 123
 server address ipv4 10.9.0.2
crypto map M 10 gdoi
 set group G
interface Ethernet0/0
 ip address 10.9.0.1 255.255.255.0
 crypto map M
 no shutdown
`, goodKey)

// redirect brings what is sent to UDP 848 to UDP 500, the port from which the
// daemons send IKE without a marker for NAT traversal.
func (h *host) redirect() {
	h.t.Helper()
	must(h.t, h.command(testenv.Tool(h.t, "nft"), "-f", "-"),
		"table ip interop {", "chain in {", "type nat hook prerouting priority dstnat;", "udp dport 848 redirect to :500", "}", "}")
}

// TestMember: a group member opens phase 1 to each of the daemons, which then
// refuse a GROUPKEY-PULL, because they serve no groups.
func TestMember(t *testing.T) {
	t.Run("strongSwan", func(t *testing.T) {
		router, h := newNetwork(t)
		h.redirect()
		peer := newStrongSwan(t, h, "connections {\n"+
			swanConnection{name: "member", local: "10.9.0.2", remote: "10.9.0.1", port: 848, proposals: suites[0].strongSwan}.String()+
			"}\nsecrets {\n  ike-1 {\n    id-1 = 10.9.0.1\n    id-2 = 10.9.0.2\n    secret = "+goodKey+"\n  }\n}\n", nil)
		seen := router.tap()
		gm := newRouter(t, router, memberConfig, 1)
		peer.await(t, "IKE_SA member[1] established between 10.9.0.2[10.9.0.2]...10.9.0.1[10.9.0.1]", 1)
		if out := peer.swanctl("--list-sas"); !strings.Contains(out, suites[0].swan) {
			t.Errorf("strongSwan has\n%s", out)
		}
		gm.shows(t, "10.9.0.2", suites[0].shown("psk"))
		seen.judge(t, "")
	})
	t.Run("libreswan", func(t *testing.T) {
		router, h := newNetwork(t)
		h.redirect()
		peer := newLibreSwan(t, h, 1, libreConnection{name: "member", local: "10.9.0.2", remote: "10.9.0.1", proposals: suites[0].libreSwan, more: []string{"authby=secret"}}.String(),
			fmt.Sprintf("10.9.0.2 10.9.0.1 : PSK %q\n", goodKey), nil)
		seen := router.tap()
		// pluto knows no DOI of a phase-1 SA but IPsec's.
		gm := newRouter(t, router, memberConfig+"platform gdoi wire phase1-doi 1\n", 1)
		peer.await(t, "IKE SA established {auth=PRESHARED_KEY "+suites[0].libre, 1)
		gm.shows(t, "10.9.0.2", suites[0].shown("psk"))
		seen.judge(t, "")
	})
}
