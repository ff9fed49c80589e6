package appliance

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coterie/cli"
	"coterie/internal/secret"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

var (
	here  = netip.MustParseAddr("10.0.0.1")
	there = netip.MustParseAddr("10.0.0.2")
)

func over(line, user, password string, from netip.Addr) cli.Credentials {
	return cli.Credentials{Line: line, User: user, Password: secret.Of(password), From: from}
}

// Each case is one login on a fresh device; a refusal takes a second whatever
// was wrong, and an entry takes none.
func TestAuthenticate(t *testing.T) {
	const users = `
username nine privilege 15 secret 9 $9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6
username eight secret 8 $8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk
username five privilege 7 secret 5 $1$28772684$iEwNOgGugqO9.bIz5sk8k/
username seven privilege 0 password 7 02050D480809
username clear password two words
username open privilege 15 nopassword
username bare privilege 15
enable password 7 02050D480809
line con 0
 password console-word
line vty 0 4
 password line-word
`
	for _, c := range []struct {
		text, line, user, password string
		level                      int // -1: refused
	}{
		{"", "vty", "nine", "hashcat", 15},
		{"", "vty", "nine", "Hashcat", -1},
		{"", "vty", "nine", "", -1},
		{"", "vty", "Nine", "hashcat", -1},
		{"", "vty", "eight", "hashcat", 1},
		{"", "vty", "five", "hashcat", 7},
		{"", "vty", "five", "cisco", -1},
		{"", "vty", "seven", "cisco", 0},
		{"", "vty", "seven", "02050D480809", -1},
		{"", "vty", "clear", "two words", 1},
		{"", "vty", "open", "", -1},
		{"", "console", "open", "", 15},
		{"", "vty", "bare", "", -1},
		{"", "vty", "nobody", "hashcat", -1},
		{"", "vty", "", "line-word", 1},
		{"", "console", "", "console-word", 1},
		{"", "console", "", "line-word", -1},
		{"", "vty", strings.Repeat("x", 5000), strings.Repeat("y", 5000), -1},
		{"aaa new-model", "vty", "nine", "hashcat", 1},
		{"aaa new-model\naaa authorization exec default local", "vty", "nine", "hashcat", 15},
		{"aaa new-model\naaa authorization exec default group tacacs+ if-authenticated", "vty", "nine", "hashcat", 1},
		{"aaa new-model\naaa authorization exec default local", "console", "nine", "hashcat", 1},
		{"aaa new-model\naaa authentication login default group tacacs+ local", "vty", "eight", "hashcat", 1},
		{"aaa new-model\naaa authentication login default group tacacs+", "vty", "eight", "hashcat", -1},
		{"aaa new-model\naaa authentication login default enable", "vty", "anybody", "cisco", 1},
		{"aaa new-model\naaa authentication login default enable", "vty", "eight", "hashcat", -1},
		{"aaa new-model\naaa authentication login default line", "vty", "anybody", "line-word", 1},
		{"aaa new-model\naaa authentication login default none", "vty", "anybody", "", 1},
		{"aaa new-model\naaa authentication login V local\nline vty 0 4\n login authentication V", "vty", "eight", "hashcat", 1},
		{"aaa new-model\naaa authentication login default none\naaa authentication login V local\nline vty 0 4\n login authentication V", "vty", "eight", "x", -1},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := device(t, users+c.text)
			l := watchLog(a)
			began := time.Now()
			login, err := a.Authenticate(t.Context(), over(c.line, c.user, c.password, here))
			took := time.Since(began)
			what := fmt.Sprintf("%q on %s: %.20q with %.20q", c.text, c.line, c.user, c.password)
			switch {
			case c.level < 0 && (!errors.Is(err, cli.ErrDenied) || took != time.Second || !strings.Contains(l.String(), "%SEC_LOGIN-4-LOGIN_FAILED")):
				t.Errorf("%s: %+v, %v after %v, %s", what, login, err, took, l)
			case c.level >= 0 && (err != nil || login.Level != c.level || login.User != c.user || took != 0 || !strings.Contains(l.String(), "%SEC_LOGIN-5-LOGIN_SUCCESS")):
				t.Errorf("%s: %+v, %v after %v, %s", what, login, err, took, l)
			}
		})
	}
}

