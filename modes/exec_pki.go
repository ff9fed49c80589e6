package modes

import (
	"context"
	"crypto"
	"errors"
	"time"

	"coterie/crypto/keys"
	"coterie/crypto/pki"
	"coterie/internal/secret"
)

// Certificates is what a device with a public key infrastructure adds to
// Operator and View. What it changes lies in files of the device, never in the
// tree. Certificates are DER.
type Certificates interface {
	// Trustpoints tells what every configured trustpoint holds, in order of
	// configuration.
	Trustpoints() []TrustpointStatus
	// Keys are all key pairs without their private halves, sorted by label.
	Keys() []keys.Public
	// InstallCA makes a certificate the anchor of a trustpoint. What another
	// authority issued to it before is dropped.
	InstallCA(ctx context.Context, trustpoint string, certificate []byte) error
	// Enroll makes a certificate request with the key of a trustpoint, which is
	// generated if need be, and keeps it pending.
	Enroll(ctx context.Context, trustpoint string, r pki.Request) ([]byte, error)
	// SelfSign makes a self-signed certificate.
	SelfSign(ctx context.Context, trustpoint string, r pki.Request) error
	// InstallCertificate takes the certificate that was requested.
	InstallCertificate(ctx context.Context, trustpoint string, certificate []byte) error
	// ImportIdentity takes anchor, key and certificate of a trustpoint at once. The key
	// gets the label that the trustpoint names, else its own name.
	ImportIdentity(ctx context.Context, trustpoint string, anchor, certificate []byte, key crypto.Signer) error
	// ExportIdentityKey gives the private key of a trustpoint as PEM.
	ExportIdentityKey(ctx context.Context, trustpoint string, cipher keys.Cipher, passphrase secret.Bytes) (label, private string, err error)
	// RequestCRL fetches the revocation list of a trustpoint now.
	RequestCRL(ctx context.Context, trustpoint string) error
	// RemoveCertificates forgets the certificates and the list of a trustpoint,
	// not its key.
	RemoveCertificates(ctx context.Context, trustpoint string) error
	// GenerateEC makes a key pair of 256, 384 or 521 bits; it fails with
	// ErrKeyExists when label is in use and replace is false.
	GenerateEC(ctx context.Context, label string, bits int, exportable, replace bool) error
	ZeroizeEC(ctx context.Context, label string) error // "": all
}

// TrustpointStatus is what a trustpoint holds.
type TrustpointStatus struct {
	Name      string
	Anchors   []CertificateStatus
	Own       *CertificateStatus // nil before enrollment
	Requested bool               // a request is pending
	KeyLabel  string
	Key       *keys.Public // nil: there is none of this label
	CRL       *CRLStatus   // nil: none
}

// CertificateStatus is one certificate of a trustpoint.
type CertificateStatus struct {
	DER        []byte
	Installed  time.Time // zero: it is part of the configuration
	SelfSigned bool      // of this router
}

// CRLStatus is the revocation list of a trustpoint.
type CRLStatus struct {
	List       *pki.CRL
	Size       int // octets of DER
	Downloaded time.Time
	URL        string
}

// errNoPKI is the answer of a device without Certificates.
const errNoPKI = Refusal("% Certificates are not available on this device")

// Errors of Certificates.
var (
	ErrNoTrustpoint = errors.New("% CA Server not declared or CA name not known.")
	ErrNoAnchor     = errors.New("% You must authenticate the Certificate Authority before\nyou can enroll with it.")
	ErrNotAnchor    = errors.New("% The certificate is not that of a certification authority")
	ErrNoRequest    = errors.New("% There is no key pair that this certificate could belong to: enroll first")
	ErrNotIssued    = errors.New("% The certificate was not issued by the authenticated Certificate Authority")
	ErrOtherKey     = errors.New("% The certificate does not belong to the key pair of this trustpoint")
	ErrNoOwn        = errors.New("% The trustpoint has no certificate of this router")
)
