package lab

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"coterie/internal/env"
)

// Names of the key tables, which Wireshark finds in its configuration folder
// (WIRESHARK_CONFIG_DIR).
const (
	phaseOneTable = "ikev1_decryption_table"
	espTable      = "esp_sa"
	plainPushFile = "plain-push.pcap"
)

// keyLog is the appliance.KeyLog of all nodes of a lab. The tables hold keys:
// only their owner may read them.
type keyLog struct {
	clock *env.Clock
	mu    sync.Mutex
	phase *os.File
	esp   *os.File
	push  *pcapWriter
	seen  map[string]bool // rows written: every member knows the same SAs
	err   error
}

func newKeyLog(dir string, clock *env.Clock) (*keyLog, error) {
	k := &keyLog{clock: clock, seen: make(map[string]bool)}
	create := func(name string) *os.File {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		k.err = errors.Join(k.err, err)
		return f
	}
	k.phase, k.esp = create(phaseOneTable), create(espTable)
	if f := create(plainPushFile); f != nil {
		push, err := newPcap(f)
		k.push, k.err = push, errors.Join(k.err, err)
	}
	if k.err != nil {
		return nil, errors.Join(k.err, k.close())
	}
	return k, nil
}

func (k *keyLog) row(f *os.File, row string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen[row] || k.err != nil {
		return
	}
	k.seen[row] = true
	_, k.err = f.WriteString(row)
}

// PhaseOne notes "initiator cookie,key" in bare hexadecimal.
func (k *keyLog) PhaseOne(cookie [8]byte, key []byte) {
	k.row(k.phase, hex.EncodeToString(cookie[:])+","+hex.EncodeToString(key)+"\n")
}

// ESP notes an SA for any pair of addresses. cipher and auth are Wireshark's
// names of the algorithms.
func (k *keyLog) ESP(spi uint32, cipher string, key []byte, auth string, authKey []byte) {
	k.row(k.esp, fmt.Sprintf("\"IPv4\",\"*\",\"*\",\"0x%08x\",\"%s\",\"%s\",\"%s\",\"%s\"\n",
		spi, cipher, hexKey(key), auth, hexKey(authKey)))
}

func hexKey(key []byte) string {
	if len(key) == 0 {
		return ""
	}
	return "0x" + hex.EncodeToString(key)
}

// PlainPush captures a rekey as it was before encryption.
func (k *keyLog) PlainPush(local, remote netip.AddrPort, data []byte) {
	if local.Addr().Is4() && remote.Addr().Is4() {
		k.push.frame(k.clock.Now(), udpFrame(local, remote, data))
	}
}

func (k *keyLog) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.err
	for _, f := range []*os.File{k.phase, k.esp} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	if k.push != nil {
		err = errors.Join(err, k.push.close())
	}
	return err
}
