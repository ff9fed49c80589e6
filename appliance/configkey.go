package appliance

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"coterie/crypto/password"
	"coterie/internal/secret"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// The keeper of the master key.
var _ modes.ConfigKey = (*Appliance)(nil)

// configKeyFile holds the master keys of type 6, as private as the RSA keys.
const configKeyFile = "config-key"

// configKeyHeader is its first line; the keys follow in base64, newest first.
const configKeyHeader = "coterie config-key 1"

// formerKeys is how many master keys are kept. A saved configuration may be
// older than the last change of the key, and must not be lost with it.
const formerKeys = 4

// masterKeys are the master keys of type 6, newest first. The first seals,
// each opens.
type masterKeys struct {
	files Files
	mu    sync.Mutex
	keys  []password.Master
}

func openMasterKeys(files Files) (*masterKeys, error) {
	m := &masterKeys{files: files}
	data, err := files.Read(configKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", configKeyFile, err)
	}
	lines := strings.Fields(strings.TrimPrefix(string(data), configKeyHeader+"\n"))
	if !strings.HasPrefix(string(data), configKeyHeader+"\n") || len(lines) == 0 {
		return nil, fmt.Errorf("%s is damaged", configKeyFile)
	}
	for _, line := range lines {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("%s is damaged", configKeyFile)
		}
		m.keys = append(m.keys, password.Master{Key: secret.New(key)})
	}
	return m, nil
}

// add makes a key the first.
func (m *masterKeys) add(key password.Master) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := []password.Master{key}
	for _, k := range m.keys {
		if len(keys) < formerKeys && !k.Key.Equal(key.Key) {
			keys = append(keys, k)
		}
	}
	text := configKeyHeader + "\n"
	for _, k := range keys {
		text += base64.StdEncoding.EncodeToString(k.Key.Reveal()) + "\n"
	}
	if err := m.files.Write(configKeyFile, []byte(text)); err != nil {
		return fmt.Errorf("save %s: %w", configKeyFile, err)
	}
	m.keys = keys
	return nil
}

func (m *masterKeys) forget() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.files.Remove(configKeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", configKeyFile, err)
	}
	m.keys = nil
	return nil
}

// list is the keys, newest first.
func (m *masterKeys) list() []password.Master {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys
}

// HasConfigKey tells whether there is a master key.
func (a *Appliance) HasConfigKey() bool { return len(a.masters.list()) > 0 }

// IsConfigKey tells whether key is what was typed last.
func (a *Appliance) IsConfigKey(key secret.Bytes) bool {
	m, err := password.NewMaster(key)
	keys := a.masters.list()
	return err == nil && len(keys) > 0 && m.Key.Equal(keys[0].Key)
}

// SetConfigKey takes another master key and seals again what the old one
// sealed. The key is on disk before anything is sealed with it.
func (a *Appliance) SetConfigKey(_ context.Context, key secret.Bytes) error {
	m, err := password.NewMaster(key)
	if err != nil {
		return fmt.Errorf("%% %w", err)
	}
	if err := a.masters.add(m); err != nil {
		return err
	}
	return a.Edit(func(root any) error {
		for k := range root.(*runningconfig.Config).ISAKMP.PreShared() {
			if !k.Type6 {
				continue
			}
			if plain, ok := a.Unseal(k.Key); ok {
				if text, ok := a.seal(plain); ok {
					k.Key = text
				}
			}
		}
		return nil
	})
}

// ForgetConfigKey deletes the master keys.
func (a *Appliance) ForgetConfigKey() error { return a.masters.forget() }

// Unseal opens a type 6 text under any key that is kept.
func (a *Appliance) Unseal(text secret.Bytes) (secret.Bytes, bool) {
	for _, m := range a.masters.list() {
		if plain, err := m.Open(text); err == nil {
			return plain, true
		}
	}
	return secret.Bytes{}, false
}

// seal makes a type 6 text, if there is a master key.
func (a *Appliance) seal(plain secret.Bytes) (secret.Bytes, bool) {
	keys := a.masters.list()
	if len(keys) == 0 {
		return secret.Bytes{}, false
	}
	text, err := keys[0].Seal(plain, a.cfg.Env.Rand)
	return text, err == nil
}

// protect brings the passwords of the tree into the form that it asks for.
func (a *Appliance) protect(c *runningconfig.Config) { modes.Protect(c, a.cfg.Env.Rand, a.seal) }

// unsealed is the configuration with the pre-shared keys in the clear that can
// be opened; the others stay as they are.
func (a *Appliance) unsealed(c *runningconfig.Config) *runningconfig.Config {
	sealed := false
	for k := range c.ISAKMP.PreShared() {
		sealed = sealed || k.Type6
	}
	if !sealed {
		return c
	}
	out := *c
	out.ISAKMP.Keys = slices.Clone(c.ISAKMP.Keys)
	out.ISAKMP.Keyrings = slices.Clone(c.ISAKMP.Keyrings)
	for i, ring := range out.ISAKMP.Keyrings {
		r := *ring
		r.Keys = slices.Clone(r.Keys)
		out.ISAKMP.Keyrings[i] = &r
	}
	for k := range out.ISAKMP.PreShared() {
		if !k.Type6 {
			continue
		}
		if plain, ok := a.Unseal(k.Key); ok {
			k.Key, k.Type6 = plain, false
		}
	}
	return &out
}

// relevel gives commands the privilege levels of the configuration; reconcile
// calls it.
func (a *Appliance) relevel(c *runningconfig.Config) {
	if slices.Equal(a.levels, c.AAA.Privileges) {
		return
	}
	a.levels = slices.Clone(c.AAA.Privileges)
	modes.SetLevels(a.exec, a.config, a.levels)
}
