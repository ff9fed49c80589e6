package modes

import (
	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// archive is `archive` with the modes below it.
func (b *builder) archive() []*grammar.Command {
	type (
		root    = runningconfig.Config
		archive = runningconfig.Archive
	)
	m := b.mode("config-archive", "(config-archive)")
	m.ExitHelp = "Exit from the archive configuration mode"
	logging := b.configLog()
	logging.Parent = m
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("log", "Logging commands"), grammar.Kw("config", "Logging changes to the running configuration")},
			Bind:   grammar.Sub(func(a *archive) **runningconfig.ConfigLog { return &a.Log }),
			Enter:  logging,
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("path", "Path for backups"), grammar.Arg("", grammar.Word(), "Location and base name of the archive files (flash:NAME)")},
			Bind:   leaf(func(a *archive) *string { return &a.Path }, ""),
			Sample: []string{"path flash:archive/$h-$t"},
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("maximum", "Maximum number of backup copies"), grammar.Arg("", grammar.Int(1, 14), "Maximum archive versions")},
			Bind:   leaf(func(a *archive) *int { return &a.Maximum }, runningconfig.DefaultArchives),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("write-memory", "Enable automatic backup generation during write memory")},
			Bind:   flag(func(a *archive) *bool { return &a.WriteMemory }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("time-period", "Period of time in minutes to automatically archive"),
				grammar.Arg("", grammar.Int(1, 525600), "Number of minutes to wait between archive creation")},
			Bind: leaf(func(a *archive) *int { return &a.TimePeriod }, 0),
		},
	)
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{grammar.Kw("archive", "Archive the configuration")},
			Bind:   grammar.Sub(func(c *root) **archive { return &c.Archive }),
			Enter:  m,
		},
		{
			Syntax: grammar.Seq{grammar.Kw("configuration", "Configuration access"), grammar.Kw("mode", "Configuration mode"),
				grammar.Kw("exclusive", "Lock configuration mode access"), choice("",
					"auto", "Lock configuration mode automatically", "manual", "Lock configuration mode on demand")},
			Bind: leaf(func(c *root) *string { return &c.Exclusive }, ""),
		},
		keep(func(c *root) *[]string { return &c.Frame.Kept }, "file prompt", "Prompt level", single|effect),
	}
}

// configLog is the mode of `log config`.
func (b *builder) configLog() *grammar.Mode {
	type log = runningconfig.ConfigLog
	m := b.mode("config-archive-log-cfg", "(config-archive-log-cfg)")
	m.ExitHelp = "Exit from the log config submode"
	logging := grammar.Kw("logging", "Modify config logging parameters")
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{logging, grammar.Kw("enable", "Enable the config logger")},
			Bind:   flag(func(l *log) *bool { return &l.Enable }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{logging, grammar.Kw("size", "Set the size of the logging queue"), grammar.Arg("", grammar.Int(1, 1000), "Size of the logging queue")},
			Bind:   leaf(func(l *log) *int { return &l.Size }, runningconfig.DefaultConfigLog),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("notify", "Send logged commands to target applications"), grammar.Kw("syslog", "Use syslog to send logged commands"),
				grammar.Alt{
					grammar.Seq{grammar.Kw("contenttype", "Content type of the messages"), grammar.Kw("plaintext", "Plain text")},
					grammar.Only{Node: grammar.Seq{}},
				}},
			Bind: flag(func(l *log) *bool { return &l.Notify }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("hidekeys", "Suppress passwords in logged commands")},
			Bind:   flag(func(l *log) *bool { return &l.HideKeys }),
		},
	)
	return m
}
