package appliance

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	runningconfig "coterie/running-config"
)

// hostKeyFile holds the key that this device made for SSH itself, beside the
// pairs of `crypto key generate rsa`, which users see and delete.
const hostKeyFile = "ssh-host-key"

// hostKey is that key, once it was needed.
type hostKey struct {
	mu  sync.Mutex
	key ed25519.PrivateKey
}

// HostKeys are the keys that SSH proves this device with: its own, and the
// general-purpose RSA pair when there is one. The first stays when the second
// comes, so that clients know the device again.
func (a *Appliance) HostKeys() ([]crypto.Signer, error) {
	own, err := a.ownHostKey()
	if err != nil {
		return nil, err
	}
	out := []crypto.Signer{own}
	var label string
	a.store.View(func(c *runningconfig.Config) { label = c.Hostname + "." + c.DomainName })
	if p, ok := a.keys.pair(label); ok && p.Private != nil {
		out = append(out, p.Private)
	}
	return out, nil
}

func (a *Appliance) ownHostKey() (ed25519.PrivateKey, error) {
	h := &a.hostKey
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.key != nil {
		return h.key, nil
	}
	data, err := a.private.Read(hostKeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		h.key, err = a.makeHostKey()
	case err != nil:
		err = fmt.Errorf("read %s: %w", hostKeyFile, err)
	default:
		h.key, err = parseHostKey(data)
	}
	return h.key, err
}

func (a *Appliance) makeHostKey() (ed25519.PrivateKey, error) {
	key := ed25519.NewKeyFromSeed(a.cfg.Env.Bytes(ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode host key: %w", err)
	}
	if err := a.private.Write(hostKeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
		return nil, fmt.Errorf("save %s: %w", hostKeyFile, err)
	}
	return key, nil
}

// parseHostKey reads the file; a damaged one is an error, because a new key
// would look like another device to every client.
func parseHostKey(data []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is damaged", hostKeyFile)
	}
	v, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hostKeyFile, err)
	}
	key, ok := v.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds %T, want Ed25519", hostKeyFile, v)
	}
	return key, nil
}
