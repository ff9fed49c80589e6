package modes

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"coterie/cli/grammar"
	"coterie/crypto/password"
	"coterie/internal/secret"
	runningconfig "coterie/running-config"
)

// Answers to passwords that are not accepted, as IOS words them.
const (
	notEncrypted = Refusal("ERROR: The secret you entered is not a valid encrypted secret.\n" +
		"To enter an UNENCRYPTED secret, do not specify type %d encryption.\n" +
		"When you properly enter an UNENCRYPTED secret, it will be encrypted.")
	bothPasswords = Refusal("ERROR: Can not have both a user password and a user secret.\nPlease choose one or the other.")
	badObscured   = Refusal("Invalid encrypted password")
)

// random is where salts come from: the device's own source, when there is one.
func (b *builder) random() io.Reader {
	if r, ok := b.op.(interface{ Random() io.Reader }); ok {
		return r.Random()
	}
	return rand.Reader
}

// loading tells that a file is being read, which is taken as it is.
func (b *builder) loading() bool {
	l, ok := b.op.(interface{ Loading() bool })
	return !ok || l.Loading()
}

// Texts that law tests try.
const (
	sampleSecret5 = "$1$abcd$0123456789012345678901"
	sampleSecret8 = "$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk"
	sampleSecret9 = "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"
)

// secretSyntax is `[0|5|8|9] WORD`: the values "Type" and "Text", or "Plain".
func secretSyntax(clear string) grammar.Node {
	hashed := func(number int, word, help string) grammar.Node {
		return grammar.Seq{grammar.Kw(word, help).Sets("Type", number), grammar.Arg("Text", grammar.Word(), "The HASHED secret")}
	}
	plain := grammar.Arg("Plain", grammar.Rest(), clear)
	return grammar.Alt{
		hashed(5, "5", "Specifies a MD5 HASHED secret will follow"),
		hashed(8, "8", "Specifies a PBKDF2 HASHED secret will follow"),
		hashed(9, "9", "Specifies a SCRYPT HASHED secret will follow"),
		grammar.Only{Node: grammar.Seq{grammar.Kw("0", "Specifies an UNENCRYPTED password will follow"), plain}},
		plain, // never printed by a configuration, which holds the hash
	}
}

// clearText is a password in the clear, the rest of a line. One that would read
// as another line prints behind the `0` that says what it is.
type clearText struct{ grammar.Type }

func (t clearText) Samples() []string { return t.Type.(grammar.Sampler).Samples() }

func (t clearText) Format(v any) string {
	s := t.Type.Format(v)
	first, _, _ := strings.Cut(s, " ")
	if first == "0" || first == "7" || first != "" && strings.HasPrefix("level", strings.ToLower(first)) {
		return "0 " + s
	}
	return s
}

// passwordSyntax is `[0|7] WORD`: the values "Type" and "Text", or "Plain".
func passwordSyntax(clear string) grammar.Node {
	plain := grammar.Arg("Plain", clearText{grammar.Rest()}, clear)
	return grammar.Alt{
		grammar.Seq{grammar.Kw("7", "Specifies a HIDDEN password will follow").Sets("Type", 7), grammar.Arg("Text", grammar.Word(), "The HIDDEN password string")},
		grammar.Only{Node: grammar.Seq{grammar.Kw("0", "Specifies an UNENCRYPTED password will follow"), plain}},
		plain,
	}
}

// secretOf is the password that a line with secretSyntax means. One typed in
// the clear is kept as type 9; typing the same once more changes nothing.
func (b *builder) secretOf(c *runningconfig.Config, a grammar.Args, old runningconfig.Password) (runningconfig.Password, error) {
	if a.Has("Type") {
		kind := password.Type(a.Int("Type"))
		h, err := password.ParseHash(kind, secret.Of(a.String("Text")))
		if err != nil {
			return old, Refusal(fmt.Sprintf(string(notEncrypted), kind))
		}
		return runningconfig.Password{Type: int(kind), Text: h.Text()}, nil
	}
	plain := secret.Of(a.String("Plain"))
	if err := b.acceptable(c, plain); err != nil {
		return old, err
	}
	if old.Set() && password.Type(old.Type).Hashed() && password.Check(password.Type(old.Type), old.Text, plain) {
		return old, nil
	}
	h, err := password.New(password.Scrypt, plain, b.random())
	if err != nil {
		return old, err
	}
	return runningconfig.Password{Type: int(password.Scrypt), Text: h.Text()}, nil
}

