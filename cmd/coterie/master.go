package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"coterie/appliance"
	"coterie/internal/secret"
)

// masterCredential is the credential of a systemd unit (LoadCredential= or
// LoadCredentialEncrypted=) that holds the master key.
const masterCredential = "coterie-master-key"

// masterKeys are the keys that a state directory is sealed under: that of the
// credential, if there is one, and that of the file master-key, which is made
// when there is neither. The first seals; the other opens what an earlier run
// has sealed.
func masterKeys(state string, makeOne bool) ([]secret.Bytes, error) {
	var out []secret.Bytes
	if folder := os.Getenv("CREDENTIALS_DIRECTORY"); folder != "" {
		name := filepath.Join(folder, masterCredential)
		data, err := os.ReadFile(name)
		if err == nil {
			key, err := appliance.ParseMasterKey(data)
			if err != nil {
				return nil, fmt.Errorf("credential %s: %w", masterCredential, err)
			}
			out = append(out, key)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("credential %s: %w", masterCredential, err)
		}
	}
	key, err := appliance.MasterKey(state, makeOne && len(out) == 0)
	switch {
	case err == nil:
		out = append(out, key)
	case !errors.Is(err, fs.ErrNotExist) || len(out) == 0:
		return nil, fmt.Errorf("master key: %w", err)
	}
	return out, nil
}
