package modes

import (
	"slices"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// severity is a level of the log, by name or number; the value is the name.
func severity(name string) grammar.Node {
	help := map[string]string{
		"alerts": "Immediate action needed", "critical": "Critical conditions", "debugging": "Debugging messages",
		"emergencies": "System is unusable", "errors": "Error conditions", "informational": "Informational messages",
		"notifications": "Normal but significant conditions", "warnings": "Warning conditions",
	}
	names := slices.Sorted(slices.Values(severities))
	alt := grammar.Alt{}
	for _, s := range names {
		alt = append(alt, grammar.Kw(s, help[s]).Sets(name, s))
	}
	byNumber := map[int]string{}
	for n, s := range severities {
		byNumber[n] = s
	}
	return append(alt, grammar.Arg(name, numbered("<0-7>", 7, byNumber), "Logging severity level"))
}

// destination binds `logging console|monitor|trap [LEVEL]`: on at a level
// unless said otherwise.
func destination(level func(*runningconfig.Logging) *string, off func(*runningconfig.Logging) *bool, usual string) grammar.Binding {
	type root = runningconfig.Config
	return grammar.Custom[root]{
		Keys: []string{},
		OnSet: func(c *root, a grammar.Args) error {
			l := &c.Logging
			if *off(l), *level(l) = false, a.String("Level"); *level(l) == usual {
				*level(l) = ""
			}
			return nil
		},
		OnUnset:   func(c *root, _ grammar.Args) error { *level(&c.Logging), *off(&c.Logging) = "", true; return nil },
		OnDefault: func(c *root, _ grammar.Args) error { *level(&c.Logging), *off(&c.Logging) = "", false; return nil },
		OnLines: func(c *root, all bool) []grammar.Line {
			v := *level(&c.Logging)
			switch {
			case *off(&c.Logging):
				return []grammar.Line{{No: true}}
			case v == "" && all:
				v = usual
			case v == "":
				return nil
			}
			return one(grammar.Args{"Level": v})
		},
	}
}

// logging is the log in global configuration.
func (b *builder) logging() []*grammar.Command {
	type root = runningconfig.Config
	word := grammar.Kw("logging", wordHelp["logging"])
	kept := func(c *root) *[]string { return &c.Frame.Kept }
	commands := []*grammar.Command{
		{
			Syntax: grammar.Seq{word, grammar.Kw("buffered", "Set buffered logging parameters"),
				grammar.Opt{Node: grammar.Arg("Size", grammar.Int(4096, 2147483647), "Logging buffer size")},
				grammar.Opt{Node: severity("Level")}},
			Bind: grammar.Custom[root]{
				Keys: []string{},
				OnSet: func(c *root, a grammar.Args) error {
					c.Logging.NoBuffered = false
					if a.Has("Size") {
						c.Logging.BufferSize = a.Int("Size")
					}
					if c.Logging.BufferLevel = a.String("Level"); c.Logging.BufferLevel == "debugging" {
						c.Logging.BufferLevel = ""
					}
					return nil
				},
				OnUnset: func(c *root, _ grammar.Args) error {
					c.Logging.BufferSize, c.Logging.BufferLevel, c.Logging.NoBuffered = 0, "", true
					return nil
				},
				OnDefault: func(c *root, _ grammar.Args) error {
					c.Logging.BufferSize, c.Logging.BufferLevel, c.Logging.NoBuffered = 0, "", false
					return nil
				},
				OnLines: func(c *root, all bool) []grammar.Line {
					l := c.Logging
					if all && l.BufferLevel == "" {
						l.BufferLevel = "debugging"
					}
					a := grammar.Args{}
					if l.BufferSize != 0 {
						a["Size"] = l.BufferSize
					}
					if l.BufferLevel != "" {
						a["Level"] = l.BufferLevel
					}
					switch {
					case l.NoBuffered:
						return []grammar.Line{{No: true}}
					case len(a) == 0:
						return nil
					}
					return one(a)
				},
			},
			Switch: true,
		},
		{
			Syntax: grammar.Seq{word, grammar.Kw("console", "Set console logging parameters"), grammar.Opt{Node: severity("Level")}},
			Bind: destination(func(l *runningconfig.Logging) *string { return &l.ConsoleLevel },
				func(l *runningconfig.Logging) *bool { return &l.NoConsole }, "debugging"),
			Switch: true,
		},
		{
			Syntax: grammar.Seq{word, grammar.Kw("monitor", "Set terminal line (monitor) logging parameters"), grammar.Opt{Node: severity("Level")}},
			Bind: destination(func(l *runningconfig.Logging) *string { return &l.MonitorLevel },
				func(l *runningconfig.Logging) *bool { return &l.NoMonitor }, "debugging"),
			Switch: true,
		},
	}
	commands = append(commands,
		&grammar.Command{
			Syntax: grammar.Seq{word, grammar.Kw("on", "Enable logging to all enabled destinations")},
			Bind:   grammar.Leaf(func(c *root) *bool { return &c.Logging.Off }, grammar.NoIsStored()),
			Switch: true,
		},
		&grammar.Command{
			Syntax: grammar.Seq{word, grammar.Kw("rate-limit", "Set messages per second limit"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Opt{Node: grammar.Kw("console", "Rate limit only console messages").Sets("Console", true)},
				grammar.Opt{Node: grammar.Kw("all", "Rate limit all messages, including debug messages").Sets("All", true)},
				grammar.Arg("Rate", grammar.Int(1, 10000), "Messages per second"),
				grammar.Opt{Node: grammar.Seq{grammar.Kw("except", "Messages of this severity or higher"), severity("Except")}},
			}}},
			Bind: limit(),
		},
		&grammar.Command{
			Syntax: grammar.Seq{word, grammar.Kw("count", "Count every log message and timestamp last occurrence")},
			Bind:   flag(func(c *root) *bool { return &c.Logging.Count }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{word, grammar.Kw("userinfo", "Enable logging of user info on privileged mode enabling")},
			Bind:   flag(func(c *root) *bool { return &c.Logging.UserInfo }),
		},
	)
	for _, w := range []struct {
		word, help string
		how        keeping
	}{
		{"alarm", "Configure syslog for alarms", single},
		{"buginf", "Enable buginf logging for debugging", single | bare | defaults},
		{"discriminator", "Create or modify a message discriminator", 0},
		{"esm", "Set ESM filter restrictions", single},
		{"event", "Global interface events", 0},
		{"exception", "Limit size of exception flush output", single},
		{"history", "Configure syslog history table", 0},
		{"message-counter", "Configure log message to include certain counter value", 0},
		{"persistent", "Set persistent logging parameters", single},
		{"queue-limit", "Set logger message queue size", 0},
		{"snmp-authfail", "Log SNMP authentication failures", single | bare | defaults},
	} {
		commands = append(commands, keep(kept, "logging "+w.word, w.help, w.how))
	}
	return commands
}

// platform holds our own knobs.
func (b *builder) platform() []*grammar.Command {
	type root = runningconfig.Config
	word := grammar.Kw("platform", wordHelp["platform"])
	kept := func(c *root) *[]string { return &c.Frame.Kept }
	return append(b.platformWire(word), []*grammar.Command{
		rekeyPace(word),
		{
			Syntax: grammar.Seq{word, grammar.Kw("profile", "Release that prompts and screens follow"), choice("",
				"ios-15.4", "Prompts say gdoi, screens of release 15.4", "ios-xe", "Prompts say gkm",
				"native", "Prompts follow the word typed")},
			Bind: leaf(func(c *root) *string { return &c.Platform.Profile }, "native"),
		},
		keep(kept, "platform qfp", "Quantum flow processor", 0),
		keep(kept, "platform console", "Console selection", single),
		keep(kept, "platform punt-keepalive", "Punt path keepalive", both),
	}...)
}
