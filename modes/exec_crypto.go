package modes

import (
	"context"

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
