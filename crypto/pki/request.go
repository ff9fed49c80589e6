package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"time"
)

// Request is what `crypto pki enroll` asks to be certified.
type Request struct {
	Subject string     // subject-name; may be empty
	FQDN    string     // "": none
	Serial  string     // serial number of the device; "": none
	Address netip.Addr // invalid: none
	Hash    string     // "sha256" (also ""), "sha384", "sha512", "sha1", "md5"
}

// name is the subject: what identifies the router in a relative name of its
// own, behind what subject-name says, as IOS encodes it.
func (r Request) name() (pkix.RDNSequence, error) {
	var seq pkix.RDNSequence
	if r.Subject != "" {
		var err error
		if seq, err = ParseName(r.Subject); err != nil {
			return nil, err
		}
	}
	var own pkix.RelativeDistinguishedNameSET
	if r.FQDN != "" {
		own = append(own, pkix.AttributeTypeAndValue{Type: oidHostname, Value: r.FQDN})
	}
	if r.Serial != "" {
		own = append(own, pkix.AttributeTypeAndValue{Type: oidSerialNumber, Value: r.Serial})
	}
	if r.Address.IsValid() {
		own = append(own, pkix.AttributeTypeAndValue{Type: oidAddress, Value: r.Address.String()})
	}
	if len(own) > 0 {
		seq = append(seq, own)
	}
	if len(seq) == 0 {
		return nil, fmt.Errorf("neither subject-name nor fqdn: %w", ErrMalformed)
	}
	return seq, nil
}

// subjectDER is the name as it will be in the certificate.
func (r Request) subjectDER() ([]byte, error) {
	seq, err := r.name()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(seq)
}

// algorithm chooses the signature of a key. MD5 is not made any more; SHA-1
// only for RSA keys, and only when it is asked for.
func algorithm(key crypto.Signer, hash string) (x509.SignatureAlgorithm, error) {
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		switch hash {
		case "sha1":
			return x509.SHA1WithRSA, nil
		case "", "sha256":
			return x509.SHA256WithRSA, nil
		case "sha384":
			return x509.SHA384WithRSA, nil
		case "sha512":
			return x509.SHA512WithRSA, nil
		}
	case *ecdsa.PublicKey:
		switch {
		case hash == "sha512" || k.Curve.Params().BitSize > 384:
			return x509.ECDSAWithSHA512, nil
		case hash == "sha384" || k.Curve.Params().BitSize > 256:
			return x509.ECDSAWithSHA384, nil
		case hash == "" || hash == "sha256":
			return x509.ECDSAWithSHA256, nil
		}
	}
	return 0, fmt.Errorf("hash %s: %w", hash, ErrUsage)
}

// alternative is what stands in subjectAltName: host name and address, where
// RFC 4945 wants them as well. Either may be nil. An address is octets here:
// x509 wants a net.IP, which takes them, and package net has no place in a core.
func (r Request) alternative() (dns []string, address []byte) {
	if r.FQDN != "" {
		dns = []string{r.FQDN}
	}
	return dns, r.Address.AsSlice()
}

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// keyUsage is the extension: digitalSignature, and keyEncipherment for RSA,
// which is what a general purpose key of IOS asks for.
func keyUsage(key crypto.Signer) pkix.Extension {
	value := []byte{3, 2, 7, 0x80}
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		value = []byte{3, 2, 5, 0xa0}
	}
	return pkix.Extension{Id: oidKeyUsage, Critical: true, Value: value}
}

// CreateRequest makes a PKCS #10 request (RFC 2986), DER, signed by key.
func CreateRequest(r Request, key crypto.Signer, random io.Reader) ([]byte, error) {
	subject, err := r.subjectDER()
	if err != nil {
		return nil, err
	}
	a, err := algorithm(key, r.Hash)
	if err != nil {
		return nil, err
	}
	dns, address := r.alternative()
	template := &x509.CertificateRequest{RawSubject: subject, SignatureAlgorithm: a, DNSNames: dns, ExtraExtensions: []pkix.Extension{keyUsage(key)}}
	if address != nil {
		template.IPAddresses = append(template.IPAddresses, address)
	}
	der, err := x509.CreateCertificateRequest(random, template, key)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return der, nil
}

// selfSignedLife is the validity of a self-signed certificate.
const selfSignedLife = 3650 * 24 * time.Hour

// SelfSigned makes a certificate of `enrollment selfsigned`, DER, valid from now on.
// Peers install it as a trust anchor.
func SelfSigned(r Request, key crypto.Signer, now time.Time, random io.Reader) ([]byte, error) {
	subject, err := r.subjectDER()
	if err != nil {
		return nil, err
	}
	a, err := algorithm(key, r.Hash)
	if err != nil {
		return nil, err
	}
	dns, address := r.alternative()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), RawSubject: subject, SignatureAlgorithm: a,
		NotBefore: now.UTC().Truncate(time.Second), NotAfter: now.UTC().Truncate(time.Second).Add(selfSignedLife),
		IsCA: true, BasicConstraintsValid: true, DNSNames: dns,
	}
	if address != nil {
		template.IPAddresses = append(template.IPAddresses, address)
	}
	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("self-signed certificate: %w", err)
	}
	return der, nil
}
