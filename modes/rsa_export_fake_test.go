package modes

import (
	"context"

	"coterie/crypto/keys"
	"coterie/internal/secret"
)

// The device of the exec tests has no keys to move.
func (d *device) ExportRSA(context.Context, string, keys.Cipher, secret.Bytes) (public, private string, err error) {
	return "", "", ErrNoKey
}

func (d *device) ImportRSA(context.Context, string, string, string, secret.Bytes, bool, bool) error {
	return nil
}

func (d *device) LockRSA(context.Context, string) error { return ErrNoKey }
