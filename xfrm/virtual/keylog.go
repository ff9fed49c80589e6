package virtual

import (
	"coterie/crypto/suite"
	"coterie/xfrm"
)

// Names of algorithms in Wireshark's ESP SA table.
var cipherNames = map[suite.ESPCipher]string{
	suite.ESPNull: "NULL", suite.ESPDES: "DES-CBC [RFC2405]", suite.ESP3DES: "TripleDES-CBC [RFC2451]",
	suite.ESPAES128: "AES-CBC [RFC3602]", suite.ESPAES192: "AES-CBC [RFC3602]", suite.ESPAES256: "AES-CBC [RFC3602]",
	suite.ESPGCM128: gcmName, suite.ESPGCM192: gcmName, suite.ESPGCM256: gcmName,
	suite.ESPGMAC128: "NULL", suite.ESPGMAC192: "NULL", suite.ESPGMAC256: "NULL",
}

const gcmName = "AES-GCM with 16 octet ICV [RFC4106]"

var authNames = map[suite.ESPAuth]string{
	suite.ESPAuthNone: "NULL", suite.ESPMD5: "HMAC-MD5-96 [RFC2403]", suite.ESPSHA1: "HMAC-SHA-1-96 [RFC2404]",
	suite.ESPSHA256: "HMAC-SHA-256-128 [RFC4868]", suite.ESPSHA384: "HMAC-SHA-384-192 [RFC4868]",
	suite.ESPSHA512: "HMAC-SHA-512-256 [RFC4868]",
}

// logKeys tells log the keys of s. Wireshark has no name for GMAC; its ICV is
// given as one of 128 bits that cannot be checked.
func logKeys(log KeyLog, s xfrm.SA) {
	cipher, auth := cipherNames[s.Transform.Cipher], authNames[s.Transform.Auth]
	key := s.CipherKey.Reveal()
	if s.Transform.GMAC() {
		key, auth = nil, "ANY 128 bit authentication [no checking]"
	}
	log(s.SPI, cipher, append([]byte(nil), key...), auth, append([]byte(nil), s.AuthKey.Reveal()...))
}
