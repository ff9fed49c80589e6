package modes

import (
	"context"
	"fmt"

	"coterie/cli/grammar"
	"coterie/internal/syslog"
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
			grammar.Kw("both", "IPsec SA will only accept cipher text and will encrypt the packet before forwarding it out").Sets("Direction", xfrm.Both),
			grammar.Seq{grammar.Kw("inbound", "Specify IPsec SA inbound options"), grammar.Alt{
				grammar.Kw("only", "IPsec SA will accept both cipher/plain text and will forward the packet in clear.").Sets("Direction", xfrm.InboundOnly),
				grammar.Kw("optional", "IPsec SA will accept both cipher/plain text and will encrypt the packet before forwarding it out").Sets("Direction", xfrm.InboundOptional),
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

// debugTopic is one `debug` command and its line in `show debugging`.
type debugTopic struct {
	words grammar.Node
	topic syslog.Topic
	name  string
}

func (x *execCommands) debugTopics() []debugTopic {
	gm, ks := grammar.Kw("gm", "Group member debugging"), grammar.Kw("ks", "Key server debugging")
	all := grammar.Kw("all-features", "All features")
	registration := grammar.Kw("registration", "Registration")
	rekey := grammar.Kw("rekey", "Rekey")
	infrastructure := grammar.Kw("infrastructure", "Infrastructure")
	replay := grammar.Kw("replay", "Anti-replay")
	gdoi := func(words ...grammar.Node) grammar.Node { return append(grammar.Seq{kwCrypto, kwGDOI}, words...) }
	allGM := syslog.DebugGMRegistration | syslog.DebugGMRekey | syslog.DebugGMACLs | syslog.DebugGMInfrastructure | syslog.DebugGMReplay
	allKS := syslog.DebugKSRegistration | syslog.DebugKSRekey | syslog.DebugKSInfrastructure | syslog.DebugKSReplay
	return []debugTopic{
		{gdoi(), syslog.DebugGDOI, "Crypto GDOI"},
		{gdoi(gm), allGM, "Crypto GDOI Group Member"},
		{gdoi(gm, all), allGM, "Crypto GDOI Group Member"},
		{gdoi(gm, registration), syslog.DebugGMRegistration, "Crypto GDOI Group Member Registration"},
		{gdoi(gm, rekey), syslog.DebugGMRekey, "Crypto GDOI Group Member Rekey"},
		{gdoi(gm, grammar.Kw("acls", "Access lists")), syslog.DebugGMACLs, "Crypto GDOI Group Member ACLs"},
		{gdoi(gm, infrastructure), syslog.DebugGMInfrastructure, "Crypto GDOI Group Member Infrastructure"},
		{gdoi(gm, replay), syslog.DebugGMReplay, "Crypto GDOI Group Member Replay"},
		{gdoi(ks), allKS, "Crypto GDOI Key Server"},
		{gdoi(ks, all), allKS, "Crypto GDOI Key Server"},
		{gdoi(ks, registration), syslog.DebugKSRegistration, "Crypto GDOI Key Server Registration"},
		// `debug crypto gdoi ks rekey` typed on a member shows its own rekeys too.
		{gdoi(ks, rekey), syslog.DebugKSRekey | syslog.DebugGMRekey, "Crypto GDOI Key Server Rekey"},
		{gdoi(ks, infrastructure), syslog.DebugKSInfrastructure, "Crypto GDOI Key Server Infrastructure"},
		{gdoi(ks, replay), syslog.DebugKSReplay, "Crypto GDOI Key Server Replay"},
		{grammar.Seq{kwCrypto, grammar.Kw("isakmp", "ISAKMP Key Management")}, syslog.DebugISAKMP, "Crypto ISAKMP"},
		{grammar.Seq{kwCrypto, grammar.Kw("ipsec", "IPSEC processing")}, syslog.DebugIPsec, "Crypto IPSEC"},
	}
}

// debug declares debug, undebug, no debug and show debugging.
func (x *execCommands) debug() {
	debug := grammar.Kw("debug", "Debugging functions")
	undebug := grammar.Alt{
		grammar.Kw("undebug", "Disable debugging functions"),
		grammar.Seq{grammar.Kw("no", "Disable debugging functions"), grammar.Kw("debug", "Debugging functions")},
	}
	topics := x.debugTopics()
	for _, d := range topics {
		for _, on := range []bool{true, false} {
			verb, state := grammar.Node(debug), "on"
			if !on {
				verb, state = undebug, "off"
			}
			x.run(privilegedLevel, grammar.Seq{verb, d.words}, func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
				x.op.Debug(d.topic, on)
				fmt.Fprintf(t, "%s debugging is %s\n", d.name, state)
				return nil
			})
		}
	}
	x.run(privilegedLevel, grammar.Seq{undebug, grammar.Kw("all", "Disable all debugging")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			x.op.Debug(^syslog.Topic(0), false)
			fmt.Fprintln(t, "All possible debugging has been turned off")
			return nil
		})
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("debugging", "State of each debugging option")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			on := x.view.Debugging()
			said := map[string]bool{}
			for _, d := range topics[1:] {
				single := d.topic&(d.topic-1) == 0 || d.topic == syslog.DebugKSRekey|syslog.DebugGMRekey
				if single && d.topic&on == d.topic && !said[d.name] {
					said[d.name] = true
					fmt.Fprintf(t, "%s debugging is on\n", d.name)
				}
			}
			return nil
		})
}
