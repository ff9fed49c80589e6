package keys

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"coterie/internal/secret"
	"coterie/internal/testenv"
)

// theirs was written by `openssl genrsa -traditional -des3 -passout
// pass:MYSECRETPASS 1024`, which is what IOS writes too.
const theirs = `-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: DES-EDE3-CBC,32D40718CC5E31A8

1e/7/Uxga/s5trX8GP2lnnqV45sugQa+VfsEK+OcQWx4T1Ycd/6+RHUujoGOOnzT
w+3cepjmqgBHGg8oJ9ACT23ZO5lIYGaBgLodl872bOgWbUHkIfSYSQiOolX2ogTk
cpb8cWewy6R2EeyREPNVquqjpEb4NCOhaCHJjMIdqPVF2FR0HW/HRfCue1lkMKHq
v/X/hm0qffKReqp6jxB9kqgGIFyu+BEC8a7ljvFsnFeWro0vtDclaozk45caYZ5c
Jr+u2OyDKnuoeuzDrmuR9hpwSS8oZcRrWka9eYkvk60illFa4OlXksF+r/3UGJf0
v/8FAt1nBPk97YMAXCsXuYgrulWAVc6SXS7CW0cLYFnByVVZ6ejD3d5qQGYHTedc
kyKbV16LFRVJ6weh2rZsy5v9yt3Z0VEP8agh6mnA/JG+l2+R5CBgNfpR+aDUWu32
rf18zeOlr727R733nJD6Qy6uvt7o024UF2ZTGET3mSAusTi9GUClvD54vzro9UOA
N+BTBFN/FYDNQOB/GGKoflD3rScJF1XeKkyJExpAZ54iJP0XZZpnD8DPsFLCuQ3f
+ehowHyZYzXa9oDB6O0iihGhJ+BvNCICO3JVjMOYm0lmaMO2+JupMl0/fPx1qXb1
wQ8gF1xOwGoT7LW+gQ60Uu3JsoQkuNzzAqsX0oB7grnf8Y965JWBfdMJ6HWTuvZs
LA39/wfCy1ykqxLzPbYe2eVevNpf+4W+eXJ+mMTUHGxcHRpIffnqyZWxO7t8IBMY
9u3wpMg6yxuLvyokYN2Yk4CC01MNVprmJ/XoPIihD+c=
-----END RSA PRIVATE KEY-----
`

func TestExport(t *testing.T) {
	k, err := Generate(MinBits)
	if err != nil {
		t.Fatal(err)
	}
	pair, pass := Pair{Label: "K", Private: k}, secret.Of("MYSECRETPASS")
	for cipher, name := range map[Cipher]string{DES: "DES-CBC", TripleDES: "DES-EDE3-CBC"} {
		salt := bytes.Repeat([]byte{0xab}, 8)
		public, private, err := Export(pair, cipher, pass, bytes.NewReader(salt))
		if err != nil {
			t.Fatal(err)
		}
		head := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: " + name + ",ABABABABABABABAB\n\n"
		if !strings.HasPrefix(private, head) || !strings.HasSuffix(private, "-----END RSA PRIVATE KEY-----\n") {
			t.Errorf("%s", private)
		}
		// As it comes back from a screen: indented, the end on the last line.
		pasted := strings.Replace("  "+strings.ReplaceAll(private, "\n", "\r\n "), "\r\n -----END", "-----END", 1)
		for _, public := range []string{public, "", strings.ReplaceAll(public, "\n-----END", "-----END")} {
			got, err := Import(public, pasted, pass)
			if err != nil || !got.Equal(k) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, wrong := range []string{"", "mysecretpass", "MYSECRETPASS "} {
			if _, err := Import(public, private, secret.Of(wrong)); !errors.Is(err, ErrPassphrase) {
				t.Errorf("passphrase %q: %v", wrong, err)
			}
		}
		other, _ := Generate(MinBits)
		foreign, _, _ := Export(Pair{Private: other}, cipher, pass, rand.Reader)
		if _, err := Import(foreign, private, pass); err == nil {
			t.Error("the public key of another pair is accepted")
		}
	}
	if _, _, err := Export(Pair{Label: "K"}, DES, pass, rand.Reader); err == nil {
		t.Error("a pair without a key")
	}
}

func TestImportOpenSSL(t *testing.T) {
	k, err := Import("", theirs, secret.Of("MYSECRETPASS"))
	if err != nil || k.N.BitLen() != 1024 {
		t.Fatal(err)
	}
	for _, text := range []string{"", "quit", "-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		strings.Repeat(theirs, 100)} {
		if _, err := Import("", text, secret.Of("MYSECRETPASS")); err == nil {
			t.Errorf("%.40q is accepted", text)
		}
		if _, err := Import(text+"x", theirs, secret.Of("MYSECRETPASS")); err == nil {
			t.Errorf("%.40q is accepted as a public key", text)
		}
	}
}

// What we write, OpenSSL reads.
func TestExportForOpenSSL(t *testing.T) {
	openssl := testenv.Tool(t, "openssl")
	k, err := Generate(MinBits)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := Export(Pair{Label: "K", Private: k}, TripleDES, secret.Of("MYSECRETPASS"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(openssl, "rsa", "-passin", "pass:MYSECRETPASS", "-pubout")
	c.Stdin = strings.NewReader(private)
	if got, err := c.Output(); err != nil || string(got) != public {
		t.Errorf("%v\n%s\nwant\n%s", err, got, public)
	}
}

// Import is total: whatever is pasted, it answers.
func FuzzImport(f *testing.F) {
	f.Add("", theirs, "MYSECRETPASS")
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA-----END PUBLIC KEY-----", strings.Replace(theirs, "DES-EDE3-CBC", "DES-CBC", 1), "x")
	f.Fuzz(func(t *testing.T, public, private, pass string) {
		if k, err := Import(public, private, secret.Of(pass)); err == nil && k.Validate() != nil {
			t.Error("a key that is none")
		}
	})
}
