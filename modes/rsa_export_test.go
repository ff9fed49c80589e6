package modes

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"coterie/crypto/keys"
	"coterie/internal/secret"

	"github.com/google/go-cmp/cmp"
)

// vault is an operator whose key pairs are real.
type vault struct {
	*workshop
	pairs map[string]keys.Pair
}

func (v vault) RSAKeys() (out []keys.Public) {
	for _, p := range v.pairs {
		out = append(out, p.Public())
	}
	return out
}

func (v vault) ExportRSA(_ context.Context, label string, cipher keys.Cipher, pass secret.Bytes) (string, string, error) {
	p, ok := v.pairs[label]
	switch {
	case !ok:
		return "", "", ErrNoKey
	case !p.Exportable:
		return "", "", ErrNotExportable
	}
	return keys.Export(p, cipher, pass, bytes.NewReader([]byte{0x0b, 0x22, 0x83, 0xc6, 0x20, 0xcb, 0x3c, 0xca}))
}

func (v vault) ImportRSA(_ context.Context, label, public, private string, pass secret.Bytes, exportable, replace bool) error {
	if _, ok := v.pairs[label]; ok && !replace {
		return ErrKeyExists
	}
	k, err := keys.Import(public, private, pass)
	if err == nil {
		v.pairs[label] = keys.Pair{Label: label, Private: k, Exportable: exportable}
	}
	return err
}

func (v vault) LockRSA(_ context.Context, label string) error {
	p, ok := v.pairs[label]
	if !ok {
		return ErrNoKey
	}
	p.Exportable = false
	v.pairs[label] = p
	return nil
}

// paste is a terminal whose next lines are known beforehand.
type paste struct {
	desk
	lines []string
}

func (p *paste) Collect(_ context.Context, done func(string) bool) ([]string, error) {
	var out []string
	for len(p.lines) > 0 {
		line := p.lines[0]
		p.lines = p.lines[1:]
		out = append(out, line)
		p.WriteString(line + "\n")
		if done(line) {
			return out, nil
		}
	}
	return out, io.EOF
}

func keyDialog(t *testing.T, v vault, p *paste, line string) error {
	t.Helper()
	m, err := Configuration(v).Parse(line, 15)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return m.Command.Run(context.Background(), p, m.Args)
}

