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
	save := func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
		fmt.Fprintln(t, "Building configuration...")
		if err := x.op.WriteStartup(ctx); err != nil {
			return err
		}
		fmt.Fprintln(t, "[OK]")
		return nil
	}
	x.run(privilegedLevel, grammar.Seq{write, grammar.Opt{Node: grammar.Kw("memory", "Write to NV memory")}}, save)
	x.run(privilegedLevel, grammar.Seq{write, grammar.Kw("terminal", "Write to terminal")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.writeRunning(t, false, "") })
	x.run(privilegedLevel, grammar.Seq{write, grammar.Kw("erase", "Erase NV memory")}, x.erase)

	cp := grammar.Kw("copy", "Copy from one file to another")
	running := grammar.Kw("running-config", "Copy from current system configuration")
	startup := grammar.Kw("startup-config", "Copy from startup configuration")
	x.run(privilegedLevel, grammar.Seq{cp, running, grammar.Kw("startup-config", "Copy to startup configuration")},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			name, err := t.Ask(ctx, "Destination filename [startup-config]? ")
			if err != nil {
				return err
			}
			if n := strings.TrimSpace(name); n != "" && n != "startup-config" {
				return fmt.Errorf("%%Error opening nvram:%s (No such file or directory)", n)
			}
			return save(ctx, t, a)
		})
	x.run(privilegedLevel, grammar.Seq{cp, startup, grammar.Kw("running-config", "Update current system configuration")},
		func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
			text, ok := x.view.Startup()
			if !ok {
				return fmt.Errorf("%%Error opening nvram:startup-config (No such file or directory)")
			}
			if _, err := t.Ask(ctx, "Destination filename [running-config]? "); err != nil {
				return err
			}
			if err := x.op.MergeConfig(ctx, text); err != nil {
				return err
			}
			fmt.Fprintf(t, "%d bytes copied\n", len(text))
			return nil
		})
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("erase", "Erase a filesystem"), grammar.Kw("startup-config", "Erase contents of configuration memory")}, x.erase)
	x.run(privilegedLevel, grammar.Kw("reload", "Halt and perform a cold restart"),
		func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
			if ok, err := proceed(ctx, t, "Proceed with reload? [confirm]"); !ok {
				return err
			}
			return x.op.Reload(ctx)
		})

	show := func(level int, f func(context.Context, grammar.Terminal, grammar.Args) error, words ...grammar.Node) {
		x.run(level, append(grammar.Seq{kwShow}, words...), f)
	}
	runningConfig := grammar.Kw("running-config", "Current operating configuration")
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.writeRunning(t, false, "") },
		runningConfig, grammar.Opt{Node: grammar.Kw("full", "full configuration")})
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { return x.writeRunning(t, true, "") },
		runningConfig, grammar.Kw("all", "Configuration with defaults"))
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
		return x.writeRunning(t, false, a.String("Interface"))
	}, runningConfig, grammar.Kw("interface", "Show interface configuration"), grammar.Arg("Interface", interfaceType, "Interface name"))
	show(privilegedLevel, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
		text, ok := x.view.Startup()
		if !ok {
			return fmt.Errorf("startup-config is not present")
		}
		_, err := fmt.Fprintf(t, "Using %d out of 524288 bytes\n%s", len(text), text)
		return err
	}, grammar.Kw("startup-config", "Contents of startup configuration"))
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
		err = PrintInterface(&b, x.view.Config(), iface)
	} else {
		err = Print(&b, x.view.Config(), all)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t, "Building configuration...\n\nCurrent configuration : %d bytes\n%s", b.Len(), b.String())
	return err
}
