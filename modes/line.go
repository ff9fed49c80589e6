package modes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// lineKinds is the order of lines in the configuration.
var lineKinds = []string{"con", "aux", "", "vty"}

// lines is `line con 0`, `line aux 0`, `line vty FIRST [LAST]`, and `line N` of a
// service module, which nobody can log in on.
func (b *builder) lines() []*grammar.Command {
	type root = runningconfig.Config
	kind := func(a grammar.Args) string { return a.String("Kind") }
	o := objects[root, runningconfig.Line]{
		list: func(c *root) *[]*runningconfig.Line { return &c.Lines },
		is: func(l *runningconfig.Line, a grammar.Args) bool {
			return l.Kind == kind(a) && l.First == a.Int("First") && l.Last == max(a.Int("First"), a.Int("Last"))
		},
		make: func(a grammar.Args) *runningconfig.Line {
			return &runningconfig.Line{Kind: kind(a), First: a.Int("First"), Last: max(a.Int("First"), a.Int("Last"))}
		},
		args: func(l *runningconfig.Line) grammar.Args {
			a := grammar.Args{"First": l.First}
			if l.Kind != "" {
				a["Kind"] = l.Kind
			}
			if l.Last > l.First {
				a["Last"] = l.Last
			}
			return a
		},
		compare: func(x, y *runningconfig.Line) int {
			return cmp.Or(cmp.Compare(slices.Index(lineKinds, x.Kind), slices.Index(lineKinds, y.Kind)),
				cmp.Compare(x.First, y.First), cmp.Compare(x.Last, y.Last))
		},
	}
	zero := grammar.Arg("First", grammar.Int(0, 0), "First Line number")
	return []*grammar.Command{{
		Syntax: grammar.Seq{grammar.Kw("line", "Configure a terminal line"), grammar.Alt{
			grammar.Seq{grammar.Kw("aux", "Auxiliary line").Sets("Kind", "aux"), zero},
			grammar.Seq{grammar.Kw("console", "Primary terminal line").Prints("con").Sets("Kind", "con"), zero},
			grammar.Seq{grammar.Kw("vty", "Virtual terminal").Sets("Kind", "vty"),
				grammar.Arg("First", grammar.Int(0, 1869), "First Line number"),
				grammar.Opt{Node: grammar.Arg("Last", grammar.Int(0, 1869), "Last Line number")}},
			grammar.Arg("First", grammar.Int(1, 999), "First Line number"),
		}},
		Bind:  o.opener(),
		Enter: b.line(),
		Bang:  grammar.BangNone,
	}}
}

