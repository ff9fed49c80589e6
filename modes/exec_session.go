package modes

import (
	"context"
	"fmt"

	"coterie/cli/grammar"
)

// session declares what acts on the session itself.
func (x *execCommands) session() {
	x.run(0, grammar.Seq{grammar.Kw("enable", "Turn on privileged commands"),
		grammar.Opt{Node: grammar.Arg("Level", grammar.Int(0, 15), "Enable level")}},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			level := privilegedLevel
			if a.Has("Level") {
				level = a.Int("Level")
			}
			t.Session().SetLevel(level)
			return nil
		})
	x.run(0, grammar.Seq{grammar.Kw("disable", "Turn off privileged commands"),
		grammar.Opt{Node: grammar.Arg("Level", grammar.Int(0, 15), "Privilege level to go to")}},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			level := userLevel
			if a.Has("Level") {
				level = a.Int("Level")
			}
			t.Session().SetLevel(min(level, t.Session().Level()))
			return nil
		})
	quit := func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { t.Session().Quit(); return nil }
	x.run(0, grammar.Kw("exit", "Exit from the EXEC"), quit)
	x.run(0, grammar.Kw("logout", "Exit from the EXEC"), quit)
	x.run(0, grammar.Kw("quit", "Exit from the EXEC"), quit)
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("configure", "Enter configuration mode"),
		grammar.Kw("terminal", "Configure from the terminal")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { t.Session().Configure(); return nil })

	terminal := grammar.Kw("terminal", "Set terminal line parameters")
	no := grammar.Kw("no", "Negate a command or set its defaults")
	x.run(userLevel, grammar.Seq{terminal, grammar.Kw("length", "Set number of lines on a screen"),
		grammar.Arg("N", grammar.Int(0, 512), "Number of lines on screen (0 for no pausing)")},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			t.Session().SetLength(a.Int("N"))
			return nil
		})
	x.run(userLevel, grammar.Seq{terminal, grammar.Kw("width", "Set width of the display terminal"),
		grammar.Arg("N", grammar.Int(0, 512), "Number of characters on a screen line")},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			t.Session().SetWidth(a.Int("N"))
			return nil
		})
	history := grammar.Kw("history", "Enable and control the command history function")
	x.run(userLevel, grammar.Seq{terminal, history, grammar.Kw("size", "Set history buffer size"),
		grammar.Arg("N", grammar.Int(0, 256), "Size of history buffer")},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			t.Session().SetHistorySize(a.Int("N"))
			return nil
		})
	monitor := grammar.Kw("monitor", "Copy debug output to the current terminal line")
	x.run(userLevel, grammar.Seq{terminal, monitor}, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
		if t.Session().Line() == "console" {
			return fmt.Errorf("%% Console already monitors")
		}
		t.Session().SetMonitor(true)
		return nil
	})
	x.run(userLevel, grammar.Seq{terminal, no, monitor}, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
		t.Session().SetMonitor(false)
		return nil
	})
}

func showHistory(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
	for _, line := range t.Session().History() {
		if _, err := fmt.Fprintf(t, "  %s\n", line); err != nil {
			return err
		}
	}
	return nil
}

func showPrivilege(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
	_, err := fmt.Fprintf(t, "Current privilege level is %d\n", t.Session().Level())
	return err
}
