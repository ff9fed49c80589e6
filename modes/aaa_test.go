package modes

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"coterie/crypto/password"
	"coterie/internal/secret"
	runningconfig "coterie/running-config"
)

func TestRedact(t *testing.T) {
	for line, want := range map[string]string{
		"enable secret cisco":                                   "enable secret <hidden>",
		"ena sec two words":                                     "ena sec <hidden>",
		"enable secret level 5 0 cisco":                         "enable secret level 5 0 <hidden>",
		"enable secret 9 $9$abc$def":                            "enable secret 9 <hidden>",
		"  username bob privilege 15 secret 5 $1$x$y":           "  username bob privilege 15 secret 5 <hidden>",
		"user bob pass 7 02050D480809":                          "user bob pass 7 <hidden>",
		"no username bob password cisco":                        "no username bob password <hidden>",
		"password cisco":                                        "password <hidden>",
		"cry isa key KEY1 address 10.0.0.1":                     "cry isa key <hidden> address 10.0.0.1",
		"crypto isakmp key 6 AAAA address 0.0.0.0":              "crypto isakmp key 6 <hidden> address 0.0.0.0",
		"pre-shared-key address 10.0.0.1 key KEY1":              "pre-shared-key address 10.0.0.1 key <hidden>",
		"key config-key password-encrypt cisco123":              "key config-key password-encrypt <hidden>",
		"snmp-server community public ro":                       "snmp-server community <hidden> ro",
		"tacacs-server host 10.0.0.1 key 7 0205":                "tacacs-server host 10.0.0.1 key 7 <hidden>",
		"crypto key export rsa R1 pem terminal 3des cisco123":   "crypto key export rsa R1 pem terminal 3des <hidden>",
		"crypto key import rsa R1 exportable terminal cisco123": "crypto key import rsa R1 exportable terminal <hidden>",
		"crypto key generate rsa label R1 modulus 2048":         "crypto key generate rsa label R1 modulus 2048",
		"do show running-config | section secret":               "do show running-config | section secret",
		"sh run | s password":                                   "sh run | s password",
		"password encryption aes":                               "password encryption aes",
		"service password-encryption":                           "service password-encryption",
		"security passwords min-length 10":                      "security passwords min-length 10",
		"rekey authentication mypubkey rsa LABEL":               "rekey authentication mypubkey rsa LABEL",
		"enable":                    "enable",
		"":                          "",
		"enable secret":             "enable secret",
		"username bob privilege 15": "username bob privilege 15",
		"interface Ethernet0/0":     "interface Ethernet0/0",
		"crypto isakmp key KEY2 hostname peer.example.net no-xau": "crypto isakmp key <hidden> hostname peer.example.net no-xau",
	} {
		if got := Redact(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("enable secret level 5 0 cisco")
	f.Add("key 7 x")
	f.Fuzz(func(t *testing.T, line string) { Redact(line) })
}

// Protect turns what is in the clear, once, and leaves the rest alone.
func TestProtect(t *testing.T) {
	c := loaded(t, "service password-encryption\nenable password cisco\nusername bob password cisco\nusername eve secret 5 "+sampleSecret5+
		"\npassword encryption aes\ncrypto isakmp key KEY1 address 10.0.0.1\nline vty 0 4\n password cisco\n")
	plain := func() []secret.Bytes {
		return []secret.Bytes{c.AAA.Passwords[0].Password.Text, c.AAA.Users[0].Password.Text, c.Lines[0].Password.Text}
	}
	Protect(c, rand.Reader, func(secret.Bytes) (secret.Bytes, bool) { return secret.Bytes{}, false })
	for i, text := range plain() {
		if !password.Check(password.Obscured, text, secret.Of("cisco")) {
			t.Errorf("password %d is %s", i, text.Reveal())
		}
	}
	if k := c.ISAKMP.Keys[0]; k.Type6 || string(k.Key.Reveal()) != "KEY1" {
		t.Error("a key is sealed without a config-key")
	}
	before := printed(t, c, false)
	Protect(c, rand.Reader, func(secret.Bytes) (secret.Bytes, bool) { return secret.Of("SEALED"), true })
	if got, want := printed(t, c, false), strings.Replace(before, "isakmp key KEY1", "isakmp key 6 SEALED", 1); got != want {
		t.Errorf("printed\n%s, want\n%s", got, want)
	}
	Protect(c, rand.Reader, func(secret.Bytes) (secret.Bytes, bool) { t.Error("sealed twice"); return secret.Bytes{}, false })
}

// A typed secret is nowhere in what is printed, and the hash is of it.
func TestSecretsAreHashed(t *testing.T) {
	c := loaded(t, "enable secret top secret!\nusername bob secret 0 hidden-one\n")
	text := printed(t, c, true)
	if strings.Contains(text, "top secret") || strings.Contains(text, "hidden-one") {
		t.Errorf("printed\n%s", text)
	}
	if p, ok := c.AAA.Enable(15); !ok || p.Type != 9 || !password.Check(password.Scrypt, p.Text, secret.Of("top secret!")) {
		t.Errorf("enable secret is of type %d", p.Type)
	}
	if u := c.AAA.User("bob"); !password.Check(password.Type(u.Secret.Type), u.Secret.Text, secret.Of("hidden-one")) {
		t.Error("the secret of bob")
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v", c.AAA, c.AAA, c.AAA), fmt.Sprintf("%+v", *c.AAA.Users[0])} {
		if strings.Contains(shown, "$9$") {
			t.Errorf("a format shows %s", shown)
		}
	}
}

// A password that reads like the words in front of one stays that password.
func TestPasswordsLikeKeywords(t *testing.T) {
	for _, text := range []string{"7 02050D480809", "0 cisco", "7", "0", "level 5 cisco", "LEV x", "l", "07 x", "two words"} {
		c := loaded(t, "enable password 0 "+text+"\nusername bob password 0 "+text+"\nline vty 0 4\n password 0 "+text+"\n")
		again := loaded(t, printed(t, c, false))
		for i, p := range []runningconfig.Password{again.AAA.Passwords[0].Password, again.AAA.Users[0].Password, again.Lines[0].Password} {
			if p.Type != 0 || string(p.Text.Reveal()) != text || again.AAA.Passwords[0].Level != privilegedLevel {
				t.Errorf("%q: password %d reads as %q, type %d", text, i, p.Text.Reveal(), p.Type)
			}
		}
	}
}

func TestRefusedPasswords(t *testing.T) {
	short := &lengths{}
	m := build(short).global
	c := new(runningconfig.Config)
	for _, x := range []struct{ line, want string }{
		{"security passwords min-length 8", ""},
		{"enable secret 1234567", "% Password too short - must be at least 8 characters. Password not configured."},
		{"username bob password 1234567", "% Password too short - must be at least 8 characters. Password not configured."},
		{"username bob secret 12345678", ""},
		{"username bob password 12345678", "ERROR: Can not have both a user password and a user secret.\nPlease choose one or the other."},
		{"enable secret 5 cisco", "ERROR: The secret you entered is not a valid encrypted secret.\n" +
			"To enter an UNENCRYPTED secret, do not specify type 5 encryption.\n" +
			"When you properly enter an UNENCRYPTED secret, it will be encrypted."},
		{"enable secret 9 $9$a$b", "ERROR: The secret you entered is not a valid encrypted secret.\n" +
			"To enter an UNENCRYPTED secret, do not specify type 9 encryption.\n" +
			"When you properly enter an UNENCRYPTED secret, it will be encrypted."},
		{"enable secret " + strings.Repeat("x", 128), "% Password too long - must be at most 127 characters. Password not configured."},
	} {
		match, err := m.Parse(x.line, 15)
		if err != nil {
			t.Fatalf("%s: %v", x.line, err)
		}
		before := printed(t, c, false)
		answer := ""
		if err := match.Command.Bind.Set(c, match.Args); err != nil {
			answer = err.Error()
			if after := printed(t, c, false); after != before {
				t.Errorf("%s was refused and changed\n%s", x.line, after)
			}
		}
		if answer != x.want {
			t.Errorf("%s: %q, want %q", x.line, answer, x.want)
		}
	}
	short.loads = true // a saved configuration is taken as it is
	if match, _ := m.Parse("enable password short", 15); match.Command.Bind.Set(c, match.Args) != nil {
		t.Error("a short password of a saved configuration is refused")
	}
}

// lengths is an Operator of which only Loading is asked.
type lengths struct {
	Operator
	loads bool
}

func (l *lengths) Loading() bool { return l.loads }

func TestPublicKeys(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var blob []byte
	for _, s := range [][]byte{[]byte("ssh-ed25519"), public} {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(s))), s...)
	}
	text := base64.StdEncoding.EncodeToString(blob)
	for _, key := range []string{
		text, "ssh-ed25519 " + text, "ssh-ed25519 " + text + " bob@host", "  " + text[:20] + "\n" + text[20:] + "\nbob@host",
	} {
		k, ok := sshKey(key)
		if !ok || k.Type != "ssh-ed25519" || k.Hash != KeyHash(blob) || k.Comment != "" && k.Comment != "bob@host" {
			t.Errorf("%q: %+v, %v", key, k, ok)
		}
	}
	for _, bad := range []string{"", "ssh-ed25519", "ssh-rsa " + text, text[:40], base64.StdEncoding.EncodeToString(blob[:20]),
		base64.StdEncoding.EncodeToString(append(blob, 1)), "AAAA", "////"} {
		if k, ok := sshKey(bad); ok {
			t.Errorf("%q is %+v", bad, k)
		}
	}
	c := loaded(t, "ip ssh pubkey-chain\n username bob\n  key-string\n   ssh-ed25519 "+text+" bob@host\n  exit\n")
	want := "ip ssh pubkey-chain\n username bob\n  key-hash ssh-ed25519 " + KeyHash(blob) + " bob@host\n"
	if got := printed(t, c, false); !strings.Contains(got, want) {
		t.Errorf("printed\n%s, want\n%s", got, want)
	}
}