// What one key server exports the other imports, in the dialogs of IOS.
func TestExportAndImport(t *testing.T) {
	k, err := keys.Generate(keys.MinBits)
	if err != nil {
		t.Fatal(err)
	}
	one := vault{&workshop{}, map[string]keys.Pair{"MYRSAKEY": {Label: "MYRSAKEY", Private: k, Exportable: true}}}
	two := vault{&workshop{}, map[string]keys.Pair{}}
	var screen paste
	if err := keyDialog(t, one, &screen, "crypto key export rsa MYRSAKEY pem terminal 3des MYSECRETPASS"); err != nil {
		t.Fatal(err)
	}
	exported := screen.String()
	want := "\n% Key name: MYRSAKEY\n   Usage: General Purpose Key\n   Key data:\n" +
		"-----BEGIN PUBLIC KEY-----\n...-----END PUBLIC KEY-----\n" +
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,0B2283C620CB3CCA\n\n...-----END RSA PRIVATE KEY-----\n"
	if d := cmp.Diff(want, regexp.MustCompile(`([A-Za-z0-9+/=]{1,64}\n)+-----END`).ReplaceAllString(exported, "...-----END")); d != "" {
		t.Errorf("export (-want +got):\n%s", d)
	}
	public, private, _ := strings.Cut(exported[strings.Index(exported, "-----BEGIN PUBLIC"):], "-----BEGIN RSA")
	private = "-----BEGIN RSA" + private
	lines := func(parts ...string) []string {
		var out []string
		for _, p := range parts {
			out = append(out, strings.Split(strings.TrimSuffix(p, "\n"), "\n")...)
		}
		return out
	}
	const first = "% Enter PEM-formatted public General Purpose key or certificate.\n% End with a blank line or \"quit\" on a line by itself.\n"
	const second = "% Enter PEM-formatted encrypted private General Purpose key.\n% End with \"quit\" on a line by itself.\n"
	for _, c := range []struct {
		name, line string
		input      []string
		answers    []string
		has        string // what the screen says last
		err        string
		exportable bool
	}{
		{name: "quit", line: "crypto key import rsa MYRSAKEY terminal MYSECRETPASS", input: lines(public, "quit", private, "quit"), has: "% Key pair import succeeded.\n"},
		{name: "over it, no", line: "crypto key import rsa MYRSAKEY exportable terminal MYSECRETPASS", answers: []string{"no"},
			has: "% Do you really want to replace them? [yes/no]: no\n"},
		{name: "blank line, exportable", line: "crypto key import rsa MYRSAKEY pem exportable general-purpose terminal MYSECRETPASS",
			input: lines("", public, "", private, "quit"), answers: []string{"yes"}, has: "% Key pair import succeeded.\n", exportable: true},
		{name: "wrong passphrase", line: "crypto key import rsa K2 terminal MYSECRETPASX", input: lines(public, "quit", private, "quit"),
			err: "% Key pair import failed: the passphrase is wrong"},
		{name: "nonsense", line: "crypto key import rsa K2 terminal MYSECRETPASS", input: lines("x", "quit", "y", "quit"),
			err: "% Key pair import failed: private key: not a PEM block"},
		{name: "short", line: "crypto key import rsa K2 terminal SECRET", err: "% The passphrase must have at least 8 characters"},
		{name: "cut in the middle", line: "crypto key import rsa K2 terminal MYSECRETPASS", input: lines(public, "quit", private), err: "EOF"},
		{name: "from a file", line: "crypto key import rsa K2 url flash:k MYSECRETPASS", err: "% This device has no file system for keys: use terminal"},
	} {
		p := &paste{desk: desk{answers: c.answers}, lines: c.input}
		err := keyDialog(t, two, p, c.line)
		if got := fmt.Sprint(err); err != nil && got != c.err || err == nil && c.err != "" {
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		}
		if !strings.HasSuffix(p.String(), c.has) {
			t.Errorf("%s: screen\n%s", c.name, p.String())
		}
		if len(c.input) > 0 && (!strings.Contains(p.String(), first) || !strings.Contains(p.String(), second)) {
			t.Errorf("%s: screen\n%s", c.name, p.String())
		}
		if got, ok := two.pairs["MYRSAKEY"]; !ok || !got.Private.Equal(k) || got.Exportable != c.exportable && c.err == "" && c.name != "over it, no" {
			t.Errorf("%s: %v, exportable %v", c.name, ok, got.Exportable)
		}
		if _, ok := two.pairs["K2"]; ok {
			t.Errorf("%s: a key came of it", c.name)
		}
	}
	for line, want := range map[string]string{
		"crypto key export rsa NONE pem terminal des MYSECRETPASS":     ErrNoKey.Error(),
		"crypto key move rsa NONE non-exportable":                      ErrNoKey.Error(),
		"crypto key move rsa MYRSAKEY non-exportable":                  "<nil>",
		"crypto key generate ec keysize 256 label E":                   errNoPKI.Error(),
		"crypto pki authenticate CA":                                   errNoPKI.Error(),
		"crypto key export rsa MYRSAKEY pem url flash:k 3des MYSECRET": "% This device has no file system for keys: use terminal",
	} {
		if err := keyDialog(t, one, new(paste), line); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	if err := keyDialog(t, one, new(paste), "crypto key export rsa MYRSAKEY pem terminal 3des MYSECRETPASS"); err != ErrNotExportable {
		t.Error("a locked key is exported:", err)
	}
}

// A group that is served here is not removed unasked; one that a crypto map
// names is not removed at all.
func TestRemoveGroup(t *testing.T) {
	const question = "% The Key Server will destroy created policies.\n% All Group Members are required to re-register.\n\nDo you want to continue? [yes/no]: "
	for _, c := range []struct {
		config, line, answer string
		screen               string
		goes                 bool
	}{
		{"crypto gdoi group G\n server local\n", "no crypto gdoi group G", "yes", question + "yes\n", true},
		{"crypto gdoi group G\n server local\n", "no crypto gkm group G", "no", question + "no\n", false},
		{"crypto gdoi group G\n server local\n", "default crypto gdoi group G", "no", question + "no\n", false},
		{"crypto gdoi group G\n server local\n", "crypto gdoi group G", "", "", true},
		{"crypto gdoi group G\n identity number 1\n", "no crypto gdoi group G", "", "", true},
		{"crypto gdoi group G\n server local\n", "no crypto gdoi group H", "", "", true},
		{"crypto gdoi group G\n server local\ncrypto map M 1 gdoi\n set group G\n", "no crypto gdoi group G", "", "", true},      // Unset refuses
		{"crypto gdoi group G\n server local\ncrypto map M 1 gdoi\n set group G\n", "default crypto gdoi group G", "", "", true}, // and so here
	} {
		w := &workshop{tree: *loaded(t, c.config)}
		m, err := Configuration(w).Parse(c.line, 15)
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{answers: []string{c.answer}}
		goes, err := m.Command.Before(context.Background(), d, m)
		if err != nil || goes != c.goes || d.String() != c.screen {
			t.Errorf("%s: %v, %v\n%s", c.line, goes, err, d.String())
		}
	}
}
