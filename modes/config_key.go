package modes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"coterie/cli/grammar"
	"coterie/crypto/password"
	"coterie/internal/secret"
	runningconfig "coterie/running-config"
)

// A ConfigKey keeps the master key of `key config-key password-encrypt`. An
// Operator may be one.
type ConfigKey interface {
	// HasConfigKey tells whether there is one; IsConfigKey, whether it is this.
	HasConfigKey() bool
	IsConfigKey(key secret.Bytes) bool
	// SetConfigKey takes another key, and seals again what the old one sealed.
	SetConfigKey(ctx context.Context, key secret.Bytes) error
	// ForgetConfigKey deletes it: what it sealed can no longer be used.
	ForgetConfigKey() error
	// Unseal opens a type 6 text.
	Unseal(text secret.Bytes) (secret.Bytes, bool)
}

// configKey is `key config-key password-encrypt [KEY]`, which acts on the key
// store and prints nothing in a configuration.
func (b *builder) configKey() *grammar.Command {
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("key", "Key management"), grammar.Kw("config-key", "Set a private configuration key"),
			grammar.Kw("password-encrypt", "Encrypt the passwords of the configuration"),
			grammar.OptionalUnderNo{Node: grammar.Opt{Node: grammar.Arg("Key", grammar.Rest(), "The config-key (minimum 8 characters)")}}},
		Bind: grammar.Custom[runningconfig.Config]{
			Keys: []string{},
			OnUnset: func(*runningconfig.Config, grammar.Args) error {
				if k, ok := b.op.(ConfigKey); ok {
					return k.ForgetConfigKey()
				}
				return nil
			},
		},
		Run: b.setConfigKey,
	}
}

func (b *builder) setConfigKey(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	k, ok := b.op.(ConfigKey)
	if !ok {
		return nil // a file that is only checked
	}
	if k.HasConfigKey() {
		old, err := t.AskSecret(ctx, "Old key: ")
		if err != nil {
			return err
		}
		if !k.IsConfigKey(secret.Of(old)) {
			return errors.New("% Old key is not correct")
		}
	}
	key := a.String("Key")
	if key == "" {
		var err error
		if key, err = t.AskSecret(ctx, "New key: "); err != nil {
			return err
		}
		again, err := t.AskSecret(ctx, "Confirm key: ")
		if err != nil {
			return err
		}
		if again != key {
			return errors.New("% Keys do not match")
		}
	}
	switch {
	case len(key) < password.MinMaster || len(key) > password.MaxLength:
		return fmt.Errorf("%% Invalid key: it must have %d to %d characters", password.MinMaster, password.MaxLength)
	case strings.ContainsRune("!#;", rune(key[0])):
		return errors.New("% Invalid key: its first character must not be !, # or ;")
	}
	return k.SetConfigKey(ctx, secret.Of(key))
}

// sealedSame tells whether a sealed key is the one that was typed.
func (b *builder) sealedSame(old runningconfig.ISAKMPKey, plain secret.Bytes) bool {
	k, ok := b.op.(ConfigKey)
	if !ok || !old.Type6 {
		return false
	}
	opened, ok := k.Unseal(old.Key)
	return ok && opened.Equal(plain)
}
