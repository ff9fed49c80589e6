package modes

import (
	"slices"
	"testing"

	"coterie/cli/grammar"
	"coterie/crypto/keys"
)

// Tab and `?` name what the configuration and the key store have, in the modes
// where a name is expected.
func TestNames(t *testing.T) {
	tree := loaded(t, `vrf definition MGMT
track 77 stub-object
time-range WORK
crypto identity WHO
crypto pki trustpoint CORP
class-map match-any VOICE
policy-map EDGE
crypto keyring RING
crypto isakmp profile PHASE1
crypto ipsec transform-set STRONG esp-aes 256 esp-sha256-hmac
crypto ipsec profile PHASE2
crypto gdoi group GETVPN
 server local
crypto map MAP 1 gdoi
interface Loopback7
ip access-list extended POLICY
`)
	v := vault{&workshop{tree: *tree}, map[string]keys.Pair{"RSA1": {Label: "RSA1"}}}
	global := Configuration(v)
	ks := []string{"crypto gdoi group GETVPN", "server local"}
	iface := []string{"interface Loopback7"}
	for _, c := range []struct {
		in   []string
		line string
		want string
	}{
		{nil, "crypto key export rsa ", "RSA1"},
		{nil, "crypto key zeroize rsa ", "RSA1"},
		{nil, "no crypto keyring ", "RING"},
		{nil, "no crypto isakmp profile ", "PHASE1"},
		{nil, "no vrf definition ", "MGMT"},
		{nil, "ip route vrf ", "MGMT"},
		{nil, "no ip access-list extended ", "POLICY"},
		{ks, "authorization identity ", "WHO"},
		{ks, "registration periodic crl trustpoint ", "CORP"},
		{ks, "rekey address ipv4 ", "POLICY"},
		{ks, "rekey authentication mypubkey rsa ", "RSA1"},
		{[]string{"crypto gdoi group GETVPN"}, "client transform-sets ", "STRONG"},
		{[]string{"crypto gdoi group GETVPN"}, "client status active-sa track ", "77"},
		{[]string{"crypto ipsec profile PHASE2"}, "set isakmp-profile ", "PHASE1"},
		{[]string{"crypto isakmp profile PHASE1"}, "keyring ", "RING"},
		{[]string{"crypto isakmp profile PHASE1"}, "ca trust-point ", "CORP"},
		{[]string{"crypto map MAP 1 gdoi"}, "set group ", "GETVPN"},
		{iface, "crypto map ", "MAP"},
		{iface, "vrf forwarding ", "MGMT"},
		{iface, "service-policy output ", "EDGE"},
		{iface, "tunnel protection ipsec profile ", "PHASE2"},
		{iface, "ip access-group ", "POLICY"},
		{[]string{"policy-map EDGE"}, "class ", "VOICE"},
		{[]string{"ip access-list extended POLICY"}, "permit ip any any time-range ", "WORK"},
	} {
		stack := grammar.NewStack(global)
		for _, line := range c.in {
			r, err := stack.Resolve(line, 15, tree)
			if err == nil {
				err = stack.Apply(tree, r)
			}
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		half := c.line + c.want[:1]
		h, err := stack.Help(half, 15, tree)
		if err != nil || !slices.Contains(h.Words, c.want) {
			t.Errorf("%s?: %q, %v", half, h.Words, err)
		}
		if rest, ok := stack.Complete(half, 15, tree); !ok || half+rest != c.line+c.want+" " {
			t.Errorf("%s<Tab>: %q, %v", half, rest, ok)
		}
	}
}