func TestCanLogin(t *testing.T) {
	for text, want := range map[string]bool{
		"":                            false,
		"enable secret cisco":         false,
		"username bob":                false,
		"username bob nopassword":     false,
		"username bob secret cisco":   true,
		"username bob password cisco": true,
		"ip ssh pubkey-chain\n username bob\n  key-hash ssh-rsa 0123456789ABCDEF0123456789ABCDEF": true,
		"aaa new-model\naaa authentication login default enable":                                  false,
		"aaa new-model\nenable secret cisco\naaa authentication login default enable":             true,
	} {
		if got := device(t, text).CanLogin(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestLoginMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "username bob secret right-word\n")
		l := watchLog(a)
		a.Authenticate(t.Context(), over("vty", "bob", "wrong-word", here))
		a.Authenticate(t.Context(), over("vty", "bob", "right-word", here))
		a.Authenticate(t.Context(), over("vty", "eve] [Source: 1.1.1.1]\n%SYS-5-X: \x1b[2J"+strings.Repeat("z", 99), "wrong-word", there))
		want := []string{
			"%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: bob] [Source: 10.0.0.1] [localport: 22] [Reason: Login Authentication Failed] at 00:00:00 UTC Sat Jan 1 2000",
			"%SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: bob] [Source: 10.0.0.1] [localport: 22] at 00:00:01 UTC Sat Jan 1 2000",
			"%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: eve) (Source: 1.1.1.1).%SYS-5-X: .(2J" + strings.Repeat("z", 27) + "...] [Source: 10.0.0.2] [localport: 22] [Reason: Login Authentication Failed] at 00:00:01 UTC Sat Jan 1 2000",
		}
		if got := fmt.Sprintf("%q", want); l.String() != got {
			t.Errorf("logged\n%s, want\n%s", l, got)
		}
		if strings.Contains(l.String(), "-word") {
			t.Error("a password is in the log")
		}
	})
}

// Three failures within a minute keep a source out, and a user, whatever comes.
func TestLockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "username bob secret right-word\nusername eve secret right-word\n")
		try := func(user, password string, from netip.Addr) bool {
			_, err := a.Authenticate(t.Context(), over("vty", user, password, from))
			return err == nil
		}
		try("bob", "wrong", here)
		try("bob", "wrong", here)
		if !try("bob", "right-word", here) {
			t.Error("two failures lock out")
		}
		for range 3 {
			try("nobody", "wrong", here)
		}
		if try("bob", "right-word", here) {
			t.Error("a source goes on after three failures")
		}
		if !try("bob", "right-word", there) {
			t.Error("another source is locked out")
		}
		for i := range 3 { // one user, from everywhere
			try("eve", "wrong", netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
		}
		if try("eve", "right-word", there) {
			t.Error("a user is guessed at from many sources")
		}
		if _, err := a.Authenticate(t.Context(), over("console", "eve", "right-word", netip.Addr{})); err != nil {
			t.Error("the console is locked out")
		}
		time.Sleep(time.Minute)
		if !try("eve", "right-word", here) {
			t.Error("a minute later it is not over")
		}

		// Many at once are no way around the limit.
		a = device(t, "username bob secret right-word\n")
		var wait sync.WaitGroup
		var in atomic.Int32
		for i := range 20 {
			wait.Go(func() {
				if i >= 3 {
					time.Sleep(time.Millisecond) // three guesses are on their way
				}
				if try("bob", map[bool]string{true: "wrong", false: "right-word"}[i < 3], here) {
					in.Add(1)
				}
			})
		}
		wait.Wait()
		if in.Load() != 0 {
			t.Error("more than three guesses were looked at")
		}
	})
}

