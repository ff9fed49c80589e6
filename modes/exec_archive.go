package modes

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// archives declares `archive config` and the `show archive` family.
func (x *execCommands) archives() {
	archive := grammar.Kw("archive", "Manage archive files")
	x.run(privilegedLevel, grammar.Seq{archive, grammar.Kw("config", "Archive the running configuration")},
		func(context.Context, grammar.Terminal, grammar.Args) error {
			_, err := x.op.ArchiveConfig()
			return err
		})

	show := func(f func(t grammar.Terminal, a grammar.Args) error, words ...grammar.Node) {
		x.run(privilegedLevel, append(grammar.Seq{kwShow, grammar.Kw("archive", "Archive functions")}, words...),
			func(_ context.Context, t grammar.Terminal, a grammar.Args) error { return f(t, a) })
	}
	config := grammar.Kw("config", "Archive of configurations")
	ignore := grammar.Opt{Node: grammar.Kw("ignorecase", "Ignore the case of the configuration")}
	show(x.showArchive)
	show(x.differences, config, grammar.Kw("differences", "Display the differences of two configurations"),
		grammar.Opt{Node: grammar.Seq{fileArg("A", "Compare"), grammar.Opt{Node: fileArg("B", "Compare")}}}, ignore)
	show(x.incremental, config, grammar.Kw("incremental-diffs", "Display the lines that a config would bring"),
		fileArg("A", "Compare"), ignore)
	show(x.rollbackTimer, config, grammar.Kw("rollback", "Rollback settings"), grammar.Kw("timer", "Timed rollback"))
	show(func(t grammar.Terminal, _ grammar.Args) error { return x.configLog(t) },
		grammar.Kw("log", "Log of configuration changes"), grammar.Kw("config", "Log of the config commands"),
		grammar.Kw("all", "Display all the logged commands"))
}

func (x *execCommands) showArchive(t grammar.Terminal, _ grammar.Args) error {
	s := x.op.Archive()
	if !s.Enabled {
		_, err := fmt.Fprintln(t, "Archive feature not enabled")
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "The maximum archive configurations allowed is %d.\n", s.Maximum)
	fmt.Fprintf(&b, "There are currently %d archive configurations saved.\n", len(s.Files))
	fmt.Fprintf(&b, "The next archive file will be named %s\n", s.Next)
	b.WriteString(" Archive #  Name\n")
	for i := range max(s.Maximum, len(s.Files)) {
		name := ""
		switch {
		case i == len(s.Files)-1:
			name = s.Files[i].String() + " <- Most Recent"
		case i < len(s.Files):
			name = s.Files[i].String()
		}
		fmt.Fprintf(&b, "   %-2d       %s\n", i+1, name)
	}
	_, err := t.Write(b.Bytes())
	return err
}

// configuration reads a file as a configuration. Lines that are not accepted
// are left out, and said.
func (x *execCommands) configuration(t grammar.Terminal, f File) (*runningconfig.Config, error) {
	if f == RunningConfig {
		return x.view.Config(), nil
	}
	data, err := x.op.ReadFile(f)
	if err != nil {
		return nil, err
	}
	c := new(runningconfig.Config)
	if errs := Load(c, string(data)); len(errs) > 0 {
		fmt.Fprintf(t, "!%d lines of %s are not accepted and not compared, the first is line %d\n", len(errs), f, errs[0].Number)
	}
	c.KeepNumbers(x.view.Config())
	return c, nil
}

// compare is the difference of the files named A and B; other takes the place
// of B, and startup and running configuration of both.
func (x *execCommands) compare(t grammar.Terminal, from, to File) (Difference, error) {
	a, err := x.configuration(t, from)
	if err != nil {
		return Difference{}, err
	}
	b, err := x.configuration(t, to)
	if err != nil {
		return Difference{}, err
	}
	return Compare(a, b)
}

// differences is `show archive config differences [A [B]]`: what leads from A
// to B, which are the startup and the running configuration.
func (x *execCommands) differences(t grammar.Terminal, a grammar.Args) error {
	files := []File{StartupConfig, RunningConfig}
	for i, name := range []string{"A", "B"} {
		if a.Has(name) {
			f, err := ParseFile(a.String(name))
			if err != nil {
				return err
			}
			files[i] = f
		}
	}
	d, err := x.compare(t, files[0], files[1])
	if err != nil {
		return err
	}
	fmt.Fprintln(t, "!Contextual Config Diffs:")
	return d.WriteContext(t)
}

// incremental is `show archive config incremental-diffs A`: the lines that A
// would bring to the running configuration.
func (x *execCommands) incremental(t grammar.Terminal, a grammar.Args) error {
	f, err := ParseFile(a.String("A"))
	if err != nil {
		return err
	}
	d, err := x.compare(t, RunningConfig, f)
	if err != nil {
		return err
	}
	fmt.Fprintln(t, "!List of Commands:")
	for _, line := range d.Additions() {
		fmt.Fprintln(t, line)
	}
	_, err = fmt.Fprintln(t, "end")
	return err
}

func (x *execCommands) rollbackTimer(t grammar.Terminal, _ grammar.Args) error {
	r, ok := x.op.PendingRollback()
	if !ok {
		_, err := fmt.Fprintln(t, ErrNoRollback)
		return err
	}
	kind := "absolute timer"
	if r.Idle {
		kind = "idle timer"
	}
	_, err := fmt.Fprintf(t, "Time configured(or reconfigured): %s\nTimer type: %s\nTimer value: %d min\nUser: %s\n",
		r.Since.UTC().Format(clockTime), kind, r.Minutes, r.User)
	return err
}

// clockTime is a time of day as dialogs write it.
const clockTime = "15:04:05 UTC Mon Jan 2 2006"

func (x *execCommands) configLog(t grammar.Terminal) error {
	var b bytes.Buffer
	b.WriteString(" idx   sess           user@line      Logged command\n")
	for _, c := range x.op.ConfigLog() {
		fmt.Fprintf(&b, "%5d %5d %14s@%-9s|%s%s\n", c.Index, c.Session, c.User, c.Line, strings.Repeat(" ", c.Depth), c.Text)
	}
	_, err := t.Write(b.Bytes())
	return err
}
