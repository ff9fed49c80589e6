package modes

import (
	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// rekeyPace is `platform gdoi rekey-pace ...`: IOS knows one pace only.
func rekeyPace(word grammar.Keyword) *grammar.Command {
	return &grammar.Command{
		Syntax: grammar.Seq{word, grammar.Kw("gdoi", "GDOI protocol"), grammar.Kw("rekey-pace", "How fast unicast rekeys leave this key server"),
			grammar.Alt{
				grammar.Kw("unpaced", "To all members at once").Sets("Unpaced", true),
				grammar.Seq{
					grammar.Arg("Members", grammar.Int(1, 10000), "Members that are sent a rekey together"), grammar.Kw("members", "Pause between them and the next"),
					grammar.Arg("Seconds", grammar.Int(1, 60), "Length of the pause"), grammar.Kw("seconds", "In seconds"),
				},
			}},
		Bind: leaf(func(c *runningconfig.Config) *runningconfig.RekeyPace { return &c.Platform.RekeyPace }, runningconfig.DefaultRekeyPace),
	}
}
