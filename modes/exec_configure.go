package modes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"coterie/cli/grammar"
)

// who is a session as log lines name it.
func who(s grammar.Session) string {
	if s.User() == "" {
		return "console"
	}
	if s.Line() == "console" {
		return s.User()
	}
	return s.User() + " on " + strings.ReplaceAll(s.Line(), " ", "")
}

// configuring declares `configure` in its forms other than plain `terminal`.
func (x *execCommands) configuring() {
	configure := grammar.Kw("configure", "Enter configuration mode")
	terminal := grammar.Kw("terminal", "Configure from the terminal")
	minutes := func(name string) grammar.Node {
		return grammar.Arg(name, grammar.Int(1, 120), "Time in minutes")
	}
	timer := grammar.Alt{
		grammar.Seq{grammar.Kw("idle", "Idle time after which to roll back"), minutes("Idle")},
		grammar.Seq{grammar.Kw("timer", "Time after which to roll back"), minutes("Timer")},
	}
	x.run(privilegedLevel, grammar.Seq{configure, terminal, grammar.Kw("lock", "Lock configuration mode")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.enter(t, true) })
	x.run(privilegedLevel, grammar.Seq{configure, terminal, grammar.Kw("revert", "Parameters for reverting the configuration"), timer},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			if err := x.begin(t, a); err != nil {
				return err
			}
			fmt.Fprintln(t)
			return x.enter(t, false)
		})
	x.run(privilegedLevel, grammar.Seq{configure, grammar.Kw("confirm", "Confirm replacement of running-config with a new config file")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			return x.op.ConfirmRollback(who(t.Session()))
		})
	revert := grammar.Kw("revert", "Parameters for reverting the configuration")
	x.run(privilegedLevel, grammar.Seq{configure, revert, grammar.Kw("now", "Rollback immediately")},
		func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
			f, _, err := x.op.RollbackNow(ctx)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(t, "Rollback Confirmed Change: Rolling to:%s\n\nTotal number of passes: 1\nRollback Done\n\n", f)
			return err
		})
	x.run(privilegedLevel, grammar.Seq{configure, revert, grammar.Kw("timer", "Set the timer anew"), grammar.Alt{
		grammar.Seq{grammar.Kw("idle", "Idle time after which to roll back"), minutes("Idle")}, minutes("Timer"),
	}}, func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
		return x.op.ChangeRollback(rollback(t, a))
	})
	x.run(privilegedLevel, grammar.Seq{configure, grammar.Kw("replace", "Replace the running-config with a new config file"),
		fileArg("File", "Replace with"), grammar.AnyOrder{
			grammar.Kw("force", "Skip the warning").Sets("Force", true),
			grammar.Kw("ignorecase", "Ignore the case of the configuration").Sets("IgnoreCase", true),
			grammar.Kw("list", "Display the lines that are applied").Sets("List", true),
			grammar.Kw("nolock", "Do not lock the configuration").Sets("NoLock", true),
			grammar.Seq{grammar.Kw("revert", "Parameters for reverting the configuration"), grammar.Kw("trigger", "What makes it revert").Sets("Trigger", true),
				grammar.Opt{Node: grammar.Kw("error", "An error in the new configuration").Sets("Error", true)},
				grammar.Opt{Node: timer}},
			grammar.Seq{grammar.Kw("time", "Time in which to confirm"), minutes("Time")},
		}}, x.replace)
}

// enter is the way into configuration mode for this session.
func (x *execCommands) enter(t grammar.Terminal, lock bool) error {
	s := t.Session()
	if err := x.op.EnterConfiguration(s.Line(), s.User(), lock); err != nil {
		return err
	}
	s.Configure()
	return nil
}

// rollback is the timed rollback that a line asks for.
func rollback(t grammar.Terminal, a grammar.Args) Rollback {
	r := Rollback{User: who(t.Session()), Level: t.Session().Level(), Minutes: a.Int("Timer")}
	switch {
	case a.Has("Idle"):
		r.Minutes, r.Idle = a.Int("Idle"), true
	case a.Has("Time"):
		r.Minutes = a.Int("Time")
	}
	return r
}

// begin saves the configuration that the change goes back to.
func (x *execCommands) begin(t grammar.Terminal, a grammar.Args) error {
	f, err := x.op.BeginRollback(rollback(t, a))
	if errors.Is(err, ErrNoArchive) {
		return fmt.Errorf("%%Turn config archive on before using Rollback Confirmed Change")
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t, "Rollback Confirmed Change: Backing up current running config to %s\n", f)
	return err
}

// replace is `configure replace`.
func (x *execCommands) replace(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	f, err := ParseFile(a.String("File"))
	if err != nil {
		return err
	}
	data, err := x.op.ReadFile(f)
	if err != nil {
		return err
	}
	if !a.Bool("Force") {
		fmt.Fprint(t, "This will apply all necessary additions and deletions\n"+
			"to replace the current running configuration with the\n"+
			"contents of the specified configuration file, which is\n"+
			"assumed to be a complete configuration, not a partial\n")
		answer, err := t.Ask(ctx, "configuration. Enter Y if you are sure you want to proceed. ? [no]: ")
		if err != nil {
			return err
		}
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer == "" || !strings.HasPrefix("yes", answer) {
			return nil
		}
	}
	if a.Has("Time") || a.Has("Timer") || a.Has("Idle") {
		if err := x.begin(t, a); err != nil {
			return err
		}
	}
	before := x.view.Config()
	d, refused, err := x.op.Replace(ctx, string(data))
	if len(refused) > 0 || err != nil {
		if a.Has("Time") || a.Has("Timer") || a.Has("Idle") {
			x.op.ConfirmRollback("") // there is nothing to go back from
		}
		for _, e := range refused {
			fmt.Fprintf(t, "%% %s line %d: %s\n", f, e.Number, strings.TrimSpace(e.Text))
			fmt.Fprintf(t, "  %s\n", e.Err)
		}
		if err == nil {
			err = fmt.Errorf("%%The input file is not a valid config file; the running configuration has not been changed")
		}
		return err
	}
	passes := 1
	if len(d.Changes) == 0 {
		passes = 0
	}
	if a.Bool("List") && passes > 0 {
		lines, err := Commands(before, x.view.Config())
		if err != nil {
			return err
		}
		fmt.Fprint(t, "!Pass 1\n!List of Commands:\n")
		for _, line := range lines {
			fmt.Fprintln(t, line)
		}
		fmt.Fprint(t, "end\n\n")
	}
	_, err = fmt.Fprintf(t, "Total number of passes: %d\nRollback Done\n\n", passes)
	return err
}
