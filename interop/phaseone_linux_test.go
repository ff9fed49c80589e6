package interop

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// A suite is an IKE policy in three languages. An empty proposal is one that
// the peer's package was built without.
type suite struct {
	name       string
	encr, hash string // of crypto isakmp policy
	group      int
	strongSwan string // proposals
	swan       string // what it calls the result
	libreSwan  string
	libre      string
}

var suites = []suite{
	{"aes256-sha256-14", "aes 256", "sha256", 14, "aes256-sha256-modp2048", "AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048",
		"aes256-sha2_256;modp2048", "cipher=AES_CBC_256 integ=HMAC_SHA2_256 group=MODP2048"},
	{"aes256-sha256-19", "aes 256", "sha256", 19, "aes256-sha256-ecp256", "AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256",
		"aes256-sha2_256;dh19", "cipher=AES_CBC_256 integ=HMAC_SHA2_256 group=DH19"},
	{"aes256-sha384-20", "aes 256", "sha384", 20, "aes256-sha384-ecp384", "AES_CBC-256/HMAC_SHA2_384_192/PRF_HMAC_SHA2_384/ECP_384",
		"aes256-sha2_384;dh20", "cipher=AES_CBC_256 integ=HMAC_SHA2_384 group=DH20"},
	{"aes192-sha512-21", "aes 192", "sha512", 21, "aes192-sha512-ecp521", "AES_CBC-192/HMAC_SHA2_512_256/PRF_HMAC_SHA2_512/ECP_521",
		"aes192-sha2_512;dh21", "cipher=AES_CBC_192 integ=HMAC_SHA2_512 group=DH21"},
	{"aes128-sha256-15", "aes", "sha256", 15, "aes128-sha256-modp3072", "AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_3072",
		"aes128-sha2_256;modp3072", "cipher=AES_CBC_128 integ=HMAC_SHA2_256 group=MODP3072"},
	{"aes256-sha512-16", "aes 256", "sha512", 16, "aes256-sha512-modp4096", "AES_CBC-256/HMAC_SHA2_512_256/PRF_HMAC_SHA2_512/MODP_4096",
		"aes256-sha2_512;modp4096", "cipher=AES_CBC_256 integ=HMAC_SHA2_512 group=MODP4096"},
	{"aes128-sha1-5", "aes", "sha", 5, "aes128-sha1-modp1536", "AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1536",
		"aes128-sha1;modp1536", "cipher=AES_CBC_128 integ=HMAC_SHA1 group=MODP1536"},
	{"3des-sha1-5", "3des", "sha", 5, "3des-sha1-modp1536", "3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1536",
		"3des-sha1;modp1536", "cipher=3DES_CBC_192 integ=HMAC_SHA1 group=MODP1536"},
	// Debian's libreswan is built without group 2.
	{"aes128-sha1-2", "aes", "sha", 2, "aes128-sha1-modp1024", "AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", "", ""},
	{"3des-sha1-2", "3des", "sha", 2, "3des-sha1-modp1024", "3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", "", ""},
	{"3des-md5-2", "3des", "md5", 2, "3des-md5-modp1024", "3DES_CBC/HMAC_MD5_96/PRF_HMAC_MD5/MODP_1024", "", ""},
}

// shown is the row of `show crypto isakmp sa detail` from its cipher on.
func (s suite) shown(auth string) string {
	cipher, _, _ := strings.Cut(s.encr, " ")
	return fmt.Sprintf("ACTIVE %-4s %-6s %-4s %-2d", cipher, s.hash, auth, s.group)
}

const (
	goodKey  = "between-friends-only"
	wrongKey = "a-guess-of-somebody-else"
)

// keyServer is a key server at 10.9.0.1, for peers in 10.9.0.0/24.
// It authenticates by pre-shared key, and before that as authentication says;
// more is added to its configuration.
func keyServer(t testing.TB, h *host, more string, authentication ...string) *router {
	t.Helper()
	var c strings.Builder
	c.WriteString("hostname KS1\n" + more)
	n := 0
	for _, auth := range append(authentication, "pre-share") {
		for _, s := range suites {
			n += 10
			fmt.Fprintf(&c, "crypto isakmp policy %d\n encr %s\n hash %s\n authentication %s\n group %d\n", n, s.encr, s.hash, auth, s.group)
		}
	}
	c.WriteString("crypto isakmp key " + goodKey + ` address 10.9.0.0 255.255.255.0
interface Ethernet0/0
 ip address 10.9.0.1 255.255.255.0
 no shutdown
crypto isakmp keepalive 600 periodic
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
 mode tunnel
crypto ipsec profile P
 set transform-set T
ip access-list extended A
 permit ip 10.0.0.0 0.255.255.255 10.0.0.0 0.255.255.255
crypto gdoi group G
 identity number 123
 server local
  rekey algorithm aes 256
  rekey sig-hash algorithm sha256
  rekey authentication mypubkey rsa REKEY
  rekey transport unicast
  sa ipsec 1
   profile P
   match address ipv4 A
  address ipv4 10.9.0.1
`)
	r := newRouter(t, h, c.String(), 1)
	r.console("configure terminal", "crypto key generate rsa general-keys label REKEY modulus 2048", "end", "debug crypto isakmp")
	return r
}