func TestLockOutForgets(t *testing.T) {
	var l lockout
	now := time.Unix(0, 0)
	for i := range 3 * mostCounted {
		k := over("vty", fmt.Sprint(i), "", netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		if !l.begin(now, runningconfig.LoginBlock{}, k) {
			t.Fatal("refused")
		}
		now = now.Add(time.Millisecond)
		if len(l.failures) > mostCounted+2 {
			t.Fatalf("%d names are kept", len(l.failures))
		}
	}
}

// Names as long as a packet leave no more behind than short ones.
func TestLockOutOfLongNames(t *testing.T) {
	var l lockout
	for i := range 100 {
		if !l.begin(time.Unix(int64(i)*61, 0), runningconfig.LoginBlock{}, over("vty", fmt.Sprintf("%0100000d", i), "x", here)) {
			t.Fatal("not admitted")
		}
	}
	octets := 0
	for name := range l.failures {
		octets += len(name)
	}
	if octets > 100*64 {
		t.Errorf("%d names take %d octets", len(l.failures), octets)
	}
}

// login block-for: two failures of anybody, and nobody comes in for a while.
func TestQuietMode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "username bob secret right-word\nlogin block-for 100 attempts 2 within 30\nlogin delay 3\n")
		l := watchLog(a)
		try := func(user, password string) bool {
			_, err := a.Authenticate(t.Context(), over("vty", user, password, here))
			return err == nil
		}
		began := time.Now()
		try("eve", "wrong")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("login delay 3 takes %v", took)
		}
		time.Sleep(31 * time.Second) // too long ago to count
		try("eve", "wrong")
		if !try("bob", "right-word") {
			t.Error("quiet too early")
		}
		try("nobody", "wrong")
		if want := "%SEC_LOGIN-1-QUIET_MODE_ON: Still timeleft for watching failures is 27 secs, [user: nobody] [Source: 10.0.0.1] [localport: 22] " +
			"[Reason: Login Authentication Failed] [ACL: sl_def_acl] at 00:00:37 UTC Sat Jan 1 2000"; !strings.Contains(l.String(), want) {
			t.Errorf("logged %s, want %s", l, want)
		}
		if try("bob", "right-word") {
			t.Error("quiet mode lets in")
		}
		if _, err := a.Authenticate(t.Context(), over("console", "bob", "right-word", netip.Addr{})); err != nil {
			t.Error("quiet mode shuts the console")
		}
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if want := "%SEC_LOGIN-5-QUIET_MODE_OFF: Quiet Mode is OFF, because block period timed out at 00:02:17 UTC Sat Jan 1 2000"; !strings.Contains(l.String(), want) {
			t.Errorf("logged %s", l)
		}
		if !try("bob", "right-word") {
			t.Error("quiet mode does not end")
		}
	})
}

func TestPublicKeyLogin(t *testing.T) {
	public := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	var blob []byte
	for _, s := range [][]byte{[]byte("ssh-ed25519"), public} {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(s))), s...)
	}
	a := device(t, "username bob privilege 15\nip ssh pubkey-chain\n username bob\n  key-hash ssh-ed25519 "+modes.KeyHash(blob)+
		"\n username guest\n  key-hash ssh-ed25519 "+modes.KeyHash(blob)+"\n")
	for _, c := range []struct {
		user, kind string
		key        []byte
		level      int
	}{{"bob", "ssh-ed25519", blob, 15}, {"guest", "ssh-ed25519", blob, 1}, {"eve", "ssh-ed25519", blob, -1}, {"bob", "ssh-rsa", blob, -1}, {"bob", "ssh-ed25519", blob[:40], -1}} {
		for range 5 { // offers do not count as guesses
			l, err := a.Authenticate(t.Context(), cli.Credentials{Line: "vty", User: c.user, PublicKey: c.key, KeyType: c.kind, From: here})
			if c.level < 0 && !errors.Is(err, cli.ErrDenied) || c.level >= 0 && (err != nil || l.Level != c.level) {
				t.Errorf("%s with %s: %+v, %v", c.user, c.kind, l, err)
			}
		}
	}
}

// A typist types lines at one session of a device; answers are what dialogs
// are given.
type typist struct {
	t testing.TB
	s *cli.Session
}

func typistOn(t testing.TB, a *Appliance, line string, level int) typist {
	t.Helper()
	s := cli.New(cli.Config{Device: a, Line: line, Level: level, User: "bob"})
	t.Cleanup(s.Close)
	return typist{t, s}
}

func (p typist) types(line string, answers ...string) string {
	p.t.Helper()
	var out strings.Builder
	lines := cli.Lines(answers)
	p.s.Execute(context.Background(), line, &out, &lines)
	return out.String()
}

// at checks the answer to a line and the prompt behind it.
func (p typist) at(prompt, line, want string, answers ...string) {
	p.t.Helper()
	if got := p.types(line, answers...); got != want {
		p.t.Errorf("%s shows\n%q, want\n%q", line, got, want)
	}
	if got := p.s.Prompt(); got != prompt {
		p.t.Errorf("after %s the prompt is %q, want %q", line, got, prompt)
	}
}

