// Package testkey has fixed RSA key pairs for tests of rekeys: making them takes
// seconds, and a run with the same keys sends the same octets. Everybody can
// read them here: they guard nothing.
package testkey

import (
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
)

//go:embed *.pem
var files embed.FS

// Long is a pair of 2048 bits, and its public half as SubjectPublicKeyInfo.
func Long() (*rsa.PrivateKey, []byte) { return pair("long.pem") }

// Short is a pair of 1024 bits, which signs eight times as fast.
func Short() (*rsa.PrivateKey, []byte) { return pair("short.pem") }

// Rekey is a pair of 1024 bits, that of the recorded rekeys.
func Rekey() (*rsa.PrivateKey, []byte) { return pair("rekey.pem") }

// Other is a pair of 1024 bits that is nobody's: an impostor's.
func Other() (*rsa.PrivateKey, []byte) { return pair("other.pem") }

func pair(name string) (*rsa.PrivateKey, []byte) {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return key, spki
}
