package keys

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Pairs are stored as PEM blocks of PKCS#8, one each, with headers for what
// PKCS#8 has no field for.
const (
	blockType        = "PRIVATE KEY"
	headerLabel      = "Label"
	headerExportable = "Exportable"
	headerGenerated  = "Generated"
)

// Marshal encodes pairs in the given order. The result holds the private keys
// in the clear: the caller protects the file.
func Marshal(pairs []Pair) ([]byte, error) {
	var b bytes.Buffer
	for _, p := range pairs {
		key := p.Signer()
		if key == nil {
			return nil, fmt.Errorf("key pair %q without a private key", p.Label)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("encode key pair %q: %w", p.Label, err)
		}
		err = pem.Encode(&b, &pem.Block{Type: blockType, Bytes: der, Headers: map[string]string{
			headerLabel:      strconv.Quote(p.Label),
			headerExportable: strconv.FormatBool(p.Exportable),
			headerGenerated:  p.Generated.UTC().Format(time.RFC3339Nano),
		}})
		clear(der)
		if err != nil {
			return nil, fmt.Errorf("encode key pair %q: %w", p.Label, err)
		}
	}
	return b.Bytes(), nil
}

// Unmarshal reads what Marshal wrote. Anything else, an unknown block or
// octets behind the last one included, is an error: a damaged key store must
// not pass for an empty one.
func Unmarshal(data []byte) ([]Pair, error) {
	var pairs []Pair
	for len(bytes.TrimSpace(data)) > 0 {
		block, rest := pem.Decode(data)
		if block == nil || block.Type != blockType {
			return nil, errors.New("key store is damaged")
		}
		p, err := unmarshal(block)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
		data = rest
	}
	return pairs, nil
}

func unmarshal(block *pem.Block) (Pair, error) {
	label, err := strconv.Unquote(block.Headers[headerLabel])
	if err != nil {
		return Pair{}, fmt.Errorf("key pair label: %w", err)
	}
	exportable, err := strconv.ParseBool(block.Headers[headerExportable])
	if err != nil {
		return Pair{}, fmt.Errorf("key pair %q: exportable: %w", label, err)
	}
	generated, err := time.Parse(time.RFC3339Nano, block.Headers[headerGenerated])
	if err != nil {
		return Pair{}, fmt.Errorf("key pair %q: generated: %w", label, err)
	}
	out := Pair{Label: label, Exportable: exportable, Generated: generated}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Pair{}, fmt.Errorf("key pair %q: decode private key: %w", label, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return Pair{}, fmt.Errorf("key pair %q: private key is %T, want RSA or EC", label, key)
	}
	if err := out.SetSigner(signer); err != nil {
		return Pair{}, fmt.Errorf("key pair %q: %w", label, err)
	}
	return out, nil
}

// parsePKCS8 reads a PKCS#8 DER encoding and checks that it holds an RSA key
// of a permitted size.
func parsePKCS8(der []byte) (*rsa.PrivateKey, error) {
	v, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("decode private key: %w", err)
	}
	k, ok := v.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("private key is %T, want RSA", v)
	}
	if bits := k.N.BitLen(); bits < MinBits || bits > MaxBits {
		return nil, ErrBits
	}
	return k, nil
}
