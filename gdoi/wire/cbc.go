package wire

import (
	"crypto/cipher"

	"coterie/gdoi/policy"
)

// kekCBC returns the block cipher of a KEK. Every PUSH under it starts CBC
// with the IV that came with the key.
func kekCBC(k policy.KEK) (block cipher.Block, iv []byte, err error) {
	if !k.Cipher.Known() {
		return nil, nil, badKeys("KEK cipher %d", k.Cipher)
	}
	block, err = k.Cipher.NewBlock(k.Key.Reveal())
	if err == nil && k.IV.Len() != block.BlockSize() {
		err = badKeys("KEK IV of %d octets", k.IV.Len())
	}
	if err != nil {
		return nil, nil, badKeys("KEK: %v", err)
	}
	return block, k.IV.Reveal(), nil
}
