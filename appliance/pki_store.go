package appliance

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"coterie/crypto/pki"
)

// certificates are those of the trustpoints: a file each in NVRAM, PEM with
// headers, and another for the revocation list. Private keys are in the key
// store. The zero value is ready.
type certificates struct {
	mu   sync.Mutex
	held map[string]*trustFile // read so far; never changed, only replaced
	// compiled are the values that the engines have: one that would come out
	// the same again is the same again.
	compiled map[string]*pki.Trustpoint
	crls     crlPlan
}

// trustFile is what a trustpoint holds.
type trustFile struct {
	anchors []storedCertificate
	own     *storedCertificate
	label   string // key pair of own, or of request
	request []byte // PKCS #10, DER; pending
	crl     *storedCRL
	damage  error // of the file, which reads as empty
}

type storedCertificate struct {
	der       []byte
	installed time.Time
}

type storedCRL struct {
	list       *pki.CRL
	der        []byte
	downloaded time.Time
	url        string
}

// Headers and block types of the files.
const (
	headerRole      = "Role" // "anchor" or "own"
	headerInstalled = "Installed"
	headerKey       = "Key"
	headerURL       = "URL"
	typeCertificate = "CERTIFICATE"
	typeRequest     = "CERTIFICATE REQUEST"
	typeCRL         = "X509 CRL"
)

// Names of the files of a trustpoint, whose name may hold anything.
func certificateFile(trustpoint string) string {
	return nvramFolder + url.PathEscape(trustpoint) + ".pki"
}
func crlFile(trustpoint string) string { return nvramFolder + url.PathEscape(trustpoint) + ".crl" }

// clone is a copy to change.
func (f *trustFile) clone() *trustFile {
	c := *f
	c.anchors, c.damage = slices.Clone(f.anchors), nil
	return &c
}

// marshal is the file: everything but the list.
func (f *trustFile) marshal() []byte {
	var b bytes.Buffer
	put := func(kind, role string, der []byte, at time.Time) {
		h := map[string]string{headerInstalled: at.UTC().Format(time.RFC3339Nano)}
		if role != "" {
			h[headerRole] = role
		}
		if role != "anchor" {
			h[headerKey] = strconv.Quote(f.label)
		}
		pem.Encode(&b, &pem.Block{Type: kind, Headers: h, Bytes: der}) // to memory: cannot fail
	}
	for _, c := range f.anchors {
		put(typeCertificate, "anchor", c.der, c.installed)
	}
	if f.own != nil {
		put(typeCertificate, "own", f.own.der, f.own.installed)
	}
	if f.request != nil {
		put(typeRequest, "", f.request, time.Time{})
	}
	return b.Bytes()
}

// maxStored bounds the certificates of one file.
const maxStored = 2 * pki.MaxChain

func unmarshalTrust(data []byte) (*trustFile, error) {
	f := new(trustFile)
	for n := 0; len(bytes.TrimSpace(data)) > 0; n++ {
		block, rest := pem.Decode(data)
		if block == nil || n >= maxStored {
			return nil, errors.New("the file is damaged")
		}
		data = rest
		at, err := time.Parse(time.RFC3339Nano, block.Headers[headerInstalled])
		if err != nil {
			return nil, fmt.Errorf("the file is damaged: %w", err)
		}
		if text, ok := block.Headers[headerKey]; ok {
			if f.label, err = strconv.Unquote(text); err != nil {
				return nil, fmt.Errorf("the file is damaged: key label: %w", err)
			}
		}
		if block.Type == typeCertificate {
			if _, err := pki.ParseCertificate(block.Bytes); err != nil {
				return nil, err
			}
		}
		switch c := (storedCertificate{block.Bytes, at}); {
		case block.Type == typeRequest:
			f.request = block.Bytes
		case block.Type == typeCertificate && block.Headers[headerRole] == "own":
			f.own = &c
		case block.Type == typeCertificate && block.Headers[headerRole] == "anchor":
			f.anchors = append(f.anchors, c)
		default:
			return nil, fmt.Errorf("the file is damaged: a %s", block.Type)
		}
	}
	return f, nil
}

// load reads what a trustpoint holds, once. The caller holds the lock.
func (c *certificates) load(files Files, name string) *trustFile {
	if f, ok := c.held[name]; ok {
		return f
	}
	f := new(trustFile)
	data, err := files.Read(certificateFile(name))
	if err == nil {
		var parsed *trustFile
		if parsed, err = unmarshalTrust(data); err == nil {
			f = parsed
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.damage = err
	}
	f.crl = readCRL(files, name, f)
	c.put(name, f)
	return f
}

func (c *certificates) put(name string, f *trustFile) {
	if c.held == nil {
		c.held = make(map[string]*trustFile)
	}
	c.held[name] = f
}

// readCRL reads the list of a trustpoint; one that does not verify any more is
// as good as none.
func readCRL(files Files, name string, f *trustFile) *storedCRL {
	data, err := files.Read(crlFile(name))
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != typeCRL {
		return nil
	}
	list, err := pki.ParseCRL(block.Bytes, f.authorities())
	if err != nil {
		return nil
	}
	at, _ := time.Parse(time.RFC3339Nano, block.Headers[headerInstalled])
	from, _ := url.PathUnescape(block.Headers[headerURL])
	return &storedCRL{list: list, der: block.Bytes, downloaded: at, url: from}
}

func marshalCRL(c *storedCRL) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCRL, Bytes: c.der, Headers: map[string]string{
		headerInstalled: c.downloaded.UTC().Format(time.RFC3339Nano), headerURL: url.PathEscape(c.url),
	}})
}

// change edits what a trustpoint holds and writes its file; a failed edit or
// write changes nothing.
func (c *certificates) change(files Files, name string, edit func(*trustFile) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.load(files, name).clone()
	had := f.crl
	if err := edit(f); err != nil {
		return err
	}
	if had != nil && f.crl == nil {
		if err := remove(files, crlFile(name)); err != nil {
			return fmt.Errorf("remove the revocation list of %s: %w", name, err)
		}
	}
	if err := files.Write(certificateFile(name), f.marshal()); err != nil {
		return fmt.Errorf("%% Failed to save the certificates of %s: %w", name, err)
	}
	c.put(name, f)
	return nil
}

// forget removes what a trustpoint holds.
func (c *certificates) forget(files Files, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, file := range []string{crlFile(name), certificateFile(name)} {
		if err := remove(files, file); err != nil {
			return fmt.Errorf("%% Failed to remove the certificates of %s: %w", name, err)
		}
	}
	c.put(name, new(trustFile))
	return nil
}

func remove(files Files, name string) error {
	if err := files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
