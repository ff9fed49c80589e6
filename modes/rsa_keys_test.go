package modes

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"coterie/cli/grammar"
	"coterie/crypto/keys"
	runningconfig "coterie/running-config"

	"github.com/google/go-cmp/cmp"
)

// workshop is an operator with keys and a configuration.
type workshop struct {
	Operator
	labels map[string]string // label: what was made
	secret bool              // does not list its keys
	tree   runningconfig.Config
}

func (w *workshop) Config() *runningconfig.Config { return &w.tree }

func (w *workshop) RSAKeys() (out []keys.Public) {
	for label := range w.labels {
		if !w.secret {
			out = append(out, keys.Public{Label: label})
		}
	}
	return out
}

func (w *workshop) GenerateRSA(_ context.Context, label string, bits int, exportable, replace bool) error {
	if w.labels[label] != "" && !replace {
		return ErrKeyExists
	}
	w.labels[label] = fmt.Sprintf("%d %v", bits, exportable)
	return nil
}

func (w *workshop) ZeroizeRSA(_ context.Context, label string) error {
	if label == "" {
		clear(w.labels)
	}
	delete(w.labels, label)
	return nil
}

// desk is a terminal whose answers are known beforehand.
type desk struct {
	bytes.Buffer
	answers []string
}

func (d *desk) Ask(_ context.Context, prompt string) (string, error) {
	d.WriteString(prompt)
	if len(d.answers) == 0 {
		return "", io.EOF
	}
	a := d.answers[0]
	d.answers = d.answers[1:]
	d.WriteString(a + "\n")
	return a, nil
}
func (d *desk) AskSecret(ctx context.Context, prompt string) (string, error) {
	return d.Ask(ctx, prompt)
}
func (*desk) Collect(context.Context, func(string) bool) ([]string, error) { return nil, io.EOF }
func (*desk) Session() grammar.Session                                     { return nil }

