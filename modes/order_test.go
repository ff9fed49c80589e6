package modes

import (
	"strings"
	"testing"

	runningconfig "coterie/running-config"
)

// What is printed reads back as the same, in the same order, whatever the order
// it was typed in.
func TestPrintedIsReadBack(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"local address of the second map", "crypto map A 10 gdoi\ncrypto map B 10 gdoi\ncrypto map B local-address Loopback0\n",
			"crypto map B local-address Loopback0\ncrypto map B 10 gdoi\ncrypto map A 10 gdoi\n"},
		{"fail-close of the second map", "crypto map A 10 gdoi\ncrypto map B 10 gdoi\ncrypto map B gdoi fail-close\n",
			"crypto map B gdoi fail-close\ncrypto map B 10 gdoi\ncrypto map A 10 gdoi\n"},
		{"a service that is taken back", "service pad\nservice finger\nno service pad\n", "service finger\nno service pad\n"},
		{"a key that is a type", "crypto isakmp key 0 0 address 10.0.0.1\ncrypto isakmp key 0 6 address 10.0.0.2\ncrypto isakmp key 6 0 address 10.0.0.3\ncrypto isakmp key 0 7 address 10.0.0.4\n",
			"crypto isakmp key 0 0 address 10.0.0.1\ncrypto isakmp key 0 6 address 10.0.0.2\ncrypto isakmp key 6 0 address 10.0.0.3\ncrypto isakmp key 7 address 10.0.0.4\n"},
		{"a key of a keyring that is a type", "crypto keyring K\n pre-shared-key address 10.0.0.1 key 0 6\n", "crypto keyring K\n pre-shared-key address 10.0.0.1 key 0 6\n"},
	} {
		c := new(runningconfig.Config)
		for _, e := range Load(c, tt.text) {
			t.Fatalf("%s: %q: %v", tt.name, e.Text, e.Err)
		}
		got := printed(t, c, false)
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q is not in\n%s", tt.name, tt.want, got)
		}
		again := new(runningconfig.Config)
		for _, e := range Load(again, got) {
			t.Errorf("%s: %q: %v", tt.name, e.Text, e.Err)
		}
		if text := printed(t, again, false); text != got {
			t.Errorf("%s: printed\n%sreads as\n%s", tt.name, got, text)
		}
	}
}
