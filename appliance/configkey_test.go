package appliance

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"coterie/cli/grammar/grammartest"
	"coterie/internal/env"
	"coterie/netdev"
	"coterie/xfrm"
)

// psk is the pre-shared key in force for a peer.
func psk(t *testing.T, a *Appliance, peer string) string {
	t.Helper()
	tree, _ := a.store.Snapshot()
	want := compile(a.unsealed(tree), "R1", a.key)
	k, _ := want.ISAKMP.PSK("", netip.Addr{}, netip.MustParseAddr(peer))
	return string(k.Reveal())
}

var sealedLine = regexp.MustCompile(`(?m)^crypto isakmp key 6 ([A-Za-z0-9_-]+) address 10.0.0.2\s*$`)

func TestConfigKey(t *testing.T) {
	a := device(t, "hostname R1\ncrypto isakmp key KEY1 address 10.0.0.2\n")
	p := typistOn(t, a, "console", 15)
	sealed := func() string {
		t.Helper()
		out := p.types("show running-config")
		if strings.Contains(out, "KEY1") {
			t.Errorf("the key is shown:\n%s", out)
		}
		m := sealedLine.FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no sealed key in\n%s", out)
		}
		return m[1]
	}
	in := func(line string, answers ...string) string {
		p.types("configure terminal")
		defer p.types("end")
		return p.types(line, answers...)
	}
	in("password encryption aes")
	if out := p.types("show running-config"); !strings.Contains(out, "isakmp key KEY1") {
		t.Errorf("sealed without a config-key:\n%s", out)
	}
	if out := in("key config-key password-encrypt", "short", "short"); out != "New key: \nConfirm key: \n% Invalid key: it must have 8 to 127 characters\n" {
		t.Errorf("%q", out)
	}
	if out := in("key config-key password-encrypt", "master-key-1", "master-key-2"); out != "New key: \nConfirm key: \n% Keys do not match\n" {
		t.Errorf("%q", out)
	}
	if out := in("key config-key password-encrypt", "master-key-1", "master-key-1"); out != "New key: \nConfirm key: \n" {
		t.Errorf("%q", out)
	}
	first := sealed()
	if got := psk(t, a, "10.0.0.2"); got != "KEY1" {
		t.Errorf("the key in force is %q", got)
	}
	in("crypto isakmp key KEY1 address 10.0.0.2")
	if sealed() != first {
		t.Error("the same key typed again is sealed again")
	}
	p.types("write memory")

	// Another key: the old one is asked for, and what it sealed is sealed anew.
	if out := in("key config-key password-encrypt master-key-2", "wrong-key"); out != "Old key: \n% Old key is not correct\n" {
		t.Errorf("%q", out)
	}
	if out := in("key config-key password-encrypt master-key-2", "master-key-1"); out != "Old key: \n" {
		t.Errorf("%q", out)
	}
	second := sealed()
	if second == first || psk(t, a, "10.0.0.2") != "KEY1" {
		t.Error("another config-key changes nothing, or too much")
	}

	// A power cut now: what was saved under the old key still works.
	again, err := New(Config{Name: "R1", Stack: &noNetwork{events: make(chan netdev.LinkEvent)}, Dataplane: xfrm.NewNone(),
		Clock: new(env.Clock), Env: env.System(), Files: a.cfg.Files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	if errs := again.Boot(t.Context(), ""); len(errs) > 0 {
		t.Error(errs)
	}
	if got := psk(t, again, "10.0.0.2"); got != "KEY1" {
		t.Errorf("after a power cut the key is %q", got)
	}

	// A line pasted into another router works there under the same config-key.
	b := device(t, "crypto isakmp key 6 "+second+" address 10.0.0.2\n")
	if got := psk(t, b, "10.0.0.2"); got != "" {
		t.Errorf("without a config-key the key is %q", got)
	}
	q := typistOn(t, b, "console", 15)
	q.types("configure terminal")
	q.types("key config-key password-encrypt master-key-2")
	q.types("end")
	if got := psk(t, b, "10.0.0.2"); got != "KEY1" {
		t.Errorf("with the config-key the key is %q", got)
	}

	// no key: what is sealed stays sealed.
	in("no key config-key password-encrypt")
	if sealed() != second || psk(t, a, "10.0.0.2") != "" || a.HasConfigKey() {
		t.Error("the config-key is not gone")
	}
}

func TestDamagedConfigKey(t *testing.T) {
	for _, text := range []string{"", "coterie config-key 1\n", "coterie config-key 2\nAAAA\n", "coterie config-key 1\nAAAA\n", "coterie config-key 1\n!\n"} {
		files := &memory{files: map[string][]byte{configKeyFile: []byte(text)}}
		if _, err := openMasterKeys(files); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// No screen but that of the configuration, and no log line, shows a secret or
// what stands for one.
func TestSecretsAreNowhereElse(t *testing.T) {
	a := device(t, `hostname R1
enable secret 9 $9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6
enable password level 5 SECRET-A
username bob privilege 15 password SECRET-B
username eve secret 5 $1$28772684$iEwNOgGugqO9.bIz5sk8k/
crypto isakmp policy 10
 authentication pre-share
crypto isakmp key SECRET-C address 10.0.0.2
snmp-server community SECRET-D ro
tacacs-server host 10.0.0.1 key SECRET-E
line con 0
 password SECRET-F
line vty 0 4
 password SECRET-G
 login local
`)
	l := watchLog(a)
	p := typistOn(t, a, "vty 0", 15)
	p.types("terminal history size 256")
	p.types("configure terminal")
	for _, line := range []string{
		"username ann secret SECRET-H", "enable secret level 7 SECRET-I", "crypto isakmp key SECRET-J address 10.0.0.3",
		"key config-key password-encrypt SECRET-K", "line vty 0 4", "password SECRET-L", "snmp-server community SECRET-M rw", "tacacs-server key SECRET-N",
		"radius-server key 7 SECRET-O",
	} {
		p.types(line)
	}
	p.types("end")
	p.types("debug crypto isakmp")
	p.types("write memory")
	p.types("username SECRET-P secret SECRET-P") // not at the prompt it belongs to
	if h := p.types("show history"); !strings.Contains(h, "username ann secret <hidden>") || strings.Contains(h, "secret SECRET") {
		t.Errorf("show history shows\n%s", h)
	}
	p.types("terminal history size 0") // what is typed below is no secret
	p.types("terminal history size 10")
	secrets := regexp.MustCompile(`SECRET-.|\$[159]\$|2lFhcKv|iEwNOg`)
	shown := 0
	for _, c := range a.Exec().Commands {
		lines, err := grammartest.Samples(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			full, err := a.Exec().Expand(line, 15)
			switch {
			case err != nil, !strings.HasPrefix(full, "show "):
				continue
			case strings.HasPrefix(full, "show running-config"), strings.HasPrefix(full, "show startup-config"),
				strings.HasPrefix(full, "show archive config"), strings.HasPrefix(full, "show configuration"):
				continue // these are the configuration
			}
			shown++
			if out := p.types(line); secrets.MatchString(out) {
				t.Errorf("%s shows %s", line, secrets.FindString(out))
			}
		}
	}
	if shown < 20 {
		t.Errorf("only %d screens", shown)
	}
	if secrets.MatchString(l.String()) {
		t.Errorf("the log has %s: %s", secrets.FindString(l.String()), l)
	}
}
