package modes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/crypto/keys"
)

// Sizes of an RSA modulus, in bits.
const (
	minModulus     = 360
	maxModulus     = 4096
	defaultModulus = 1024
)

// rsaKeys are the actions on key pairs. They act on the key store, never on
// the tree, and print nothing in a configuration.
func (b *builder) rsaKeys() []*grammar.Command {
	key := grammar.Kw("key", "Long term key operations")
	rsa := grammar.Kw("rsa", "Generate RSA keys")
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("generate", "Generate new keys"), rsa, grammar.AnyOrder{
				grammar.Alt{
					grammar.Kw("general-keys", "Generate a general purpose RSA key pair"),
					grammar.Kw("usage-keys", "Generate separate RSA key pairs for signing and encryption"),
					grammar.Kw("signature", "Generate a general purpose RSA key pair for signing"),
					grammar.Kw("encryption", "Generate a general purpose RSA key pair for encryption"),
				},
				grammar.Seq{grammar.Kw("label", "Provide a label"), grammar.Arg("Label", grammar.Word(), "RSA keypair label")},
				grammar.Seq{grammar.Kw("modulus", "Provide number of modulus bits on the command line"),
					grammar.Arg("Modulus", grammar.Int(minModulus, maxModulus), "Size of the key modulus")},
				grammar.Kw("exportable", "Allow the key to be exported").Sets("Exportable", true),
				grammar.Kw("redundancy", "Allow the key to be synced to high-availability peer"),
				grammar.Alt{
					grammar.Seq{grammar.Kw("on", "Create key on specified device"), grammar.Arg("Device", grammar.Word(), "Device to create the key on")},
					grammar.Seq{grammar.Kw("storage", "Store key on specified device"), grammar.Arg("Device", grammar.Word(), "Device to store the key on")},
				},
			}},
			Run: b.generateRSA,
		},
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("zeroize", "Remove keys"), grammar.Kw("rsa", "Remove RSA keys"),
				grammar.Opt{Node: grammar.Arg("Label", grammar.Word(), "RSA keypair label").From(b.keyLabels)}},
			Run: b.zeroizeRSA,
		},
	}
}

// keyLister is what an Operator that shows keys adds.
type keyLister interface {
	RSAKeys() []keys.Public
}

// hasKey tells whether a label is in use, as far as the operator tells.
func (b *builder) hasKey(label string) bool {
	l, ok := b.op.(keyLister)
	return ok && slices.ContainsFunc(l.RSAKeys(), func(k keys.Public) bool { return k.Label == label })
}

// defaultLabel is the name of keys without a label: the router's own.
func (b *builder) defaultLabel() (string, error) {
	c := b.config()
	switch {
	case c == nil:
		return "", Refusal("% Please define a label for the keys.")
	case c.Hostname == "":
		return "", Refusal("% Please define a hostname other than Router.")
	case c.DomainName == "":
		return "", Refusal("% Please define a domain-name first.")
	}
	return c.Hostname + "." + c.DomainName, nil
}

func (b *builder) generateRSA(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	if b.op == nil {
		return nil // a file that is only checked
	}
	label := a.String("Label")
	if label == "" {
		var err error
		if label, err = b.defaultLabel(); err != nil {
			return err
		}
	}
	replace := false
	ask := func() (bool, error) {
		fmt.Fprintf(t, "%% You already have RSA keys defined named %s.\n", label)
		return confirm(ctx, t, "% Do you really want to replace them? [yes/no]: ")
	}
	if b.hasKey(label) {
		if ok, err := ask(); err != nil || !ok {
			return err
		}
		replace = true
	}
	fmt.Fprintf(t, "The name for the keys will be: %s\n", label)
	bits := a.Int("Modulus")
	if bits == 0 {
		var err error
		if bits, err = askModulus(ctx, t); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t, "\n%% The key modulus size is %d bits\n", bits)
	}
	exportable := a.Bool("Exportable")
	kind := "non-exportable"
	if exportable {
		kind = "exportable"
	}
	start := time.Now()
	fmt.Fprintf(t, "%% Generating %d bit RSA keys, keys will be %s...\n", bits, kind)
	err := b.op.GenerateRSA(ctx, label, bits, exportable, replace)
	if errors.Is(err, ErrKeyExists) {
		ok, asked := ask()
		if asked != nil || !ok {
			return asked
		}
		err = b.op.GenerateRSA(ctx, label, bits, exportable, true)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t, "[OK] (elapsed time was %d seconds)\n\n", int(time.Since(start).Seconds()))
	return nil
}

// askModulus asks for the size of the modulus until it is one.
func askModulus(ctx context.Context, t grammar.Terminal) (int, error) {
	fmt.Fprintf(t, "Choose the size of the key modulus in the range of %d to %d for your\n"+
		"  General Purpose Keys. Choosing a key modulus greater than 512 may take\n  a few minutes.\n\n", minModulus, maxModulus)
	for {
		answer, err := t.Ask(ctx, fmt.Sprintf("How many bits in the modulus [%d]: ", defaultModulus))
		if err != nil {
			return 0, err
		}
		if answer = strings.TrimSpace(answer); answer == "" {
			return defaultModulus, nil
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= minModulus && n <= maxModulus {
			return n, nil
		}
		fmt.Fprintf(t, "%% A decimal number between %d and %d.\n", minModulus, maxModulus)
	}
}

func (b *builder) zeroizeRSA(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	if b.op == nil {
		return nil
	}
	label := a.String("Label")
	if label != "" {
		if _, knows := b.op.(keyLister); knows && !b.hasKey(label) {
			_, err := io.WriteString(t, "% No Signature RSA Keys found in configuration.\n\n")
			return err
		}
		fmt.Fprintf(t, "%% Keys to be removed are named '%s'.\n", label)
	} else {
		fmt.Fprint(t, "% All keys will be removed.\n% All router certs issued using these keys will also be removed.\n")
	}
	if ok, err := confirm(ctx, t, "Do you really want to remove these keys? [yes/no]: "); err != nil || !ok {
		return err
	}
	return b.op.ZeroizeRSA(ctx, label)
}