func TestRSAKeys(t *testing.T) {
	for _, c := range []struct {
		name, typed string
		has         []string
		hostname    string
		secret      bool
		answers     []string
		screen      string
		made        map[string]string
		err         string
	}{
		{
			name: "label first", typed: "crypto key generate rsa label MYRSAKEY modulus 1024 exportable",
			screen: "The name for the keys will be: MYRSAKEY\n\n% The key modulus size is 1024 bits\n" +
				"% Generating 1024 bit RSA keys, keys will be exportable...\n[OK] (elapsed time was 0 seconds)\n\n",
			made: map[string]string{"MYRSAKEY": "1024 true"},
		},
		{
			name: "modulus first", typed: "cry key gen rsa general-keys mod 2048 lab K",
			screen: "The name for the keys will be: K\n\n% The key modulus size is 2048 bits\n" +
				"% Generating 2048 bit RSA keys, keys will be non-exportable...\n[OK] (elapsed time was 0 seconds)\n\n",
			made: map[string]string{"K": "2048 false"},
		},
		{
			name: "in use, kept", typed: "crypto key generate rsa label K modulus 1024", has: []string{"K"}, answers: []string{"perhaps", "no"},
			screen: "% You already have RSA keys defined named K.\n% Do you really want to replace them? [yes/no]: perhaps\n" +
				"% Please answer 'yes' or 'no'.\n% Do you really want to replace them? [yes/no]: no\n",
			made: map[string]string{"K": "old"},
		},
		{
			name: "in use, replaced", typed: "crypto key generate rsa label K modulus 1024", has: []string{"K"}, answers: []string{"yes"},
			screen: "% You already have RSA keys defined named K.\n% Do you really want to replace them? [yes/no]: yes\n" +
				"The name for the keys will be: K\n\n% The key modulus size is 1024 bits\n" +
				"% Generating 1024 bit RSA keys, keys will be non-exportable...\n[OK] (elapsed time was 0 seconds)\n\n",
			made: map[string]string{"K": "1024 false"},
		},
		{
			name: "in use, found out late", typed: "crypto key generate rsa label K modulus 1024", has: []string{"K"}, secret: true, answers: []string{"yes"},
			screen: "The name for the keys will be: K\n\n% The key modulus size is 1024 bits\n" +
				"% Generating 1024 bit RSA keys, keys will be non-exportable...\n" +
				"% You already have RSA keys defined named K.\n% Do you really want to replace them? [yes/no]: yes\n[OK] (elapsed time was 0 seconds)\n\n",
			made: map[string]string{"K": "1024 false"},
		},
		{
			name: "asks for the size", typed: "crypto key generate rsa label K", answers: []string{"100", ""},
			screen: "The name for the keys will be: K\nChoose the size of the key modulus in the range of 360 to 4096 for your\n" +
				"  General Purpose Keys. Choosing a key modulus greater than 512 may take\n  a few minutes.\n\n" +
				"How many bits in the modulus [1024]: 100\n% A decimal number between 360 and 4096.\nHow many bits in the modulus [1024]: \n" +
				"% Generating 1024 bit RSA keys, keys will be non-exportable...\n[OK] (elapsed time was 0 seconds)\n\n",
			made: map[string]string{"K": "1024 false"},
		},
		{name: "no host name", typed: "crypto key generate rsa modulus 1024", err: "% Please define a hostname other than Router."},
		{name: "no domain", typed: "crypto key generate rsa modulus 1024", hostname: "R1", err: "% Please define a domain-name first."},
		{name: "interrupted", typed: "crypto key generate rsa label K", err: "EOF"},
		{
			name: "zeroize", typed: "crypto key zeroize rsa K", has: []string{"K", "L"}, answers: []string{"yes"},
			screen: "% Keys to be removed are named 'K'.\nDo you really want to remove these keys? [yes/no]: yes\n",
			made:   map[string]string{"L": "old"},
		},
		{name: "zeroize nothing", typed: "crypto key zeroize rsa K", screen: "% No Signature RSA Keys found in configuration.\n\n"},
		{
			name: "zeroize all, kept", typed: "crypto key zeroize rsa", has: []string{"K"}, answers: []string{"no"},
			screen: "% All keys will be removed.\n% All router certs issued using these keys will also be removed.\nDo you really want to remove these keys? [yes/no]: no\n",
			made:   map[string]string{"K": "old"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &workshop{labels: map[string]string{}, secret: c.secret}
			w.tree.Hostname = c.hostname
			for _, l := range c.has {
				w.labels[l] = "old"
			}
			m, err := Configuration(w).Parse(c.typed, 15)
			if err != nil {
				t.Fatal(err)
			}
			d := &desk{answers: c.answers}
			err = m.Command.Run(context.Background(), d, m.Args)
			if got := fmt.Sprint(err); err != nil && got != c.err || err == nil && c.err != "" {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if c.screen != "" && c.screen != d.String() {
				t.Errorf("screen (-want +got):\n%s", cmp.Diff(c.screen, d.String()))
			}
			if c.made == nil {
				c.made = map[string]string{}
			}
			if d := cmp.Diff(c.made, w.labels); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
		})
	}
}

// Lines that refer to what is not there yet are accepted and say so.
func TestNotes(t *testing.T) {
	w := &workshop{}
	global := Configuration(w)
	stack := grammar.NewStack(global)
	for _, c := range []struct{ line, note string }{
		{"crypto map gdoimap 1 gdoi", "% NOTE: This new crypto map will remain disabled until a valid\n\tgroup has been configured.\n"},
		{"set group GDOI-GROUP1", "% group GDOI-GROUP1 doesn't yet exist.\n"},
		{"crypto map gdoimap 1 gdoi", ""},
		{"crypto gdoi group GDOI-GROUP1", ""},
		{"crypto map gdoimap 1 gdoi", ""},
		{"set group GDOI-GROUP1", ""},
		{"no set group", ""},
	} {
		r, err := stack.Resolve(c.line, 15, &w.tree)
		if err == nil {
			err = stack.Apply(&w.tree, r)
		}
		if err != nil {
			t.Fatalf("%q: %v", c.line, err)
		}
		var d desk
		if r.Command.Run != nil && !r.No {
			if err := r.Command.Run(context.Background(), &d, r.Args); err != nil {
				t.Errorf("%q: %v", c.line, err)
			}
		}
		if d.String() != c.note {
			t.Errorf("%q says %q, want %q", c.line, d.String(), c.note)
		}
	}
}

// A pre-shared key shows in the running configuration and nowhere else.
func TestKeyIsSecret(t *testing.T) {
	c := loaded(t, "crypto isakmp key MYGDOIPSK address 10.0.0.0 255.255.255.0\n")
	if text := printed(t, c, false); !strings.Contains(text, "crypto isakmp key MYGDOIPSK address 10.0.0.0 255.255.255.0\n") {
		t.Error(text)
	}
	if s := fmt.Sprintf("%+v %#v", c.ISAKMP.Keys, c.ISAKMP.Keys); strings.Contains(s, "MYGDOIPSK") {
		t.Error("the key prints")
	}
}

func TestPrintInterface(t *testing.T) {
	c := loaded(t, "interface Ethernet0/0\n ip address 192.168.11.3 255.255.255.0\n crypto map gdoimap\ninterface Ethernet0/1\n shutdown\n")
	var b bytes.Buffer
	if err := printInterface(&b, c, "e0/0"); err != nil {
		t.Fatal(err)
	}
	want := "!\ninterface Ethernet0/0\n ip address 192.168.11.3 255.255.255.0\n crypto map gdoimap\nend\n\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
	if err := printInterface(&b, c, "nonsense"); err == nil {
		t.Error("accepted")
	}
}

// The length that `show running-config` announces is that of what follows it,
// from the first `!` to the empty line behind `end`.
func TestPrintedLength(t *testing.T) {
	c := loaded(t, "interface FastEthernet0/1\n ip unnumbered Loopback0\n")
	var b bytes.Buffer
	if err := printInterface(&b, c, "FastEthernet0/1"); err != nil {
		t.Fatal(err)
	}
	// 33 octets without the line of its own that this interface has.
	if got := b.Len() - len(" ip unnumbered Loopback0\n"); got != 33 {
		t.Error(got)
	}
}
