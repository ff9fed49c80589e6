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

const charonPath = "/usr/lib/ipsec/charon"

// strongSwan is a charon with its control socket in a folder of its own.
type strongSwan struct {
	*process
	t   testing.TB
	h   *host
	dir string
}

// newStrongSwan runs charon with connections and secrets as swanctl.conf
// writes them. files, by name below the folder of swanctl, are certificates
// and keys.
func newStrongSwan(t testing.TB, h *host, config string, files map[string]string) *strongSwan {
	t.Helper()
	_, err := os.Stat(charonPath)
	testenv.Need(t, err == nil, "strongSwan (strongswan-charon) is not installed")
	s := &strongSwan{t: t, h: h, dir: t.TempDir()}
	write(t, filepath.Join(s.dir, "strongswan.conf"), fmt.Sprintf(`
charon {
  retransmit_timeout = 1
  load = random nonce openssl gmp pem pkcs1 pkcs8 pubkey x509 revocation constraints aes sha1 sha2 md5 hmac kdf kernel-netlink socket-default vici
  install_routes = no
  install_virtual_ip = no
  filelog {
    stderr {
      default = 1
      enc = 1
      ike = 1
    }
  }
  plugins {
    vici {
      socket = unix://%s
    }
  }
}
swanctl {
  load = random nonce openssl pem pkcs1 pkcs8 pubkey x509
}
`, s.socket()))
	write(t, filepath.Join(s.dir, "swanctl.conf"), config)
	for _, name := range []string{"x509", "x509ca", "x509ocsp", "x509aa", "x509ac", "x509crl", "pubkey", "private", "rsa", "ecdsa", "bliss", "pkcs8", "pkcs12"} {
		if err := os.Mkdir(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		write(t, filepath.Join(s.dir, name), text)
	}
	cmd := h.private("", charonPath)
	cmd.Env = s.environment()
	s.process = start(t, cmd)
	s.await(t, "spawning", 1)
	if out := s.swanctl("--load-all"); strings.Contains(out, "failed") && !strings.Contains(out, "0 failed") {
		t.Fatalf("swanctl --load-all:\n%s", out)
	}
	return s
}

func (s *strongSwan) socket() string { return filepath.Join(s.dir, "vici") }

func (s *strongSwan) environment() []string {
	return append(os.Environ(), "STRONGSWAN_CONF="+filepath.Join(s.dir, "strongswan.conf"), "SWANCTL_DIR="+s.dir)
}

func (s *strongSwan) command(args ...string) *exec.Cmd {
	cmd := exec.Command(testenv.Tool(s.t, "swanctl"), append(args, "--uri", "unix://"+s.socket())...)
	cmd.Env = s.environment()
	return cmd
}

func (s *strongSwan) swanctl(args ...string) string {
	s.t.Helper()
	return must(s.t, s.command(args...))
}

// initiate opens phase 1, and says whether it came up, and how.
func (s *strongSwan) initiate(t testing.TB, name string) (suite string, ok bool) {
	t.Helper()
	out, ok := run(t, s.command("--initiate", "--ike", name, "--timeout", "15"))
	if !ok {
		return out, false
	}
	for line := range strings.Lines(s.swanctl("--list-sas", "--ike", name)) {
		if strings.Count(line, "/") == 3 {
			return strings.TrimSpace(line), true
		}
	}
	return out, false
}

// begin is initiate for what will not come up.
func (s *strongSwan) begin(t testing.TB, name string) {
	t.Helper()
	if out, ok := run(t, s.command("--initiate", "--ike", name, "--timeout", "1")); ok {
		t.Errorf("%s is up:\n%s", name, out)
	}
}

func (s *strongSwan) terminate(t testing.TB, name string) {
	t.Helper()
	must(t, s.command("--terminate", "--ike", name, "--timeout", "5", "--force"))
}

// connection is a section of swanctl.conf.
func (s swanConnection) String() string {
	auth := s.auth
	if auth == "" {
		auth = "auth = psk"
	}
	remote := s.remoteAuth
	if remote == "" {
		remote = "auth = psk"
	}
	return fmt.Sprintf("  %s {\n    version = 1\n    local_addrs = %s\n    remote_addrs = %s\n    remote_port = %d\n    proposals = %s\n    %s\n    local {\n      %s\n    }\n    remote {\n      %s\n    }\n  }\n",
		s.name, s.local, s.remote, s.port, s.proposals, s.more, strings.ReplaceAll(auth, "; ", "\n      "), strings.ReplaceAll(remote, "; ", "\n      "))
}

type swanConnection struct {
	name, local, remote string
	port                int
	proposals           string
	auth, remoteAuth    string // settings separated by "; "
	more                string
}
