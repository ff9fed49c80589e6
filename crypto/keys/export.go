package keys

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"coterie/internal/secret"
)

// Cipher encrypts an exported private key.
type Cipher uint8

// Ciphers of `crypto key export rsa ... pem`.
const (
	DES Cipher = iota
	TripleDES
)

// PEM block types of an exported pair.
const (
	publicType  = "PUBLIC KEY"
	privateType = "RSA PRIVATE KEY"
	ecType      = "EC PRIVATE KEY"
)

// Errors of Import.
var (
	ErrNotPEM     = errors.New("not a PEM block")
	ErrPassphrase = errors.New("the passphrase is wrong")
)

// Export writes a pair as PEM: the SubjectPublicKeyInfo, and the private key
// as PKCS #1 encrypted under passphrase as RFC 1423 says (Proc-Type and
// DEK-Info headers), which is what IOS and OpenSSL read and write. That
// encryption is weak by design: its key is one MD5 of the passphrase, and
// nothing tells a changed text. random gives the salt.
func Export(p Pair, cipher Cipher, passphrase secret.Bytes, random io.Reader) (public, private string, err error) {
	var der []byte
	kind := privateType
	switch {
	case p.Private != nil:
		der = x509.MarshalPKCS1PrivateKey(p.Private)
	case p.EC != nil: // RFC 5915
		kind = ecType
		if der, err = x509.MarshalECPrivateKey(p.EC); err != nil {
			return "", "", fmt.Errorf("encode key pair %q: %w", p.Label, err)
		}
	default:
		return "", "", fmt.Errorf("key pair %q without a private key", p.Label)
	}
	defer clear(der)
	algorithm := x509.PEMCipher3DES
	if cipher == DES {
		algorithm = x509.PEMCipherDES
	}
	block, err := x509.EncryptPEMBlock(random, kind, der, passphrase.Reveal(), algorithm) //lint:ignore SA1019 the format is what IOS speaks
	if err != nil {
		return "", "", fmt.Errorf("encrypt key pair %q: %w", p.Label, err)
	}
	if name, iv, ok := strings.Cut(block.Headers["DEK-Info"], ","); ok {
		block.Headers["DEK-Info"] = name + "," + strings.ToUpper(iv)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: publicType, Bytes: SPKI(p)})), string(pem.EncodeToMemory(block)), nil
}

// Import reads a private key that Export, IOS or OpenSSL wrote: PKCS #1 or
// PKCS #8, in the clear or encrypted as RFC 1423 says. public is the PEM of
// the public key or a certificate of it; when it is there it must belong to
// the private key. Text around the blocks is ignored.
func Import(public, private string, passphrase secret.Bytes) (*rsa.PrivateKey, error) {
	block := decode(private)
	if block == nil {
		return nil, fmt.Errorf("private key: %w", ErrNotPEM)
	}
	der := block.Bytes
	if x509.IsEncryptedPEMBlock(block) { //lint:ignore SA1019 the format is what IOS speaks
		var err error
		der, err = x509.DecryptPEMBlock(block, passphrase.Reveal()) //lint:ignore SA1019 the format is what IOS speaks
		if err != nil {
			return nil, ErrPassphrase
		}
	}
	defer clear(der)
	k, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil && block.Type == privateType {
		if x509.IsEncryptedPEMBlock(block) { //lint:ignore SA1019 the format is what IOS speaks
			return nil, ErrPassphrase // a wrong one may pass for padding by chance
		}
		return nil, fmt.Errorf("private key: %w", err)
	}
	if err != nil {
		if k, err = parsePKCS8(der); err != nil {
			return nil, err
		}
	}
	if bits := k.N.BitLen(); bits < MinBits || bits > MaxBits {
		return nil, ErrBits
	}
	if strings.TrimSpace(public) == "" {
		return k, nil
	}
	p, err := publicKey(public)
	if err != nil {
		return nil, err
	}
	if !p.Equal(&k.PublicKey) {
		return nil, errors.New("the public key is not that of the private key")
	}
	return k, nil
}

// publicKey reads a PEM public key or certificate.
func publicKey(text string) (*rsa.PublicKey, error) {
	block := decode(text)
	if block == nil {
		return nil, fmt.Errorf("public key: %w", ErrNotPEM)
	}
	var v any
	var err error
	switch block.Type {
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			v = c.PublicKey
		}
	case "RSA PUBLIC KEY":
		v, err = x509.ParsePKCS1PublicKey(block.Bytes)
	default:
		v, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	k, ok := v.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key is %T, want RSA", v)
	}
	return k, nil
}

const (
	// maxPEM bounds the text that one key is looked for in.
	maxPEM = 64 << 10
	// maxDER is more than any key of MaxBits takes: checking the numbers of a
	// longer one costs the cube of its length.
	maxDER = 8 << 10
)

// decode finds the first PEM block. What is pasted from a screen may have
// blanks before its lines, and the end of the block on the last line of text.
func decode(text string) *pem.Block {
	if len(text) > maxPEM {
		return nil
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if before, after, ok := strings.Cut(line, "-----END "); ok && before != "" {
			line = before + "\n-----END " + after
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	block, _ := pem.Decode([]byte(b.String()))
	if block != nil && len(block.Bytes) > maxDER {
		return nil
	}
	return block
}
