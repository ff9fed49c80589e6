package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" // DES and 3DES are what old configurations ask for
	"fmt"
)

type cipherInfo struct {
	name    string // on screens
	words   string // `encryption ...` of an isakmp policy, as IOS prints it
	rekey   string // `rekey algorithm ...`
	keyLen  int    // octets
	keyBits int    // as screens count them: without parity bits
	block   int
	long    string // `show crypto isakmp policy`
}

// ciphers is indexed by Cipher; what is not listed is zero.
var ciphers = [256]cipherInfo{
	DES:       {"DES", "des", "des-cbc", 8, 56, des.BlockSize, "DES - Data Encryption Standard (56 bit keys)."},
	TripleDES: {"3DES", "3des", "3des-cbc", 24, 168, des.BlockSize, "Three key triple DES"},
	AES128:    {"AES", "aes", "aes 128", 16, 128, aes.BlockSize, "AES - Advanced Encryption Standard (128 bit keys)."},
	AES192:    {"AES", "aes 192", "aes 192", 24, 192, aes.BlockSize, "AES - Advanced Encryption Standard (192 bit keys)."},
	AES256:    {"AES", "aes 256", "aes 256", 32, 256, aes.BlockSize, "AES - Advanced Encryption Standard (256 bit keys)."},
}

// Ciphers lists every cipher in order of strength.
func Ciphers() []Cipher { return []Cipher{DES, TripleDES, AES128, AES192, AES256} }

// Known tells a cipher of this package from any other number.
func (c Cipher) Known() bool { return ciphers[c].keyLen != 0 }

// KeyLen is the length of the key in octets, DES parity bits included.
func (c Cipher) KeyLen() int { return ciphers[c].keyLen }

// KeyBits is the key size as the isakmp screens count it: 56, 168, 128, 192 or
// 256. The KEK screens count 8*KeyLen, 192 for 3DES.
func (c Cipher) KeyBits() int { return ciphers[c].keyBits }

// BlockLen is the block, and IV, length in octets: 8 or 16.
func (c Cipher) BlockLen() int { return ciphers[c].block }

// String is the name on screens, "DES", "3DES" or "AES"; KeyBits tells the
// three AES apart.
func (c Cipher) String() string { return orNumber(ciphers[c].name, c) }

// Words is the value of `encryption` in an isakmp policy: "3des", "aes",
// "aes 256".
func (c Cipher) Words() string { return orNumber(ciphers[c].words, c) }

// RekeyWords is the value of `rekey algorithm`: "3des-cbc", "aes 128".
func (c Cipher) RekeyWords() string { return orNumber(ciphers[c].rekey, c) }

// Description is the line of `show crypto isakmp policy`.
func (c Cipher) Description() string { return orNumber(ciphers[c].long, c) }

// Weak tells DES and 3DES.
func (c Cipher) Weak() bool { return c == DES || c == TripleDES }

// ParseCipher reads the words of `encryption` or `rekey algorithm`.
func ParseCipher(words string) (Cipher, bool) {
	for _, c := range Ciphers() {
		if i := ciphers[c]; words == i.words || words == i.rekey {
			return c, true
		}
	}
	return 0, false
}

// NewBlock keys the cipher; key has KeyLen octets.
func (c Cipher) NewBlock(key []byte) (cipher.Block, error) {
	i := ciphers[c]
	if !c.Known() {
		return nil, fmt.Errorf("unknown cipher %d", uint8(c))
	}
	if len(key) != i.keyLen {
		return nil, fmt.Errorf("%s key of %d octets, want %d", i.name, len(key), i.keyLen)
	}
	switch c {
	case DES:
		return des.NewCipher(key)
	case TripleDES:
		return des.NewTripleDESCipher(key)
	}
	return aes.NewCipher(key)
}

func orNumber[T ~uint8](s string, n T) string {
	if s == "" {
		return fmt.Sprintf("%d", uint8(n))
	}
	return s
}
