package modes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"coterie/cli/grammar"
	"coterie/crypto/keys"
	"coterie/internal/secret"
)

// KeyFiles moves RSA key pairs in and out of a device.
type KeyFiles interface {
	// ExportRSA gives a pair as PEM, the private key encrypted. It fails with
	// ErrNoKey, or ErrNotExportable.
	ExportRSA(ctx context.Context, label string, cipher keys.Cipher, passphrase secret.Bytes) (public, private string, err error)
	// ImportRSA stores a pair read from PEM; it fails with ErrKeyExists when
	// label is in use and replace is false.
	ImportRSA(ctx context.Context, label, public, private string, passphrase secret.Bytes, exportable, replace bool) error
	// LockRSA makes a pair one that cannot be exported.
	LockRSA(ctx context.Context, label string) error
}

// Errors of KeyFiles.
var (
	ErrNoKey         = errors.New("% No RSA key pair has this label")
	ErrNotExportable = errors.New("% This RSA key pair is not exportable")
)

// shortestPassphrase is the shortest that IOS takes.
const shortestPassphrase = 8

// passphraseType is the last word of export and import.
var passphraseType = kind{placeholder: "LINE", rank: grammar.RankWord, samples: []string{"MYSECRETPASS"},
	parse: func(s string) (any, bool) { return s, true }}

// keyFiles are export, import and move of key pairs: actions on the key store.
func (b *builder) keyFiles() []*grammar.Command {
	key := grammar.Kw("key", "Long term key operations")
	label := func() grammar.Node {
		return grammar.Arg("Label", grammar.Word(), "RSA keypair label").From(b.keyLabels)
	}
	where := func(terminal, url string) grammar.Node {
		return grammar.Alt{
			grammar.Kw("terminal", terminal),
			grammar.Seq{grammar.Kw("url", url), grammar.Arg("URL", grammar.Word(), "URL of the file system")},
		}
	}
	pass := grammar.Arg("Passphrase", passphraseType, "Passphrase used to protect the private key")
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("export", "Export keys"), grammar.Kw("rsa", "Export RSA keys"), label(),
				grammar.Kw("pem", "File type to export"), where("Cut & paste to terminal", "Export to the file system"),
				grammar.Alt{
					grammar.Kw("3des", "Encrypt the private key with 3DES").Sets("Cipher", keys.TripleDES),
					grammar.Kw("des", "Encrypt the private key with DES").Sets("Cipher", keys.DES),
				}, pass},
			Run: b.exportRSA,
		},
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("import", "Import keys"), grammar.Kw("rsa", "Import RSA keys"), label(),
				grammar.Opt{Node: grammar.Kw("pem", "File type to import")},
				grammar.AnyOrder{
					grammar.Kw("exportable", "Allow the key to be exported").Sets("Exportable", true),
					grammar.Alt{
						grammar.Kw("general-purpose", "Import a general purpose RSA key pair"),
						grammar.Kw("usage-keys", "Import separate RSA key pairs for signing and encryption"),
					},
				}, where("Cut & paste from terminal", "Import from the file system"), pass},
			Run: b.importRSA,
		},
		{
			Syntax: grammar.Seq{kwCrypto, key, grammar.Kw("move", "Move keys"), grammar.Kw("rsa", "Move RSA keys"), label(),
				grammar.Kw("non-exportable", "Make the key pair one that cannot be exported")},
			Run: func(ctx context.Context, _ grammar.Terminal, a grammar.Args) error {
				if b.op == nil {
					return nil
				}
				return b.op.LockRSA(ctx, a.String("Label"))
			},
		},
	}
}

// keyLabels names the key pairs there are.
func (b *builder) keyLabels(any) []string {
	l, ok := b.op.(keyLister)
	if !ok {
		return nil
	}
	var out []string
	for _, k := range l.RSAKeys() {
		out = append(out, k.Label)
	}
	return out
}

// fileSystem refuses what only a file system could do, and short passphrases.
func fileSystem(a grammar.Args) error {
	switch {
	case a.Has("URL"):
		return Refusal("% This device has no file system for keys: use terminal")
	case len(a.String("Passphrase")) < shortestPassphrase:
		return Refusal(fmt.Sprintf("%% The passphrase must have at least %d characters", shortestPassphrase))
	}
	return nil
}

func (b *builder) exportRSA(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	if b.op == nil {
		return nil
	}
	if err := fileSystem(a); err != nil {
		return err
	}
	cipher, _ := a["Cipher"].(keys.Cipher)
	pass := secret.Of(a.String("Passphrase"))
	defer pass.Wipe()
	public, private, err := b.op.ExportRSA(ctx, a.String("Label"), cipher, pass)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t, "\n%% Key name: %s\n   Usage: General Purpose Key\n   Key data:\n%s%s", a.String("Label"), public, private)
	return err
}

func (b *builder) importRSA(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	if b.op == nil {
		return nil
	}
	if err := fileSystem(a); err != nil {
		return err
	}
	label, replace := a.String("Label"), false
	if b.hasKey(label) {
		fmt.Fprintf(t, "%% You already have RSA keys defined named %s.\n", label)
		ok, err := confirm(ctx, t, "% Do you really want to replace them? [yes/no]: ")
		if err != nil || !ok {
			return err
		}
		replace = true
	}
	fmt.Fprint(t, "% Enter PEM-formatted public General Purpose key or certificate.\n"+
		"% End with a blank line or \"quit\" on a line by itself.\n")
	public, err := collect(ctx, t, true)
	if err != nil {
		return err
	}
	fmt.Fprint(t, "% Enter PEM-formatted encrypted private General Purpose key.\n% End with \"quit\" on a line by itself.\n")
	private, err := collect(ctx, t, false)
	if err != nil {
		return err
	}
	pass := secret.Of(a.String("Passphrase"))
	defer pass.Wipe()
	if err := b.op.ImportRSA(ctx, label, public, private, pass, a.Bool("Exportable"), replace); err != nil {
		return fmt.Errorf("%% Key pair import failed: %w", err)
	}
	_, err = fmt.Fprint(t, "% Key pair import succeeded.\n")
	return err
}

// maxCollected bounds the lines of one pasted key.
const maxCollected = 1000

// collect takes lines up to `quit`, or a blank one, which is not part of the
// text. What is blank before the first line does not count: a paste often
// begins so.
func collect(ctx context.Context, t grammar.Terminal, blank bool) (string, error) {
	count, begun := 0, false
	lines, err := t.Collect(ctx, func(line string) bool {
		count++
		line = strings.TrimSpace(line)
		begun = begun || line != ""
		return strings.EqualFold(line, "quit") || blank && begun && line == "" || count >= maxCollected
	})
	if err != nil {
		return "", err
	}
	if n := len(lines); n > 0 && strings.EqualFold(strings.TrimSpace(lines[n-1]), "quit") {
		lines = lines[:n-1]
	}
	return strings.Join(lines, "\n"), nil
}