// authenticated is how often the router has authenticated the peer.
func authenticated(addr string) string { return "SA has been authenticated with " + addr + "\n" }

// failed is how often it has refused to.
func failed(addr string) string { return "authentication of " + addr + " failed" }

// deleted is how often an SA with the peer has ended.
func deleted(addr string) string { return "(peer " + addr + ")\n" }

// shows fails unless the router shows one SA with the peer, of this suite.
func (r *router) shows(t testing.TB, peer, want string) {
	t.Helper()
	out := r.console("show crypto isakmp sa detail")
	for line := range strings.Lines(out) {
		if strings.Contains(line, " "+peer+" ") && strings.Contains(line, want) {
			return
		}
	}
	t.Errorf("no SA with %s of %q in\n%s", peer, want, out)
}

// newNetwork is the host of a key server and that of its peer, which is
// 10.9.0.2, 10.9.0.66 where it has another key, and 10.9.0.20 to 10.9.0.25 with
// as many certificates.
func newNetwork(t testing.TB) (server, peer *host) {
	server, peer = newHost(t), newHost(t)
	wire(server, "eth0", peer, "p0", "10.9.0.2/24", "10.9.0.66/24", "10.9.0.20/24", "10.9.0.21/24", "10.9.0.22/24", "10.9.0.23/24", "10.9.0.24/24", "10.9.0.25/24")
	return server, peer
}

func TestStrongSwan(t *testing.T) {
	server, h := newNetwork(t)
	ks := keyServer(t, server, "")
	seen := server.tap()
	var c strings.Builder
	c.WriteString("connections {\n")
	for _, s := range suites {
		if s.strongSwan != "" {
			fmt.Fprint(&c, swanConnection{name: s.name, local: "10.9.0.2", remote: "10.9.0.1", port: 848, proposals: s.strongSwan})
		}
	}
	fmt.Fprint(&c, swanConnection{name: "probes", local: "10.9.0.2", remote: "10.9.0.1", port: 848, proposals: suites[0].strongSwan, more: "dpd_delay = 1s"})
	fmt.Fprint(&c, swanConnection{name: "wrong", local: "10.9.0.66", remote: "10.9.0.1", port: 848, proposals: suites[0].strongSwan})
	fmt.Fprintf(&c, "}\nsecrets {\n  ike-1 {\n    id-1 = 10.9.0.2\n    id-2 = 10.9.0.1\n    secret = %s\n  }\n  ike-2 {\n    id-1 = 10.9.0.66\n    id-2 = 10.9.0.1\n    secret = %s\n  }\n}\n", goodKey, wrongKey)
	peer := newStrongSwan(t, h, c.String(), nil)

	var kept []chapter
	for _, s := range suites {
		if s.strongSwan == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			before := len(seen.since("10.9.0.2", 0))
			up, down := ks.count(authenticated("10.9.0.2")), ks.count(deleted("10.9.0.2"))
			got, ok := peer.initiate(t, s.name)
			if !ok || got != s.swan {
				t.Fatalf("strongSwan says %s, want %s", got, s.swan)
			}
			ks.await(t, authenticated("10.9.0.2"), up+1)
			ks.shows(t, "10.9.0.2", s.shown("psk"))
			peer.terminate(t, s.name)
			kept = append(kept, chapter{s.name + ", pre-shared key", seen.since("10.9.0.2", before)})
			ks.await(t, deleted("10.9.0.2"), down+1) // its Delete
		})
	}
	t.Run("dead peer detection", func(t *testing.T) {
		if got, ok := peer.initiate(t, "probes"); !ok {
			t.Fatal(got)
		}
		peer.await(t, "N(DPD_ACK) ]", 1)
		peer.terminate(t, "probes")
	})
	t.Run("authentication again", func(t *testing.T) {
		up := ks.count(authenticated("10.9.0.2"))
		if got, ok := peer.initiate(t, suites[0].name); !ok {
			t.Fatal(got)
		}
		peer.swanctl("--rekey", "--ike", suites[0].name, "--reauth")
		ks.await(t, authenticated("10.9.0.2"), up+2)
	})
	t.Run("deleted by the key server", func(t *testing.T) {
		ks.console("clear crypto isakmp")
		peer.await(t, "received DELETE for IKE_SA", 1)
	})
	t.Run("wrong key", func(t *testing.T) {
		refused(t, ks, seen, "10.9.0.66", func() {
			peer.begin(t, "wrong")
			ks.await(t, failed("10.9.0.66"), 1)
			peer.await(t, "sending retransmit 1 of request message ID 0", 1)
			ks.await(t, failed("10.9.0.66"), 2)
		})
	})
	record(t, "strongswan.txt", kept...)
	seen.judge(t, "")
}

