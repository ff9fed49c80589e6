package modes

import (
	"context"
	"fmt"
	"io"

	"coterie/cli/grammar"
)

// Terminal lines are numbered through: con 0 is 0, aux 0 is 1, vty 0 is 2.
const mostVTYs = 16

// lines declares what acts on the lines of other sessions.
func (x *execCommands) lines() {
	clearLine := func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
		if ok, err := proceed(ctx, t, "[confirm]"); !ok {
			return err
		}
		name := "console"
		switch kind := a.String("Kind"); {
		case kind == "vty":
			name = fmt.Sprintf("vty %d", a.Int("N"))
		case kind == "" && a.Int("N") >= firstVTY:
			name = fmt.Sprintf("vty %d", a.Int("N")-firstVTY)
		case kind == "aux", kind == "" && a.Int("N") == 1:
			name = "aux 0"
		}
		if _, err := io.WriteString(t, " [OK]\n"); err != nil {
			return err
		}
		return x.op.ClearLine(ctx, name)
	}
	kwClear := grammar.Kw("clear", "Reset functions")
	zero := grammar.Arg("N", grammar.Int(0, 0), "Line number")
	x.run(privilegedLevel, grammar.Seq{kwClear, grammar.Kw("line", "Reset a terminal line"), grammar.Alt{
		grammar.Arg("N", grammar.Int(0, firstVTY+mostVTYs-1), "Line number"),
		grammar.Seq{grammar.Kw("aux", "Auxiliary line").Sets("Kind", "aux"), zero},
		grammar.Seq{grammar.Kw("console", "Primary terminal line").Sets("Kind", "console"), zero},
		grammar.Seq{grammar.Kw("vty", "Virtual terminal").Sets("Kind", "vty"), grammar.Arg("N", grammar.Int(0, mostVTYs-1), "Line number")},
	}}, clearLine)
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("disconnect", "Disconnect an existing network connection"),
		grammar.Kw("ssh", "Disconnect an active SSH connection"), grammar.Opt{Node: grammar.Kw("vty", "Virtual terminal")},
		grammar.Arg("N", grammar.Int(0, mostVTYs-1), "Line number")},
		func(ctx context.Context, _ grammar.Terminal, a grammar.Args) error {
			return x.op.ClearLine(ctx, fmt.Sprintf("vty %d", a.Int("N")))
		})
}
