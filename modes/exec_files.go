package modes

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"coterie/cli/grammar"
)

// files declares what loads and saves configurations.
func (x *execCommands) files() {
	write := grammar.Kw("write", "Write running configuration to memory, network, or terminal")
	x.run(privilegedLevel, grammar.Seq{write, grammar.Opt{Node: grammar.Kw("memory", "Write to NV memory")}}, x.save)
	x.run(privilegedLevel, grammar.Seq{write, grammar.Kw("terminal", "Write to terminal")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.writeRunning(t, false, "") })
	x.run(privilegedLevel, grammar.Seq{write, grammar.Kw("erase", "Erase NV memory")}, x.erase)

	show := func(level int, f func(context.Context, grammar.Terminal, grammar.Args) error, words ...grammar.Node) {
		x.run(level, append(grammar.Seq{kwShow}, words...), f)
	}
	runningConfig := grammar.Kw("running-config", "Current operating configuration")
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.writeRunning(t, false, "") },
		runningConfig, grammar.Opt{Node: grammar.Kw("full", "Full configuration")})
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.writeRunning(t, true, "") },
		runningConfig, grammar.Kw("all", "Configuration with defaults"))
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
		return x.writeRunning(t, false, a.String("Interface"))
	}, runningConfig, grammar.Kw("interface", "Show interface configuration"), grammar.Arg("Interface", interfaceType, "Interface name"))
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
		text, ok := x.view.Startup()
		if !ok {
			_, err := fmt.Fprintln(t, "startup-config is not present")
			return err
		}
		if taken, err := offerText(t, text); taken || err != nil {
			return err
		}
		_, err := fmt.Fprintf(t, "Using %d bytes\n%s", len(text), text)
		return err
	}, grammar.Kw("startup-config", "Contents of startup configuration"))
}

// save is `write memory`.
func (x *execCommands) save(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
	fmt.Fprintln(t, "Building configuration...")
	if err := x.op.WriteStartup(ctx); err != nil {
		return err
	}
	_, err := fmt.Fprintln(t, "[OK]")
	return err
}

// proceed asks for [confirm]: Enter or y goes on.
func proceed(ctx context.Context, t grammar.Terminal, prompt string) (bool, error) {
	answer, err := t.Ask(ctx, prompt)
	if err != nil {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "" || strings.HasPrefix("yes", answer), nil
}

func (x *execCommands) erase(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
	ok, err := proceed(ctx, t, "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]")
	if !ok {
		return err
	}
	if err := x.op.EraseStartup(ctx); err != nil {
		return err
	}
	fmt.Fprintln(t, "[OK]\nErase of nvram: complete")
	return nil
}

// writeRunning prints the running configuration, or one interface of it.
func (x *execCommands) writeRunning(t grammar.Terminal, all bool, iface string) error {
	var b bytes.Buffer
	var err error
	if iface != "" {
		err = printInterface(&b, x.view.Config(), iface)
	} else {
		err = PrintLevel(&b, x.view.Config(), all, t.Session().Level())
	}
	if err != nil {
		return err
	}
	if taken, err := x.offerRunning(t, iface, b.String()); taken || err != nil {
		return err
	}
	_, err = fmt.Fprintf(t, "Building configuration...\n\nCurrent configuration : %d bytes\n%s", b.Len(), b.String())
	return err
}
