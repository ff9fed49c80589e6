package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coterie/internal/testenv"
)

// libreswanFolder is where libreswan's programs are: /usr/libexec/ipsec, or
// below the folder that COTERIE_LIBRESWAN names, where its package has been
// unpacked, because it cannot be installed beside strongSwan's.
func libreswanFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("COTERIE_LIBRESWAN"), "/usr/libexec/ipsec")
	_, err := os.Stat(filepath.Join(dir, "pluto"))
	testenv.Need(t, err == nil, "libreswan is not installed, and COTERIE_LIBRESWAN does not name a folder with its package unpacked")
	return dir
}

// libreSwan is a pluto with all its files in a folder of its own.
type libreSwan struct {
	*process
	t          testing.TB
	execs, dir string
}

// newLibreSwan runs pluto with n connections, the conn sections of ipsec.conf.
// The database of certificates is the one that fill, if not nil, has filled.
func newLibreSwan(t testing.TB, h *host, n int, config, secrets string, fill func(nss string)) *libreSwan {
	t.Helper()
	l := &libreSwan{t: t, execs: libreswanFolder(t), dir: t.TempDir()}
	nss := filepath.Join(l.dir, "nss")
	for _, d := range []string{nss, filepath.Join(l.dir, "run"), filepath.Join(l.dir, "ipsec.d")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	must(t, exec.Command(testenv.Tool(t, "certutil"), "-N", "-d", "sql:"+nss, "--empty-password"))
	if fill != nil {
		fill("sql:" + nss)
	}
	l.process = start(t, h.private(l.execs, filepath.Join(l.execs, "pluto"), "--nofork", "--stderrlog", "--log-no-time", "--no-dnssec", "--use-xfrm", "--nhelpers", "1",
		"--config", write(t, filepath.Join(l.dir, "ipsec.conf"), "config setup\n\tikev1-policy=accept\n"+config),
		"--secretsfile", write(t, filepath.Join(l.dir, "ipsec.secrets"), secrets),
		"--nssdir", nss, "--rundir", filepath.Join(l.dir, "run"), "--ipsecdir", filepath.Join(l.dir, "ipsec.d")))
	l.await(t, "loading secrets from", 1)
	if got := l.count("added IKEv1 connection"); got != n {
		t.Fatalf("%d of %d connections:\n%s", got, n, tail(l.String()))
	}
	return l
}

func (l *libreSwan) whack(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(l.execs, "whack"), append([]string{"--ctlsocket", filepath.Join(l.dir, "run", "pluto.ctl")}, args...)...)
}

// initiate opens phase 1, and says how it came up. It does not wait for what
// cannot come, quick mode.
func (l *libreSwan) initiate(t testing.TB, name string) (suite string) {
	t.Helper()
	n := l.count("IKE SA established")
	l.begin(t, name)
	l.await(t, "IKE SA established", n+1)
	text := l.String()
	_, text, _ = strings.Cut(text[strings.LastIndex(text, "IKE SA established"):], "{")
	suite, _, _ = strings.Cut(text, "}")
	return suite
}

func (l *libreSwan) begin(t testing.TB, name string) {
	t.Helper()
	must(t, l.whack("--name", name, "--initiate", "--asynchronous"))
}

func (l *libreSwan) terminate(t testing.TB, name string) {
	t.Helper()
	must(t, l.whack("--name", name, "--terminate"))
}

// libreConnection is a conn section of ipsec.conf.
type libreConnection struct {
	name, local, remote string
	proposals           string
	more                []string
}

func (c libreConnection) String() string {
	lines := append([]string{
		"ikev2=no", "left=" + c.local, "leftikeport=500", "right=" + c.remote, "rightikeport=848",
		"ike=" + c.proposals, "nat-ikev1-method=none", "encapsulation=no", "keyingtries=1", "auto=add",
	}, c.more...)
	return fmt.Sprintf("\nconn %s\n\t%s\n", c.name, strings.Join(lines, "\n\t"))
}