// line is the mode of a line.
func (b *builder) line() *grammar.Mode {
	type line = runningconfig.Line
	kept := func(l *line) *[]string { return &l.Kept }
	m := b.mode("config-line", "(config-line)")
	commands := []*grammar.Command{
		{
			Syntax: grammar.Seq{grammar.Kw("exec-timeout", "Set the EXEC timeout"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Arg("Minutes", grammar.Int(0, 35791), "Timeout in minutes"),
				grammar.Opt{Node: grammar.Arg("Seconds", grammar.Int(0, 2147483), "Timeout in seconds")}}}},
			Bind: grammar.Custom[line]{
				OnSet: func(l *line, a grammar.Args) error {
					if !a.Has("Minutes") {
						return incomplete
					}
					if l.ExecTimeout = execTimeout(a); l.ExecTimeout == "10 0" {
						l.ExecTimeout = ""
					}
					return nil
				},
				OnUnset:   func(l *line, _ grammar.Args) error { l.ExecTimeout = "0 0"; return nil },
				OnDefault: func(l *line, _ grammar.Args) error { l.ExecTimeout = ""; return nil },
				OnLines: func(l *line, all bool) []grammar.Line {
					v := l.ExecTimeout
					if v == "" && all {
						v = "10 0"
					}
					var minutes, seconds int
					if _, err := fmt.Sscan(v, &minutes, &seconds); err != nil {
						return nil
					}
					return one(grammar.Args{"Minutes": minutes, "Seconds": seconds})
				},
			},
			Switch: true, // `no exec-timeout` is 0 0
		},
		keep(kept, "access-class", "Filter connections based on an IP access list", 0),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("privilege", "Change privilege level for line"), grammar.Kw("level", "Assign default privilege level for line"),
				grammar.OptionalUnderNo{Node: grammar.Arg("", grammar.Int(0, 15), "Default privilege level for line")}},
			Bind: leaf(func(l *line) *int { return &l.Privilege }, 1),
		},
		b.linePassword(),
		{
			Syntax: grammar.Seq{grammar.Kw("logging", "Modify message logging facilities"), grammar.Kw("synchronous", "Synchronized message output")},
			Bind:   flag(func(l *line) *bool { return &l.LoggingSync }),
		},
		{
			Syntax: grammar.Seq{grammar.Kw("login", "Enable password checking"), grammar.Opt{Node: grammar.Alt{
				grammar.Seq{grammar.Kw("authentication", "Authentication parameters"), grammar.Arg("List", grammar.Word(), "Use an authentication list with this name")},
				grammar.Kw("local", "Local password checking").Sets("Local", true),
			}}},
			Bind:   loginBinding(),
			Switch: true,
		},
	}
	for _, w := range []struct{ words, help string }{
		{"session-timeout", "Set interval for closing connection when idle"}, {"history", "Enable and control the command history"},
		{"escape-character", "Change the current line's escape character"},
		{"speed", "Set the transmit and receive speeds"}, {"modem", "Configure the Modem Control Lines"},
		{"flowcontrol", "Set the flow control"}, {"rotary", "Add line to a rotary group"}, {"authorization", "Authorization parameters"},
		{"accounting", "Accounting parameters"},
	} {
		commands = append(commands, keep(kept, w.words, w.help, single))
	}
	commands = append(commands,
		keep(kept, "exec", "Configure EXEC", single|bare|defaults),
		keep(kept, "motd-banner", "Enable the display of the MOTD banner", single|bare|defaults),
		keep(kept, "activation-character", "Define the activation character", single|defaults),
		keep(kept, "vacant-message", "Define a vacant banner", single|defaults),
		keep(kept, "transport preferred", "Specify the preferred protocol to use", single|defaults),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("transport", wordHelp["transport"]), grammar.Kw("input", "Define which protocols to use when connecting"),
				grammar.OptionalUnderNo{Node: grammar.Alt{
					grammar.Kw("all", "All protocols").Sets("Protocol", "all"),
					grammar.Kw("none", "No protocols").Sets("Protocol", "none"),
					grammar.Rep{Max: 4, Node: grammar.Alt{
						grammar.Kw("lapb-ta", "LAPB Terminal Adapter").Sets("Protocols", "lapb-ta"),
						grammar.Kw("rlogin", "Unix rlogin protocol").Sets("Protocols", "rlogin"),
						grammar.Kw("ssh", "TCP/IP SSH protocol").Sets("Protocols", "ssh"),
						grammar.Kw("telnet", "TCP/IP Telnet protocol").Sets("Protocols", "telnet"),
					}},
				}}},
			Bind: transportBinding(),
		},
		keep(kept, "transport output", "Define which protocols to use for outgoing connections", single),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("stopbits", "Set async line stop bits"), choice("", "1", "One stop bit", "1.5", "One and one-half stop bits", "2", "Two stop bits")},
			Bind:   leaf(func(l *line) *string { return &l.StopBits }, ""),
		},
	)
	commands = append(commands, terminalCommands()...)
	for _, c := range commands {
		c.NoEffect = !actsOnLine(c)
	}
	m.Add(commands...)
	return m
}

func loginBinding() grammar.Binding {
	type line = runningconfig.Line
	return grammar.Custom[line]{
		OnSet: func(l *line, a grammar.Args) error {
			switch {
			case a.Bool("Local"):
				l.Login = "login local"
			case a.Has("List"):
				l.Login = "login authentication " + a.String("List")
			default:
				l.Login = "login"
			}
			return nil
		},
		OnUnset:   func(l *line, _ grammar.Args) error { l.Login = "no login"; return nil },
		OnDefault: func(l *line, _ grammar.Args) error { l.Login = ""; return nil },
		OnLines: func(l *line, _ bool) []grammar.Line {
			list, named := strings.CutPrefix(l.Login, "login authentication ")
			switch {
			case l.Login == "":
				return nil
			case l.Login == "no login":
				return []grammar.Line{{No: true}}
			case l.Login == "login local":
				return one(grammar.Args{"Local": true})
			case named:
				return one(grammar.Args{"List": list})
			}
			return one(nil)
		},
	}
}

func transportBinding() grammar.Binding {
	type line = runningconfig.Line
	return grammar.Custom[line]{
		OnSet: func(l *line, a grammar.Args) error {
			var protocols []string
			for _, p := range list(a, "Protocols") {
				protocols = append(protocols, p.(string))
			}
			slices.Sort(protocols)
			if l.Transport = cmp.Or(a.String("Protocol"), strings.Join(slices.Compact(protocols), " ")); l.Transport == "" {
				return incomplete
			}
			return nil
		},
		OnUnset: func(l *line, _ grammar.Args) error { l.Transport = ""; return nil },
		OnLines: func(l *line, _ bool) []grammar.Line {
			switch l.Transport {
			case "":
				return nil
			case "all", "none":
				return one(grammar.Args{"Protocol": l.Transport})
			}
			var out []any
			for _, p := range strings.Fields(l.Transport) {
				out = append(out, p)
			}
			return one(grammar.Args{"Protocols": out})
		},
	}
}

// execTimeout is `exec-timeout M [S]` as it prints.
func execTimeout(a grammar.Args) string {
	return fmt.Sprintf("%d %d", a.Int("Minutes"), a.Int("Seconds"))
}
