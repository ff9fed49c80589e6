package modes

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	runningconfig "coterie/running-config"
)

// prepared is the tree that lines are tried on.
func prepared(root any) {
	c := root.(*runningconfig.Config)
	c.AccessLists = append(c.AccessLists, &runningconfig.AccessList{Name: "OLD", Extended: true})
}

// normal is a copy of a tree without what no line tells: numbers of entries,
// what was said without effect.
func normal(root any) *runningconfig.Config {
	c := root.(*runningconfig.Config).Clone()
	for _, l := range c.AccessLists {
		for i := range l.Entries {
			l.Entries[i].Sequence = i
		}
	}
	for _, i := range c.Interfaces {
		i.NoShutdown, i.NoAddress = false, false
	}
	return c
}

func TestConfigurationKeepsTheLaws(t *testing.T) {
	for _, err := range grammartest.Check(Configuration(nil), grammartest.Options{
		New:     func() any { return new(runningconfig.Config) },
		Prepare: prepared,
		Shadows: shadows,
		Same:    func(a, b any) bool { return reflect.DeepEqual(normal(a), normal(b)) },
	}) {
		t.Error(err)
	}
}

// shadows are the lines that a mode takes from a mode around it on purpose.
var shadows = func() map[string]string {
	out := map[string]string{
		"config-pmap > config: class":               "an abbreviation of class-map",
		"config-pmap > config: class class-default": "an abbreviation of class-map",
		"gdoi-local-server > config: redundancy":    "of key servers; that of a chassis is only kept",
		"config-if > config: ip nat":                "of an interface, and of the router",
		"conf-ssh-pubkey > config: username":        "of its keys, and of the user",
		"config-router > config: version":           "of RIP; that of the release is only kept",
		"config-router-af > config: version":        "of RIP; that of the release is only kept",
	}
	for _, w := range []string{"both", "export", "import"} {
		out["config-vrf-af > config-vrf: route-target "+w] = "of one family, and of all"
	}
	for _, w := range strings.Fields(routingLines) {
		out["config-router-af > config-router: "+w] = "of one family, and of the process"
	}
	return out
}()

func TestModesAreReachable(t *testing.T) {
	var seen []string
	grammar.Walk(Configuration(nil), func(path []*grammar.Mode, c *grammar.Command) { seen = append(seen, path[len(path)-1].Name) })
	for _, name := range []string{"config", "config-isakmp", "cfg-crypto-trans", "ipsec-profile", "config-gdoi-group", "gdoi-local-server",
		"gdoi-sa-ipsec", "gdoi-coop-ks-config", "config-crypto-map", "crypto-map-fail-close", "config-if", "config-ext-nacl", "config-std-nacl", "config-line"} {
		if !slices.Contains(seen, name) {
			t.Errorf("no command in %s", name)
		}
	}
}