func TestLibreSwan(t *testing.T) {
	server, h := newNetwork(t)
	ks := keyServer(t, server, "")
	seen := server.tap()
	var c strings.Builder
	count := 0
	for _, s := range suites {
		if s.libreSwan != "" {
			count++
			fmt.Fprint(&c, libreConnection{name: s.name, local: "10.9.0.2", remote: "10.9.0.1", proposals: s.libreSwan, more: []string{"authby=secret"}})
		}
	}
	fmt.Fprint(&c, libreConnection{name: "wrong", local: "10.9.0.66", remote: "10.9.0.1", proposals: suites[0].libreSwan, more: []string{"authby=secret"}})
	secrets := fmt.Sprintf("10.9.0.2 10.9.0.1 : PSK %q\n10.9.0.66 10.9.0.1 : PSK %q\n", goodKey, wrongKey)
	peer := newLibreSwan(t, h, count+1, c.String(), secrets, nil)

	var kept []chapter
	for _, s := range suites {
		if s.libreSwan == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			before := len(seen.since("10.9.0.2", 0))
			up, down := ks.count(authenticated("10.9.0.2")), ks.count(deleted("10.9.0.2"))
			if got := peer.initiate(t, s.name); !strings.Contains(got, s.libre) {
				t.Fatalf("libreswan says %s, want %s", got, s.libre)
			}
			ks.await(t, authenticated("10.9.0.2"), up+1)
			ks.shows(t, "10.9.0.2", s.shown("psk"))
			peer.terminate(t, s.name)
			kept = append(kept, chapter{s.name + ", pre-shared key", seen.since("10.9.0.2", before)})
			ks.await(t, deleted("10.9.0.2"), down+1)
		})
	}
	t.Run("deleted by the key server", func(t *testing.T) {
		peer.initiate(t, suites[0].name)
		ks.console("clear crypto isakmp")
		peer.await(t, "received Delete SA payload", 1)
		peer.terminate(t, suites[0].name)
	})
	t.Run("wrong key", func(t *testing.T) {
		refused(t, ks, seen, "10.9.0.66", func() {
			peer.begin(t, "wrong")
			ks.await(t, failed("10.9.0.66"), 2)
		})
	})
	record(t, "libreswan.txt", kept...)
	seen.judge(t, "")
}

// refused tries with another key. The peer gets messages 2 and 4 and perhaps
// their repetition, and after message 5 nothing that says what was wrong.
func refused(t *testing.T, ks *router, seen *tap, addr string, try func()) {
	t.Helper()
	try()
	var answers [][]byte
	encrypted := 0
	for _, d := range seen.datagrams(netip.MustParseAddr(addr)) {
		switch {
		case d.from.Port() == 848:
			if !slices.ContainsFunc(answers, func(a []byte) bool { return bytes.Equal(a, d.data) }) {
				answers = append(answers, d.data)
			}
		case d.data[flagsAt]&1 != 0:
			encrypted++
		}
	}
	if encrypted == 0 {
		t.Error("the peer never came to message 5")
	}
	if len(answers) != 2 {
		t.Errorf("%d answers, want messages 2 and 4: %x", len(answers), answers)
	}
	for _, a := range answers {
		if a[exchangeAt] != 2 || a[flagsAt] != 0 {
			t.Errorf("answer %x", a)
		}
	}
	if ks.count(authenticated(addr)) > 0 {
		t.Error("authenticated")
	}
	if text := ks.String(); strings.Contains(text, goodKey) || strings.Contains(text, wrongKey) {
		t.Error("a key is in the log")
	}
}

// Where the header has its exchange type and its flags (RFC 2408 section 3.1).
const exchangeAt, flagsAt = 18, 19
