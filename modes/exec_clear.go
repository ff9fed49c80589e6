package modes

import (
	"context"
	"fmt"

	"coterie/cli/grammar"
	"coterie/gdoi/keyserver"
)

// clear declares the clear commands.
func (x *execCommands) clear() {
	kwClear := grammar.Kw("clear", "Reset functions")
	x.clearGDOI(kwClear)
	x.run(privilegedLevel, grammar.Seq{kwClear, kwCrypto, grammar.Kw("isakmp", "Flush the ISAKMP database"),
		grammar.Opt{Node: grammar.Arg("ID", grammar.Int(1, 2147483647), "Connection id of SA")}},
		func(ctx context.Context, _ grammar.Terminal, a grammar.Args) error {
			return x.op.ClearISAKMP(ctx, uint32(a.Int("ID")))
		})
	x.run(privilegedLevel, grammar.Seq{kwClear, kwCrypto, grammar.Kw("sa", "Clear all crypto SAs")},
		func(ctx context.Context, _ grammar.Terminal, _ grammar.Args) error { return x.op.ClearSA(ctx) })
	x.run(privilegedLevel, grammar.Seq{kwClear, kwCrypto, grammar.Kw("session", "Clear crypto sessions (tunnels)")},
		func(ctx context.Context, _ grammar.Terminal, _ grammar.Args) error {
			if err := x.op.ClearISAKMP(ctx, 0); err != nil {
				return err
			}
			return x.op.ClearSA(ctx)
		})
	x.run(privilegedLevel, grammar.Seq{kwClear, grammar.Kw("logging", "Clear logging buffer")},
		func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
			if ok, err := proceed(ctx, t, "Clear logging buffer [confirm]"); !ok {
				return err
			}
			x.op.ClearLogging()
			return nil
		})
	x.run(privilegedLevel, grammar.Seq{kwClear, grammar.Kw("counters", "Clear counters on one or all interfaces"),
		grammar.Opt{Node: grammar.Arg("Interface", interfaceType, "Interface name")}},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			what := "all interfaces"
			if a.Has("Interface") {
				what = "this interface"
			}
			if ok, err := proceed(ctx, t, fmt.Sprintf("Clear \"show interface\" counters on %s [confirm]", what)); !ok {
				return err
			}
			return x.op.ClearCounters(ctx, a.String("Interface"))
		})
}

// Questions that the clear commands ask.
const (
	sureToProceed  = "Are you sure you want to proceed ? [yes/no]: "
	sureOfRemoval  = "Are you sure you want to proceed? ? [yes/no]: " // as IOS
	warnOfClear    = "% The Key Server and Group Member will destroy created and downloaded policies.\n% All Group Members are required to re-register.\n\n"
	warnOfPolicy   = "% The Key Server will destroy created policies.\n% All Group Members are required to re-register.\n\n"
	warnOfMember   = "% The Group Member will destroy downloaded policies and re-register.\n\n"
	warnOfRemoval  = "% This GM-Removal message will shorten all GMs' key lifetimes and cause them to re-register before keys expiry.\n"
	warnOfCleaning = "% This GM-Removal immediate message will cleanup all GMs downloaded policies\n% This will cause all GMs to re-register.\n"
)

// execAction is what an exec command does.
type execAction = func(ctx context.Context, t grammar.Terminal, a grammar.Args) error

// clearGDOI declares `clear crypto gdoi [group G] ...`.
func (x *execCommands) clearGDOI(kwClear grammar.Keyword) {
	run := func(f execAction, words ...grammar.Node) {
		x.run(privilegedLevel, append(grammar.Seq{kwClear, kwCrypto, kwGDOI, x.optGroup()}, words...), f)
	}
	// asked runs f once the question is answered with yes.
	asked := func(warning, question string, f func(ctx context.Context, t grammar.Terminal, group string) error) execAction {
		return func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			fmt.Fprint(t, warning)
			if ok, err := confirm(ctx, t, question); !ok {
				return err
			}
			return f(ctx, t, a.String("Group"))
		}
	}
	// server clears something of the key server.
	server := func(what keyserver.ClearWhat) func(context.Context, grammar.Terminal, string) error {
		return func(ctx context.Context, _ grammar.Terminal, group string) error {
			return x.op.ClearKeyServer(ctx, group, what)
		}
	}
	removal := func(what keyserver.ClearWhat) func(context.Context, grammar.Terminal, string) error {
		return func(ctx context.Context, t grammar.Terminal, group string) error {
			for _, g := range x.view.KeyServer().Groups {
				if g.HasKEK && (group == "" || group == g.Config.Name) {
					fmt.Fprintf(t, "Sending GM-Removal message to group %s...\n", g.Config.Name)
				}
			}
			return x.op.ClearKeyServer(ctx, group, what)
		}
	}
	plain := func(f func(context.Context, grammar.Terminal, string) error) execAction {
		return func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			return f(ctx, t, a.String("Group"))
		}
	}

	run(asked(warnOfClear, sureToProceed, func(ctx context.Context, _ grammar.Terminal, group string) error {
		return x.op.ClearGDOI(ctx, group)
	}))
	ks := grammar.Kw("ks", "Clear key server")
	members := grammar.Kw("members", "Clear the group members of this key server")
	run(asked(warnOfRemoval, sureOfRemoval, removal(keyserver.ClearMembers)), ks, members)
	run(asked(warnOfCleaning, sureOfRemoval, removal(keyserver.ClearMembersNow)), ks, members,
		grammar.Kw("now", "Members drop their policies at once"))
	run(plain(server(keyserver.ClearMemberCounters)), ks, members, grammar.Kw("counters", "Counters of the members only"))
	run(asked(warnOfPolicy, sureToProceed, server(keyserver.ClearPolicy)), ks, grammar.Kw("policy", "Clear the policies of this key server"))
	replay := grammar.Kw("replay", "Clear anti-replay")
	run(asked(warnOfPolicy, sureToProceed, server(keyserver.ClearReplay)), ks, replay)
	run(plain(server(keyserver.ClearReplayCounter)), ks, replay, grammar.Kw("counter", "Counters only"))
	coop := grammar.Kw("coop", "Cooperative key servers")
	notCooperative := func(context.Context, grammar.Terminal, grammar.Args) error {
		return Refusal("% Cooperative key servers are not configured")
	}
	run(notCooperative, ks, coop, grammar.Kw("counters", "Counters of cooperation"))
	run(notCooperative, ks, coop, grammar.Kw("role", "Elect the primary key server again"))
	run(asked(warnOfMember, sureToProceed, func(ctx context.Context, _ grammar.Terminal, group string) error {
		return x.op.ClearMember(ctx, group)
	}), grammar.Kw("gm", "Clear group member"))
	run(plain(func(ctx context.Context, _ grammar.Terminal, group string) error {
		return x.op.ClearDataplane(ctx, group)
	}), grammar.Kw("dataplane", "Clear data plane"), grammar.Kw("counters", "Counters of the data plane"))
}
