package wire

import "coterie/crypto/suite"

// What each algorithm is called on the wire (RFC 6407 sections 5.3.1, 5.5.1;
// RFC 2407 section 4.4.4 and 4.5 with the IANA registry).

// kekAlgorithms maps a KEK cipher to KEK_ALGORITHM and, for AES, the bits of
// KEK_KEY_LENGTH.
var kekAlgorithms = []struct {
	cipher    suite.Cipher
	algorithm uint16
	bits      uint16 // 0: the algorithm has one key size
}{
	{suite.DES, 1, 0},
	{suite.TripleDES, 2, 0},
	{suite.AES128, 3, 128},
	{suite.AES192, 3, 192},
	{suite.AES256, 3, 256},
}

// sigHashes maps a hash to SIG_HASH_ALGORITHM.
var sigHashes = []struct {
	hash   suite.Hash
	number uint16
}{
	{suite.MD5, 1},
	{suite.SHA1, 2},
	{suite.SHA256, 3},
	{suite.SHA384, 4},
	{suite.SHA512, 5},
}

// SIG_ALGORITHM: RSA is the only one a member here verifies.
const sigRSA = 1

// espCiphers maps an ESP cipher to its transform identifier and key length.
var espCiphers = []struct {
	cipher suite.ESPCipher
	id     uint8
	bits   uint16 // Key Length attribute, 0: none
}{
	{suite.ESPDES, 2, 0},
	{suite.ESP3DES, 3, 0},
	{suite.ESPNull, 11, 0},
	{suite.ESPAES128, 12, 128},
	{suite.ESPAES192, 12, 192},
	{suite.ESPAES256, 12, 256},
	{suite.ESPGCM128, 20, 128},
	{suite.ESPGCM192, 20, 192},
	{suite.ESPGCM256, 20, 256},
	{suite.ESPGMAC128, 23, 128},
	{suite.ESPGMAC192, 23, 192},
	{suite.ESPGMAC256, 23, 256},
}

// counterMode tells the transforms whose key has a salt and whose IV must
// never repeat: GCM and GMAC.
func counterMode(id uint8) bool { return id == 20 || id == 23 }

// espAuths maps an integrity algorithm to the Authentication Algorithm
// attribute.
var espAuths = []struct {
	auth   suite.ESPAuth
	number uint16
}{
	{suite.ESPMD5, 1},
	{suite.ESPSHA1, 2},
	{suite.ESPSHA256, 5},
	{suite.ESPSHA384, 6},
	{suite.ESPSHA512, 7},
}

// DebugKEKAlgorithm is the number IOS prints for a KEK cipher in `debug crypto
// gdoi gm rekey`: it is the ISAKMP encryption algorithm, not KEK_ALGORITHM.
func DebugKEKAlgorithm(c suite.Cipher) int {
	switch c {
	case suite.DES:
		return 1
	case suite.TripleDES:
		return 5
	}
	return 7
}

// SigHashNumber is the SIG_HASH_ALGORITHM of a hash.
func SigHashNumber(h suite.Hash) int {
	for _, s := range sigHashes {
		if s.hash == h {
			return int(s.number)
		}
	}
	return 0
}
