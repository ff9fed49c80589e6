package appliance

import (
	"context"
	"crypto/rand"

	"coterie/crypto/keys"
	"coterie/internal/secret"
	"coterie/modes"
)

// ExportRSA gives a pair as PEM, the private key encrypted under passphrase.
func (a *Appliance) ExportRSA(_ context.Context, label string, cipher keys.Cipher, passphrase secret.Bytes) (public, private string, err error) {
	pair, ok := a.keys.pair(label)
	switch {
	case !ok:
		return "", "", modes.ErrNoKey
	case !pair.Exportable:
		return "", "", modes.ErrNotExportable
	}
	return keys.Export(pair, cipher, passphrase, rand.Reader)
}

// ImportRSA stores a pair read from PEM.
func (a *Appliance) ImportRSA(ctx context.Context, label, public, private string, passphrase secret.Bytes, exportable, replace bool) error {
	if _, ok := a.keys.pair(label); ok && !replace {
		return modes.ErrKeyExists
	}
	key, err := keys.Import(public, private, passphrase)
	if err != nil {
		return err
	}
	pair := keys.Pair{Label: label, Private: key, Exportable: exportable, Generated: a.Now()}
	return a.changeKeys(ctx, func(m map[string]keys.Pair) { m[label] = pair })
}

// LockRSA makes a pair one that cannot be exported.
func (a *Appliance) LockRSA(ctx context.Context, label string) error {
	if _, ok := a.keys.pair(label); !ok {
		return modes.ErrNoKey
	}
	return a.changeKeys(ctx, func(m map[string]keys.Pair) {
		if pair, ok := m[label]; ok {
			pair.Exportable = false
			m[label] = pair
		}
	})
}

// changeKeys edits the key store and hands what changed to the engines.
func (a *Appliance) changeKeys(ctx context.Context, edit func(map[string]keys.Pair)) error {
	if err := a.keys.change(edit); err != nil {
		return err
	}
	a.dirty.Store(true)
	a.reconcile(ctx)
	return nil
}
