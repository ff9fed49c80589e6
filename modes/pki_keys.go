package modes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coterie/cli/grammar"
	"coterie/crypto/keys"
)

// ecKeys are the actions on EC key pairs.
func (b *builder) ecKeys() []*grammar.Command {
	key := grammar.Kw("key", "Long term key operations")
	size := func(bits int, help string) grammar.Node {
		return grammar.Kw(fmt.Sprint(bits), help).Sets("Bits", bits)
	}
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("generate", "Generate new keys"), grammar.Kw("ec", "Generate EC keys for ECDSA"),
				grammar.AnyOrder{
					grammar.Seq{grammar.Kw("keysize", "EC key size"), grammar.Alt{
						size(256, "Elliptic curve P-256"), size(384, "Elliptic curve P-384"), size(521, "Elliptic curve P-521")}},
					grammar.Kw("exportable", "Allow the key to be exported").Sets("Exportable", true),
					grammar.Seq{grammar.Kw("label", "Provide a label"), grammar.Arg("Label", grammar.Word(), "EC keypair label")},
				}},
			Run: b.generateEC,
		},
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("zeroize", "Remove keys"), grammar.Kw("ec", "Remove EC keys"),
				grammar.Opt{Node: grammar.Arg("Label", grammar.Word(), "EC keypair label").From(b.ecLabels)}},
			Run: b.zeroizeEC,
		},
	}
}

// ecPairs are the EC key pairs, as far as the operator tells.
func (b *builder) ecPairs() (out []keys.Public) {
	c, ok := b.op.(Certificates)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Keys()), func(k keys.Public) bool { return !k.EC })
}

// ecLabels names the EC key pairs there are.
func (b *builder) ecLabels(any) (out []string) {
	for _, k := range b.ecPairs() {
		out = append(out, k.Label)
	}
	return out
}

func (b *builder) generateEC(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	if b.op == nil {
		return nil
	}
	c, ok := b.op.(Certificates)
	if !ok {
		return errNoPKI
	}
	bits := a.Int("Bits")
	if bits == 0 {
		return incomplete
	}
	label := a.String("Label")
	if label == "" {
		var err error
		if label, err = b.defaultLabel(); err != nil {
			return err
		}
	}
	exportable, kind := a.Bool("Exportable"), "non-exportable"
	if exportable {
		kind = "exportable"
	}
	make := func(replace bool) error {
		start := time.Now()
		if err := c.GenerateEC(ctx, label, bits, exportable, replace); err != nil {
			return err
		}
		fmt.Fprintf(t, "The name for the keys will be: %s\n%% Generating %d bit EC keys, keys will be %s...\n", label, bits, kind)
		_, err := fmt.Fprintf(t, "[OK] (elapsed time was %d seconds)\n\n", int(time.Since(start).Seconds()))
		return err
	}
	err := make(false)
	if !errors.Is(err, ErrKeyExists) {
		return err
	}
	fmt.Fprintf(t, "%% You already have keys defined named %s.\n", label)
	if ok, err := confirm(ctx, t, "% Do you really want to replace them? [yes/no]: "); err != nil || !ok {
		return err
	}
	return make(true)
}

func (b *builder) zeroizeEC(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	if b.op == nil {
		return nil
	}
	label := a.String("Label")
	c, ok := b.op.(Certificates)
	if labels := b.ecLabels(nil); !ok || len(labels) == 0 || label != "" && !slices.Contains(labels, label) {
		_, err := fmt.Fprint(t, "% No EC Keys found in configuration.\n\n")
		return err
	}
	if label != "" {
		fmt.Fprintf(t, "%% Keys to be removed are named '%s'.\n", label)
	} else {
		fmt.Fprint(t, "% All EC keys will be removed.\n% All router certs issued using these keys will also be removed.\n")
	}
	if ok, err := confirm(ctx, t, "Do you really want to remove these keys? [yes/no]: "); err != nil || !ok {
		return err
	}
	return c.ZeroizeEC(ctx, label)
}
