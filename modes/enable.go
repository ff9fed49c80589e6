package modes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"coterie/cli/grammar"
	"coterie/crypto/password"
	"coterie/internal/secret"
	runningconfig "coterie/running-config"
)

// enableSecrets is `enable secret` and `enable password` of configuration.
func (b *builder) enableSecrets() []*grammar.Command {
	type root = runningconfig.Config
	level := grammar.Opt{Node: grammar.Seq{grammar.Kw("level", "Set exec level password"), grammar.Arg("Level", grammar.Int(1, 15), "Level number")}}
	bind := func(list func(*root) *[]runningconfig.EnableSecret, parse func(*root, grammar.Args, runningconfig.Password) (runningconfig.Password, error)) grammar.Binding {
		find := func(c *root, a grammar.Args) (at int, found bool) {
			return slices.BinarySearchFunc(*list(c), levelOf(a), func(s runningconfig.EnableSecret, n int) int { return cmp.Compare(s.Level, n) })
		}
		return grammar.Custom[root]{
			Keys: []string{"Level"},
			OnSet: func(c *root, a grammar.Args) error {
				l := list(c)
				at, found := find(c, a)
				var old runningconfig.Password
				if found {
					old = (*l)[at].Password
				}
				p, err := parse(c, a, old)
				if err != nil {
					return err
				}
				if !found {
					*l = slices.Insert(*l, at, runningconfig.EnableSecret{Level: levelOf(a)})
				}
				(*l)[at].Password = p
				return nil
			},
			OnUnset: func(c *root, a grammar.Args) error {
				if at, found := find(c, a); found {
					if *list(c) = slices.Delete(*list(c), at, at+1); len(*list(c)) == 0 {
						*list(c) = nil
					}
				}
				return nil
			},
			OnLines: func(c *root, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, s := range *list(c) {
					a := grammar.Args{}
					if s.Level != privilegedLevel {
						a["Level"] = s.Level
					}
					out = append(out, grammar.Line{Args: passwordArgs(a, s.Password)})
				}
				return out
			},
		}
	}
	enable := grammar.Kw("enable", "Modify enable password parameters")
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{enable, grammar.Kw("secret", "Assign the privileged level secret"), level,
				secretSyntax("The UNENCRYPTED (cleartext) 'enable' secret")},
			Sample: []string{"enable secret two words", "enable secret level 5 0 cisco", "enable secret 5 " + sampleSecret5,
				"enable secret 8 " + sampleSecret8, "enable secret 9 " + sampleSecret9, "enable secret level 7 9 " + sampleSecret9},
			Bind: bind(func(c *root) *[]runningconfig.EnableSecret { return &c.AAA.Secrets }, b.secretOf),
		},
		{
			Syntax: grammar.Seq{enable, grammar.Kw("password", "Assign the privileged level password"), level,
				passwordSyntax("The UNENCRYPTED (cleartext) 'enable' password")},
			Sample: []string{"enable password two words", "enable password level 5 0 cisco", "enable password 7 02050D480809", "enable password level 7 7 02050D480809"},
			Bind:   bind(func(c *root) *[]runningconfig.EnableSecret { return &c.AAA.Passwords }, b.passwordOf),
		},
	}
}

// levelOf is the level of a line, 15 where it names none.
func levelOf(a grammar.Args) int {
	if a.Has("Level") {
		return a.Int("Level")
	}
	return privilegedLevel
}

// tries are how often `enable` asks.
const tries = 3

// An EnableWatch is told by `enable` of each password, and makes whoever
// guesses wait. An Operator may be one.
type EnableWatch interface {
	EnableTried(ctx context.Context, s grammar.Session, level int, ok bool)
}

// enable declares `enable` and `disable` of exec mode.
func (x *execCommands) enable() {
	x.run(0, grammar.Seq{grammar.Kw("enable", "Turn on privileged commands"),
		grammar.Opt{Node: grammar.Arg("Level", grammar.Int(0, 15), "Enable level")}}, x.raise)
	x.run(0, grammar.Seq{grammar.Kw("disable", "Turn off privileged commands"),
		grammar.Opt{Node: grammar.Arg("Level", grammar.Int(0, 15), "Privilege level to go to")}},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			level := userLevel
			if a.Has("Level") {
				level = a.Int("Level")
			}
			if a.Has("Level") && level > t.Session().Level() {
				_, err := fmt.Fprintln(t, "New privilege level must be less than current privilege level")
				return err
			}
			t.Session().SetLevel(min(level, t.Session().Level()))
			return nil
		})
}

// raise is `enable`: going down is free, going up takes the password of that
// level. Whoever sits at the console of a device without any gets level 15.
func (x *execCommands) raise(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	s, level := t.Session(), levelOf(a)
	if level <= s.Level() {
		s.SetLevel(level)
		return nil
	}
	c := x.view.Config()
	guard, ok := c.AAA.Enable(level)
	switch console := s.Line() == "console"; {
	case ok:
	case console && level == privilegedLevel:
		s.SetLevel(level)
		return nil
	case !console && !c.NewModel():
		return errors.New("% No password set")
	default:
		return errors.New("% Error in authentication.")
	}
	for range tries {
		text, err := t.AskSecret(ctx, "Password: ")
		if err != nil {
			return err
		}
		right := password.Check(password.Type(guard.Type), guard.Text, secret.Of(text))
		if w, ok := x.op.(EnableWatch); ok {
			w.EnableTried(ctx, s, level, right)
		}
		if right {
			s.SetLevel(level)
			return nil
		}
	}
	switch {
	case c.NewModel():
		return errors.New("% Access denied")
	case password.Type(guard.Type).Hashed():
		return errors.New("% Bad secrets")
	}
	return errors.New("% Bad passwords")
}