func TestEnable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := device(t, "hostname R1\nenable secret top\nenable password bottom\nenable password level 5 five\n")
		p := typistOn(t, a, "vty 0", 1)
		p.at("R1>", "show privilege", "Current privilege level is 1\n")
		p.at("R1>", "configure terminal", "   ^\n% Invalid input detected at '^' marker.\n\n")
		p.at("R1#", "enable", "Password: \n", "top")
		p.at("R1#", "show privilege", "Current privilege level is 15\n")
		p.at("R1#", "enable 5", "")
		p.at("R1#", "show privilege", "Current privilege level is 5\n")
		p.at("R1#", "disable 7", "New privilege level must be less than current privilege level\n")
		p.at("R1>", "disable", "")
		p.at("R1>", "en", "Password: \nPassword: \nPassword: \n% Bad secrets\n", "bottom", "", "Top")
		p.at("R1#", "en", "Password: \nPassword: \n", "bottom", "top")
		p.at("R1>", "disable 0", "")
		p.at("R1>", "show privilege", "   ^\n% Invalid input detected at '^' marker.\n\n") // nothing to show
		p.at("R1#", "enable 5", "Password: \n", "five")
		p.at("R1>", "disable", "")
		p.at("R1>", "enable 5", "Password: \nPassword: \nPassword: \n% Bad passwords\n", "a", "b", "c")
		p.at("R1>", "enable 7", "% No password set\n")
	})
}

func TestEnableWithoutSecret(t *testing.T) {
	for _, c := range []struct{ text, line, command, want, prompt string }{
		{"", "console", "enable", "", "Router#"},
		{"", "console", "enable 5", "% Error in authentication.\n", "Router>"},
		{"", "vty 0", "enable", "% No password set\n", "Router>"},
		{"aaa new-model", "vty 0", "enable", "% Error in authentication.\n", "Router>"},
		{"aaa new-model", "console", "enable", "", "Router#"},
		{"enable secret level 5 five", "console", "enable", "", "Router#"},
	} {
		p := typistOn(t, device(t, c.text), c.line, 1)
		p.at(c.prompt, c.command, c.want)
	}
	synctest.Test(t, func(t *testing.T) {
		p := typistOn(t, device(t, "aaa new-model\nenable secret top\n"), "vty 0", 1)
		began := time.Now()
		p.at("Router>", "enable", "Password: \nPassword: \nPassword: \n% Access denied\n", "a", "b", "c")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("three guesses take %v", took)
		}
	})
}

// privilege moves commands between levels on this device, for all its
// sessions, and on no other.
func TestPrivilege(t *testing.T) {
	a, other := device(t, "hostname R1\n"), device(t, "hostname R2\n")
	admin, five := typistOn(t, a, "console", 15), typistOn(t, a, "vty 0", 5)
	invalid := "% Invalid input detected at '^' marker."
	if out := five.types("show running-config"); !strings.Contains(out, invalid) {
		t.Errorf("level 5 shows %s", out)
	}
	admin.types("configure terminal")
	for _, line := range []string{
		"privilege exec level 5 show running-config", "privilege exec level 5 configure terminal", "privilege exec level 15 ping",
		"privilege configure level 5 interface", "privilege interface level 5 shutdown",
	} {
		if out := admin.types(line); out != "" {
			t.Errorf("%s: %s", line, out)
		}
	}
	admin.types("end")
	// Of the configuration it sees what it may configure.
	if out := five.types("show running-config"); out != "Building configuration...\n\nCurrent configuration : 7 bytes\n!\nend\n\n" {
		t.Errorf("level 5 shows %s", out)
	}
	for line, ok := range map[string]bool{"ping 10.0.0.1": false, "write memory": false, "show running-config interface Loopback0": false, "show privilege": true} {
		if out := five.types(line); strings.Contains(out, invalid) == ok {
			t.Errorf("level 5: %s: %s", line, out)
		}
	}
	five.at("R1(config)#", "configure terminal", "Enter configuration commands, one per line.  End with CNTL/Z.\n")
	if out := five.types("hostname EVIL"); !strings.Contains(out, invalid) {
		t.Errorf("level 5 names the router: %s", out)
	}
	five.at("R1(config-if)#", "interface Loopback0", "")
	five.at("R1(config-if)#", "shutdown", "")
	if out := five.types("description EVIL"); !strings.Contains(out, invalid) {
		t.Errorf("level 5 describes: %s", out)
	}
	five.types("end")
	if out := five.types("show running-config"); !strings.Contains(out, "\ninterface Loopback0\n shutdown\n!\n") || strings.Contains(out, "hostname") {
		t.Errorf("level 5 shows %s", out)
	}
	if out := typistOn(t, other, "vty 0", 5).types("show running-config"); !strings.Contains(out, invalid) {
		t.Error("the other device has the levels too")
	}
	admin.types("configure terminal")
	admin.types("no privilege exec level 5 show running-config")
	admin.types("end")
	if out := five.types("show running-config"); !strings.Contains(out, invalid) {
		t.Error("no privilege leaves the level")
	}
}
