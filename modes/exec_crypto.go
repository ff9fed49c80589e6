package modes

import (
	"context"
	"fmt"

	"coterie/cli/grammar"
	"coterie/xfrm"
)

// crypto declares the exec commands that act on GDOI.
func (x *execCommands) crypto() {
	x.run(privilegedLevel, grammar.Seq{kwCrypto, kwGDOI, grammar.Kw("ks", "Key server commands"),
		grammar.Kw("rekey", "Send a rekey to the group members"), x.optGroup(),
		grammar.Opt{Node: grammar.Kw("replace-now", "Replace policies and keys on members at once").Sets("ReplaceNow", true)}},
		func(ctx context.Context, _ grammar.Terminal, a grammar.Args) error {
			return x.op.Rekey(ctx, a.String("Group"), a.Bool("ReplaceNow"))
		})
	x.run(privilegedLevel, grammar.Seq{kwCrypto, kwGDOI, grammar.Kw("gm", "Group member commands"),
		grammar.Kw("group", "Name of the group"), grammar.Arg("Group", grammar.Word(), "Group name or identity number").From(groupNames),
		grammar.Kw("ipsec", "IPsec SA commands"), grammar.Kw("direction", "Specify the direction of the IPsec SA"),
		grammar.Alt{
			grammar.Kw("both", "IPsec SA will only accept cipher text and will encrypt the packet\n              before forwarding it out").Sets("Direction", xfrm.Both),
			grammar.Seq{grammar.Kw("inbound", "Specify IPsec SA inbound options"), grammar.Alt{
				grammar.Kw("only", "IPsec SA will accept both cipher/plain text and will forward the\n               packet in clear.").Sets("Direction", xfrm.InboundOnly),
				grammar.Kw("optional", "IPsec SA will accept both cipher/plain text and will encrypt the\n                 packet before forwarding it out").Sets("Direction", xfrm.InboundOptional),
			}},
		}},
		func(ctx context.Context, _ grammar.Terminal, a grammar.Args) error {
			d, _ := a["Direction"].(xfrm.Direction)
			return x.op.SetDirection(ctx, a.String("Group"), d)
		})
}

// clear declares the clear commands.
func (x *execCommands) clear() {
	kwClear := grammar.Kw("clear", "Reset functions")
	x.run(privilegedLevel, grammar.Seq{kwClear, kwCrypto, kwGDOI, x.optGroup()},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			fmt.Fprint(t, "% The Key Server and Group Member will destroy created and downloaded policies.\n"+
				"% All Group Members are required to re-register.\n\n")
			if ok, err := confirm(ctx, t, "Are you sure you want to proceed ? [yes/no]: "); !ok {
				return err
			}
			return x.op.ClearGDOI(ctx, a.String("Group"))
		})
	x.run(privilegedLevel, grammar.Seq{kwClear, kwCrypto, kwGDOI, x.optGroup(), grammar.Kw("ks", "Clear key server"),
		grammar.Kw("members", "Clear the group members of this key server")},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			fmt.Fprint(t, "% This GM-Removal message will shorten all GMs' key lifetimes and cause them to re-register before keys expiry.\n")
			if ok, err := confirm(ctx, t, "Are you sure you want to proceed? ? [yes/no]: "); !ok {
				return err
			}
			return x.op.ClearMembers(ctx, a.String("Group"))
		})
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
