package pki

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// Types of PEM blocks.
const (
	pemCertificate = "CERTIFICATE"
	pemCRL         = "X509 CRL"
	pemRequest     = "CERTIFICATE REQUEST"
)

// DecodeText reads what is pasted as a certificate or a revocation list: PEM,
// or base64 alone, with blanks around lines, text before and behind, and the
// closing `quit` of a dialog; or DER as it is in a file. At most most octets of
// DER come of it.
func DecodeText(text string, most int) ([]byte, error) {
	if len(text) > 2*most+4096 {
		return nil, fmt.Errorf("text of %d octets: %w", len(text), ErrTooLong)
	}
	if strings.HasPrefix(text, "\x30") && !strings.HasPrefix(text, "0\n") && isDER(text) {
		return bounded([]byte(text), most)
	}
	const begin, end = "-----BEGIN ", "-----END "
	if _, after, ok := strings.Cut(text, begin); ok {
		if _, after, ok = strings.Cut(after, "-----"); !ok {
			return nil, fmt.Errorf("PEM: %w", ErrMalformed)
		}
		if text, _, ok = strings.Cut(after, end); !ok {
			return nil, fmt.Errorf("PEM without an end: %w", ErrMalformed)
		}
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.EqualFold(line, "quit") {
			break
		}
		for _, word := range strings.Fields(line) {
			b.WriteString(word)
		}
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(b.String(), "="))
	if err != nil || len(der) == 0 {
		return nil, fmt.Errorf("base64: %w", ErrMalformed)
	}
	return bounded(der, most)
}

// isDER tells a binary file from base64, which may begin with the same octet.
func isDER(text string) bool {
	_, _, rest, ok := element([]byte(text))
	return ok && len(rest) == 0
}

func bounded(der []byte, most int) ([]byte, error) {
	if len(der) > most {
		return nil, fmt.Errorf("%d octets: %w", len(der), ErrTooLong)
	}
	return der, nil
}

// DecodeHex reads the hexadecimal text of a `certificate` block in `crypto pki
// certificate chain`.
func DecodeHex(text string) ([]byte, error) {
	if len(text) > 4*MaxCertificate {
		return nil, fmt.Errorf("text of %d octets: %w", len(text), ErrTooLong)
	}
	der, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(der) == 0 {
		return nil, fmt.Errorf("hexadecimal: %w", ErrMalformed)
	}
	return bounded(der, MaxCertificate)
}

// CertificatePEM writes a certificate as PEM.
func CertificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}))
}

// RequestPEM writes a request as PEM.
func RequestPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: pemRequest, Bytes: der}))
}

// Base64 writes DER as bare lines of 64, as a request prints without `pem`.
func Base64(der []byte) string {
	text := RequestPEM(der)
	_, text, _ = strings.Cut(text, "\n")
	text, _, _ = strings.Cut(text, "-----END")
	return text
}
