package password

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"coterie/internal/secret"
)

// Texts that other programs made, with the password in each.
var known = []struct {
	kind     Type
	text     string
	password string
}{
	{MD5, "$1$28772684$iEwNOgGugqO9.bIz5sk8k/", "hashcat"},
	{SHA256, "$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk", "hashcat"},
	{Scrypt, "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6", "hashcat"},
	{Obscured, "02050D480809", "cisco"},
	{Obscured, "104D000A0618", "cisco"},
	{Obscured, "094F471A1A0A", "cisco"},
	{Clear, "cisco", "cisco"},
}

func TestKnown(t *testing.T) {
	for _, k := range known {
		if !Check(k.kind, secret.Of(k.text), secret.Of(k.password)) {
			t.Errorf("type %d: %s is not the text of %s", k.kind, k.text, k.password)
		}
		for _, wrong := range []string{"", k.password + "x", k.password[1:], strings.ToUpper(k.password), strings.Repeat("x", 200)} {
			if Check(k.kind, secret.Of(k.text), secret.Of(wrong)) {
				t.Errorf("type %d: %q is taken for %s", k.kind, wrong, k.password)
			}
		}
		if !k.kind.Hashed() {
			continue
		}
		h, err := ParseHash(k.kind, secret.Of(k.text))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(h.Text().Reveal()); got != k.text {
			t.Errorf("%s prints as %s", k.text, got)
		}
	}
}

func TestNew(t *testing.T) {
	for _, kind := range []Type{MD5, SHA256, Scrypt} {
		for _, p := range []string{"a", "cisco 123 !", strings.Repeat("å", 60), strings.Repeat("x", MaxLength)} {
			h, err := New(kind, secret.Of(p), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseHash(kind, h.Text())
			if err != nil || !again.Verify(secret.Of(p)) || again.Verify(secret.Of(p+"x")) || again.Type() != kind {
				t.Errorf("type %d of %q: %s, %v", kind, p, h.Text().Reveal(), err)
			}
		}
		for _, p := range []string{"", strings.Repeat("x", MaxLength+1)} {
			if _, err := New(kind, secret.Of(p), rand.Reader); err == nil {
				t.Errorf("type %d takes a password of %d octets", kind, len(p))
			}
		}
	}
	one, _ := New(MD5, secret.Of("a"), bytes.NewReader([]byte{0, 1, 2, 63}))
	if got := string(one.Text().Reveal()); !strings.HasPrefix(got, "$1$./0z$") {
		t.Errorf("salt of given octets: %s", got)
	}
	if _, err := New(MD5, secret.Of("a"), bytes.NewReader(nil)); err == nil {
		t.Error("a hash without salt")
	}
	if _, err := New(Obscured, secret.Of("a"), rand.Reader); err == nil {
		t.Error("type 7 is no hash")
	}
}

func TestParseHashRefuses(t *testing.T) {
	good := known[2].text
	for _, text := range []string{
		"", "$", "$9$", "cisco", good[1:], good + "x", good[:len(good)-1], strings.Replace(good, "$9$", "$8$", 1),
		strings.Replace(good, "/9R3UsU", "/9R3Us", 1), strings.Replace(good, "lFh", "l h", 1), good + "$", good[:len(good)-1] + "z",
	} {
		if _, err := ParseHash(Scrypt, secret.Of(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	for _, text := range []string{"$1$$iEwNOgGugqO9.bIz5sk8k/", "$1$123456789$iEwNOgGugqO9.bIz5sk8k/", "$1$ab$short", "$5$ab$iEwNOgGugqO9.bIz5sk8k/"} {
		if _, err := ParseHash(MD5, secret.Of(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if (Hash{}).Verify(secret.Of("")) {
		t.Error("no hash matches no password")
	}
}

func TestObscure(t *testing.T) {
	for offset := range 40 {
		for n := 1; n <= MaxLength; n += 21 {
			p := secret.Of(strings.Repeat("p", n))
			text, err := Obscure(p, bytes.NewReader([]byte{byte(offset)}))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Reveal(text); err != nil || !got.Equal(p) {
				t.Fatalf("offset %d, length %d: %s: %v", offset, n, text.Reveal(), err)
			}
		}
	}
	for _, text := range []string{"", "02", "020", "0", "0205G", "x205", "02050", "5305", "-105"} {
		if _, err := Reveal(secret.Of(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestMaster(t *testing.T) {
	m, err := NewMaster(secret.Of("config-key-1"))
	if err != nil {
		t.Fatal(err)
	}
	same, _ := NewMaster(secret.Of("config-key-1"))
	other, _ := NewMaster(secret.Of("config-key-2"))
	p := secret.Of("pre-shared key")
	text, err := m.Seal(p, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := same.Open(text); err != nil || !got.Equal(p) {
		t.Errorf("the same config-key does not open: %v", err)
	}
	for _, no := range []Master{other, {}} {
		if _, err := no.Open(text); err == nil {
			t.Error("another config-key opens")
		}
	}
	if twice, _ := m.Seal(p, rand.Reader); twice.Equal(text) {
		t.Error("one nonce twice")
	}
	for i := range text.Len() {
		bad := bytes.Clone(text.Reveal())
		bad[i] = "AB"[btoi(bad[i] == 'A')]
		if _, err := m.Open(secret.New(bad)); err == nil {
			t.Errorf("opens with character %d changed", i)
		}
		if _, err := m.Open(secret.New(bad[:i])); err == nil {
			t.Errorf("opens when cut to %d", i)
		}
	}
	if _, err := (Master{}).Seal(p, rand.Reader); err == nil {
		t.Error("no key seals")
	}
	if _, err := NewMaster(secret.Of("1234567")); err == nil {
		t.Error("seven characters are accepted")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A form that another release of this program wrote must stay readable.
func TestMasterIsStable(t *testing.T) {
	m, err := NewMaster(secret.Of("stable config-key"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.Seal(secret.Of("cisco123"), bytes.NewReader(make([]byte, nonce6)))
	if err != nil {
		t.Fatal(err)
	}
	const want = "AQAAAAAAAAAAAAAAACbqK1DWvQzshRqg4kcG-d8cT5Q2YC7h3A"
	if got := string(text.Reveal()); got != want {
		t.Errorf("sealed as %s, want %s", got, want)
	}
}

func TestPrintingHides(t *testing.T) {
	h, _ := ParseHash(Scrypt, secret.Of(known[2].text))
	m := Master{secret.Of("0123456789abcdef0123456789abcdef")}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s %q %x %d", h, h, h, h, h, h, h), fmt.Sprintf("%v %+v %s", []Hash{h}, &h, struct{ H Hash }{h}), fmt.Sprintf("%v %#v", m, m)} {
		if strings.Contains(s, "MJB") || strings.Contains(s, "lFh") || strings.Contains(s, "0123") {
			t.Errorf("prints %s", s)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	for _, k := range known {
		f.Add(int(k.kind), k.text)
	}
	m := Master{secret.Of("0123456789abcdef0123456789abcdef")}
	f.Fuzz(func(t *testing.T, kind int, text string) {
		if h, err := ParseHash(Type(kind), secret.Of(text)); err == nil && string(h.Text().Reveal()) != text {
			t.Errorf("%q prints as %q", text, h.Text().Reveal())
		}
		if p, err := Reveal(secret.Of(text)); err == nil && 2+2*p.Len() != len(text) {
			t.Errorf("%q reveals %d octets", text, p.Len())
		}
		if _, err := m.Open(secret.Of(text)); err == nil {
			t.Errorf("%q opens", text)
		}
	})
}