// passwordOf is the password that a line with passwordSyntax means. Protect
// turns it into type 7 where that is asked for; what was so already stays.
func (b *builder) passwordOf(c *runningconfig.Config, a grammar.Args, old runningconfig.Password) (runningconfig.Password, error) {
	if a.Has("Type") {
		text := secret.Of(strings.ToUpper(a.String("Text")))
		if _, err := password.Reveal(text); err != nil {
			return old, badObscured
		}
		return runningconfig.Password{Type: int(password.Obscured), Text: text}, nil
	}
	plain := secret.Of(a.String("Plain"))
	if err := b.acceptable(c, plain); err != nil {
		return old, err
	}
	if old.Type == int(password.Obscured) && password.Check(password.Obscured, old.Text, plain) {
		return old, nil
	}
	return runningconfig.Password{Text: plain}, nil
}

// acceptable checks a password typed in the clear.
func (b *builder) acceptable(c *runningconfig.Config, plain secret.Bytes) error {
	if plain.Len() == 0 {
		return incomplete
	}
	if plain.Len() > password.MaxLength {
		return Refusal(fmt.Sprintf("%% Password too long - must be at most %d characters. Password not configured.", password.MaxLength))
	}
	if c != nil && !b.loading() && plain.Len() < c.AAA.MinLength {
		return Refusal(fmt.Sprintf("%% Password too short - must be at least %d characters. Password not configured.", c.AAA.MinLength))
	}
	return nil
}

// passwordArgs are the values that print a password.
func passwordArgs(a grammar.Args, p runningconfig.Password) grammar.Args {
	if p.Type == int(password.Clear) {
		a["Plain"] = string(p.Text.Reveal())
		return a
	}
	a["Type"], a["Text"] = p.Type, string(p.Text.Reveal())
	return a
}

// A Sealer makes type 6 texts under the master key of the device; ok is false
// while there is none.
type Sealer func(plain secret.Bytes) (text secret.Bytes, ok bool)

// Protect brings passwords in the clear into the form that the configuration
// asks for: type 7 under `service password-encryption`, type 6 for pre-shared
// keys under `password encryption aes`. It belongs after every edit. What has
// been turned stays so when the line that asked for it goes, as on IOS.
func Protect(c *runningconfig.Config, random io.Reader, seal Sealer) {
	if c.AAA.Obscure {
		obscure := func(p *runningconfig.Password) {
			if p.Type != int(password.Clear) || !p.Set() {
				return
			}
			if text, err := password.Obscure(p.Text, random); err == nil {
				*p = runningconfig.Password{Type: int(password.Obscured), Text: text}
			}
		}
		for _, u := range c.AAA.Users {
			obscure(&u.Password)
		}
		for i := range c.AAA.Passwords {
			obscure(&c.AAA.Passwords[i].Password)
		}
		for _, l := range c.Lines {
			obscure(&l.Password)
		}
	}
	if !c.AAA.SealKeys {
		return
	}
	for k := range c.ISAKMP.PreShared() {
		if !k.Type6 {
			if text, ok := seal(k.Key); ok {
				k.Key, k.Type6 = text, true
			}
		}
	}
}

// linePassword is `password [0|7] WORD` of a line.
func (b *builder) linePassword() *grammar.Command {
	type line = runningconfig.Line
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("password", "Set a password"), grammar.OptionalUnderNo{Node: passwordSyntax("The UNENCRYPTED (cleartext) line password")}},
		Sample: []string{"password cisco", "password 7 02050D480809"},
		Bind: grammar.Custom[line]{
			Keys: []string{},
			OnSet: func(l *line, a grammar.Args) error {
				p, err := b.passwordOf(nil, a, l.Password)
				if err == nil {
					l.Password = p
				}
				return err
			},
			OnUnset: func(l *line, _ grammar.Args) error { l.Password = runningconfig.Password{}; return nil },
			OnLines: func(l *line, _ bool) []grammar.Line {
				if !l.Password.Set() {
					return nil
				}
				return one(passwordArgs(grammar.Args{}, l.Password))
			},
		},
	}
}
