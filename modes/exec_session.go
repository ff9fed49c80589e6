package modes

import (
	"context"
	"fmt"
	"strings"

	"coterie/cli/grammar"
)

// session declares what acts on the session itself.
func (x *execCommands) session() {
	x.enable()
	quit := func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { t.Session().Quit(); return nil }
	x.run(0, grammar.Kw("exit", "Exit from the EXEC"), quit)
	x.run(0, grammar.Kw("logout", "Exit from the EXEC"), quit)
	x.run(0, grammar.Kw("quit", "Exit from the EXEC"), quit)
	configure := grammar.Kw("configure", "Enter configuration mode")
	x.run(privilegedLevel, grammar.Seq{configure, grammar.Kw("terminal", "Configure from the terminal")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.enter(t, false) })
	x.run(privilegedLevel, configure, func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
		from, err := t.Ask(ctx, "Configuring from terminal, memory, or network [terminal]? ")
		if err != nil {
			return err
		}
		if from = strings.ToLower(strings.TrimSpace(from)); !strings.HasPrefix("terminal", from) {
			return fmt.Errorf("?Must be \"terminal\"")
		}
		return x.enter(t, false)
	})

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
