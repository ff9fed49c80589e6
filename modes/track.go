package modes

import "coterie/cli/grammar"

// track is `track N ...`. No object is followed: the state of a stub object is
// what the configuration says.
func (b *builder) track() *grammar.Command {
	m := b.mode("config-track", "(config-track)")
	m.ExitHelp = "Exit from tracking configuration mode"
	seconds := func(name string) grammar.Node { return grammar.Arg(name, grammar.Int(0, 180), "Seconds") }
	state := func() grammar.Node {
		return choice("", "down", "Set the default state to down", "up", "Set the default state to up")
	}
	m.Add(
		b.text("description", "Description of the tracked object"),
		store(stanzaText, single, grammar.Seq{grammar.Kw("default-state", "Default state of the stub object"), state()}),
		store(stanzaText, single, grammar.Seq{grammar.Kw("delay", "Tracking delay"), grammar.AnyOrder{
			grammar.Seq{grammar.Kw("down", "Delay down change notification"), seconds("Down")},
			grammar.Seq{grammar.Kw("up", "Delay up change notification"), seconds("Up")},
		}}),
		store(stanzaText, 0, grammar.Seq{grammar.Kw("object", "Object to track"), grammar.Arg("Object", grammar.Int(1, 1000), "Tracked object number").From(trackNumbers),
			grammar.OptionalUnderNo{Node: grammar.Opt{Node: mark("not", "Negate the state of the object")}}}, "Object"),
	)
	return heading(globalSections, grammar.Seq{grammar.Kw("track", "Object tracking configuration commands"),
		grammar.Arg("Number", grammar.Int(1, 1000), "Tracked object").From(trackNumbers),
		grammar.OptionalUnderNo{Node: grammar.Opt{Node: grammar.Alt{
			branch("Kind", "interface", "Select an interface to track", interfaceWord("Interface", "Interface name"),
				choice("What", "ip", "IP routing", "line-protocol", "Track interface line-protocol")),
			branch("Kind", "ip", "IP protocol", grammar.Alt{
				branch("What", "route", "IP route", grammar.Arg("Prefix", grammar.IPv4(), "IP prefix"), grammar.Arg("Mask", grammar.Mask(), "IP mask"),
					choice("Of", "metric", "Track route metric", "reachability", "Track route reachability")),
				branch("What", "sla", "IP Service Level Agreement", grammar.Arg("Operation", grammar.Int(1, 2147483647), "Entry number"),
					grammar.Opt{Node: choice("Of", "reachability", "Reachability", "state", "Return code state")}),
			}),
			branch("Kind", "list", "Group objects in a list", grammar.Kw("boolean", "Boolean operation"),
				choice("What", "and", "Boolean AND operation", "or", "Boolean OR operation")),
			grammar.Kw("stub-object", "Stub tracking object").Sets("Kind", "stub-object"),
		}}}}, m, nil, "Number")
}
