package modes

import (
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// serviceHelp is the help of `service`.
const serviceHelp = "Modify use of network based services"

// stamps are the services that the log acts on.
func (b *builder) stamps() []*grammar.Command {
	type root = runningconfig.Config
	service := grammar.Kw("service", serviceHelp)
	stamp := func(word, help string, field func(*runningconfig.Logging) *runningconfig.Timestamp) *grammar.Command {
		return &grammar.Command{
			Syntax: grammar.Seq{service, grammar.Kw("timestamps", "Timestamp debug/log messages"), grammar.Kw(word, help), grammar.Opt{Node: grammar.Alt{
				grammar.Seq{
					grammar.Kw("datetime", "Timestamp with date and time").Sets("Kind", "datetime"),
					grammar.AnyOrder{
						grammar.Kw("msec", "Include milliseconds in timestamp").Sets("Msec", true),
						grammar.Kw("localtime", "Use local time zone for timestamps").Sets("Local", true),
						grammar.Kw("show-timezone", "Add time zone information to timestamp").Sets("Zone", true),
						grammar.Kw("year", "Include year in timestamp").Sets("Year", true),
					},
				},
				grammar.Kw("uptime", "Timestamp with system uptime").Sets("Kind", "uptime"),
			}}},
			Bind:   stampBinding(field),
			Switch: true,
		}
	}
	return []*grammar.Command{
		stamp("debug", "Timestamp debug messages", func(l *runningconfig.Logging) *runningconfig.Timestamp { return &l.DebugStamp }),
		stamp("log", "Timestamp log messages", func(l *runningconfig.Logging) *runningconfig.Timestamp { return &l.LogStamp }),
		{
			Syntax: grammar.Seq{service, grammar.Kw("sequence-numbers", "Stamp logger messages with a sequence number")},
			Bind:   flag(func(c *root) *bool { return &c.Logging.Sequence }),
		},
	}
}

// stampBinding binds `service timestamps`. A line without a form is uptime; no
// line at all is datetime msec, as a router comes; `no` is no stamp, and prints
// with the word that IOS puts there.
func stampBinding(field func(*runningconfig.Logging) *runningconfig.Timestamp) grammar.Binding {
	type root = runningconfig.Config
	args := func(s runningconfig.Timestamp) grammar.Args {
		a := grammar.Args{"Kind": s.Kind}
		for name, set := range map[string]bool{"Msec": s.Msec, "Local": s.Local, "Zone": s.Zone, "Year": s.Year} {
			if set {
				a[name] = true
			}
		}
		return a
	}
	return grammar.Custom[root]{
		Keys: []string{},
		OnSet: func(c *root, a grammar.Args) error {
			s := runningconfig.Timestamp{Kind: a.String("Kind"), Msec: a.Bool("Msec"), Local: a.Bool("Local"), Zone: a.Bool("Zone"), Year: a.Bool("Year")}
			if s.Kind == "" {
				s.Kind = "uptime"
			}
			*field(&c.Logging) = s
			return nil
		},
		OnUnset: func(c *root, _ grammar.Args) error {
			*field(&c.Logging) = runningconfig.Timestamp{Kind: "none"}
			return nil
		},
		OnDefault: func(c *root, _ grammar.Args) error {
			*field(&c.Logging) = runningconfig.Timestamp{}
			return nil
		},
		OnLines: func(c *root, _ bool) []grammar.Line {
			switch s := *field(&c.Logging); {
			case s.Kind == "none":
				return []grammar.Line{{No: true, Args: grammar.Args{"Kind": "uptime"}}}
			case s.Kind != "":
				return one(args(s))
			}
			return nil
		},
	}
}

// bound are the services that have a command of their own.
var bound = []string{"timestamps", "sequence-numbers", "password-encryption"}

// otherService is the rest of a `service` line without an engine.
type otherService struct{ grammar.Type }

// Samples of lines for the law tests.
func (otherService) Samples() []string { return []string{"tcp-keepalives-in", "pad to-xot"} }

// Parse refuses the services with a command of their own, cut short or not.
func (t otherService) Parse(tokens []string) (any, int, bool) {
	first, _, _ := strings.Cut(tokens[0], " ")
	for _, b := range bound {
		if strings.HasPrefix(b, strings.ToLower(first)) {
			return nil, 0, false
		}
	}
	return t.Type.Parse(tokens)
}
