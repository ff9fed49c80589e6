package modes

import (
	"strings"
	"testing"

	"coterie/cli/grammar"
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

// What is typed at a terminal in any order is accepted, and what it shows is
// accepted by the next router: a group that becomes one of IPv6 after a map
// names it is only noted.
func TestTypedInAnyOrder(t *testing.T) {
	typed := func(w *workshop, text string) string {
		t.Helper()
		var screen desk
		stack := grammar.NewStack(Configuration(w))
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); grammar.Blank(line) {
				continue
			}
			r, err := stack.Resolve(line, 15, &w.tree)
			if err == nil && r.Command.Before != nil {
				_, err = r.Command.Before(t.Context(), &screen, r.Match)
			}
			if err == nil {
				err = stack.Apply(&w.tree, r)
			}
			if err == nil && r.Command.Run != nil {
				err = r.Command.Run(t.Context(), &screen, r.Args)
			}
			if err != nil {
				t.Errorf("%q of\n%s%v", line, text, err)
			}
		}
		return screen.String()
	}
	const (
		new4, new6 = "% NOTE: This new crypto map will remain disabled until a valid\n\tgroup has been configured.\n", "crypto map ipv6 B 10 gdoi\n"
		absent     = "% group G6 doesn't yet exist.\n"
		wrong      = "% Group G6 is an IPv6 group and Crypto map is for IPv4.Please set an IPv4 group.\n"
		aMap       = "crypto map A 10 gdoi\n set group G6\n"
		group      = "crypto gdoi group ipv6 G6\n"
	)
	for _, tt := range []struct{ text, screen string }{
		{aMap + group, new4 + absent},
		{group + aMap, new4 + wrong},
		{group + new6 + aMap, new4 + new4},
		{aMap + new6 + group, new4 + absent + new4},
	} {
		first, second := new(workshop), new(workshop)
		if screen := typed(first, tt.text); screen != tt.screen {
			t.Errorf("%sprints\n%s", tt.text, screen)
		}
		shown := printed(t, &first.tree, false)
		typed(second, shown)
		if again := printed(t, &second.tree, false); again != shown {
			t.Errorf("%sprints\n%sread as\n%s", tt.text, shown, again)
		}
	}
}
