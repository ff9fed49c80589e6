package modes

import (
	"context"
	"errors"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// ErrKeyExists is returned by Operator.GenerateRSA for a label in use.
var ErrKeyExists = errors.New("% You already have RSA keys defined with this label")

// execCommands collects the exec grammar of one device.
type execCommands struct {
	view View
	op   Operator
	mode *grammar.Mode
}

// Exec is the grammar of user and privileged exec mode.
func Exec(view View, op Operator) *grammar.Mode {
	x := &execCommands{view: view, op: op, mode: &grammar.Mode{Name: "exec"}}
	x.session()
	x.lines()
	x.probes()
	x.files()
	x.copying()
	x.configuring()
	x.archives()
	x.reloading()
	x.crypto()
	x.clear()
	x.debug()
	x.showSystem()
	x.showIP()
	x.showGDOI()
	x.showMember()
	x.showServer()
	x.showCrypto()
	x.showPKI()
	x.showPlatform()
	x.everyday()
	x.parserDump()
	return x.mode
}

// Privilege levels of exec commands.
const (
	userLevel       = 1
	privilegedLevel = 15
)

// run adds a command.
func (x *execCommands) run(level int, syntax grammar.Node, f func(ctx context.Context, t grammar.Terminal, a grammar.Args) error) {
	x.mode.Add(&grammar.Command{Syntax: syntax, Level: level, Run: f})
}

// show adds a show command: a function from the View to a document.
func (x *execCommands) show(level int, syntax grammar.Node, f func(v View, a grammar.Args, d *show.Doc) error) {
	syntax = grammar.Seq{kwShow, syntax}
	x.run(level, syntax, func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
		var d show.Doc
		if err := f(x.view, a, &d); err != nil {
			return err
		}
		return emit(t, &d)
	})
}

// emit gives a document to a terminal: its data, if that is wanted, or its text.
func emit(t grammar.Terminal, d *show.Doc) error {
	if taken, err := grammar.Offer(t, d.Data); taken || err != nil {
		return err
	}
	_, err := d.WriteTo(t)
	return err
}

// Words that many commands share.
var (
	kwShow   = grammar.Kw("show", "Show running system information")
	kwCrypto = grammar.Kw("crypto", "Encryption module")
	kwGDOI   = grammar.Alt{
		grammar.Kw("gdoi", "Group Domain of Interpretation"),
		grammar.Kw("gkm", "Group Key Management"),
	}
	kwIP = grammar.Kw("ip", "IP information")
)

// optGroup is `[group NAME]`.
func (x *execCommands) optGroup() grammar.Node {
	return grammar.Opt{Node: grammar.Seq{
		grammar.Kw("group", "Name of the group"),
		grammar.Arg("Group", grammar.Word(), "Group name").From(groupNames),
	}}
}

// confirm asks a question whose answer is yes or no.
func confirm(ctx context.Context, t grammar.Terminal, prompt string) (bool, error) {
	for {
		answer, err := t.Ask(ctx, prompt)
		if err != nil {
			return false, err
		}
		switch answer {
		case "y", "ye", "yes", "Y", "YES":
			return true, nil
		case "n", "no", "N", "NO":
			return false, nil
		}
		if _, err := t.Write([]byte("% Please answer 'yes' or 'no'.\n")); err != nil {
			return false, err
		}
	}
}
