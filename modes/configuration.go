package modes

import (
	"sync"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// builder makes the modes of configuration.
type builder struct {
	op     Operator // nil: actions do nothing
	global *grammar.Mode
	// sections are the commands of global configuration in the order in which
	// IOS prints them, those between two `!` together.
	sections []*grammar.Mode
}

// Configuration is global configuration mode with all modes below it. Actions
// (`crypto key generate`) act through op, which may be nil where a file is
// only read. An op that is a View as well gives lines their notes: a group
// that does not exist yet, an RSA key that does.
//
// The target of the mode is a *runningconfig.Config. The tree that is returned
// is immutable: sessions may share it.
func Configuration(op Operator) *grammar.Mode { return build(op).global }

// reading is the grammar that files are read and printed with.
var reading = sync.OnceValue(func() *builder { return build(nil) })

func build(op Operator) *builder {
	b := &builder{op: op}
	b.global = &grammar.Mode{Name: "config", Prompt: prompt("(config)")}
	b.add(b.rsaKeys(), b.keyFiles(), b.ecKeys())
	for _, s := range b.identification() {
		b.add(s)
	}
	routers, routeMaps := b.stanzas()
	b.add(b.vrfs())
	for _, s := range b.names() {
		b.add(s)
	}
	b.add([]*grammar.Command{b.track()})
	b.add([]*grammar.Command{b.timeRange()})
	b.add(b.pki())
	b.add(b.archive())
	b.add([]*grammar.Command{b.classMap()})
	b.add([]*grammar.Command{b.policyMap()})
	b.add(b.keyrings())
	b.add(b.isakmp())
	lifetime, transforms, profiles := b.ipsec()
	b.add(lifetime)
	b.add(transforms)
	b.add(profiles)
	b.add(b.groups())
	b.add(b.cryptoMaps())
	b.add(b.interfaces())
	b.add(routers)
	before, after := b.forwarding()
	b.add(before, b.multicast(), b.routes(), []*grammar.Command{b.ipv6Routes()}, after)
	named, numbered := b.accessLists()
	b.add(named)
	b.add(b.remoteLogging())
	b.add(numbered)
	b.add(routeMaps)
	b.add(b.snmp())
	b.add([]*grammar.Command{b.ipv6AccessList()})
	b.add([]*grammar.Command{b.callHome()})
	for _, s := range b.closing() {
		b.add(s)
	}
	return b
}

// add appends a section to global configuration.
func (b *builder) add(groups ...[]*grammar.Command) {
	section := &grammar.Mode{Name: b.global.Name}
	for _, g := range groups {
		b.global.Add(g...)
		section.Add(g...)
	}
	b.sections = append(b.sections, section)
}

// mode makes a mode below global configuration.
func (b *builder) mode(name, text string) *grammar.Mode {
	return &grammar.Mode{Name: name, Parent: b.global, Prompt: prompt(text)}
}

func prompt(text string) func(any, []grammar.Frame) string {
	return func(any, []grammar.Frame) string { return text }
}

// Load applies configuration text to a tree, as a paste into a router without
// terminal would: lines that are not accepted are returned, the rest applies.
func Load(c *runningconfig.Config, text string) []grammar.LineError {
	return grammar.Load(reading().global, c, text)
}
