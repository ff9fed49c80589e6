package modes

import (
	"strconv"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// platformWire is `platform gdoi wire ...`: what is sent where sources
// disagree, or where there is a choice of our own. On input every form is
// understood. docs/wire.md describes them.
func (b *builder) platformWire(word grammar.Keyword) []*grammar.Command {
	type root = runningconfig.Config
	wire := grammar.Seq{word, grammar.Kw("gdoi", "GDOI protocol"), grammar.Kw("wire", "What goes on the wire")}
	line := func(n ...grammar.Node) grammar.Seq { return append(append(grammar.Seq{}, wire...), n...) }
	digit := func(n int, help string) grammar.Keyword { return grammar.Kw(strconv.Itoa(n), help).Sets("", n) }
	either := func(field func(*root) *bool, word, help, plain, plainHelp, other, otherHelp string) *grammar.Command {
		return &grammar.Command{
			Syntax: line(grammar.Kw(word, help), grammar.Alt{
				grammar.Kw(plain, plainHelp).Sets("", false),
				grammar.Kw(other, otherHelp).Sets("", true),
			}),
			Bind: leaf(field, false),
		}
	}
	return []*grammar.Command{
		{
			Syntax: line(grammar.Kw("phase1-doi", "DOI of the phase 1 SA payload"),
				grammar.Alt{digit(1, "IPsec, for decryption of a capture"), digit(2, "GDOI")}),
			Bind: leaf(func(c *root) *int { return &c.Platform.PhaseOneDOI }, runningconfig.DefaultPhaseOneDOI),
		},
		{
			Syntax: line(grammar.Kw("sa-tek-id-length", "Octets of the length of an identification in SA TEK"),
				grammar.Alt{digit(1, "One octet, as RFC 3547"), digit(2, "Two octets, as RFC 6407 is read")}),
			Bind: leaf(func(c *root) *int { return &c.Platform.TEKIDLength }, runningconfig.DefaultTEKIDLength),
		},
		either(func(c *root) *bool { return &c.Platform.SigDigestInfo }, "signature", "Encoding of the rekey signature",
			"bare", "PKCS #1 type 1 padding of the bare hash", "digest-info", "PKCS #1 v1.5 with the algorithm of the hash"),
		either(func(c *root) *bool { return &c.Platform.AckDigestLength }, "ack-length", "Length that the key of an acknowledgement is made with",
			"block", "Of the hash's block: 512 or 1024", "digest", "Of the hash's output: 256 or 512"),
		either(func(c *root) *bool { return &c.Platform.AckWithoutIV }, "ack-base-key", "What the key of an acknowledgement is made of",
			"with-iv", "IV and key of the KEK", "without-iv", "Key of the KEK alone"),
		either(func(c *root) *bool { return &c.Platform.TBARMetadata }, "tbar-encoding", "How time-based anti-replay travels",
			"sequence", "In the sequence number of ESP", "metadata", "In a header of 12 octets in front of the packet"),
	}
}
