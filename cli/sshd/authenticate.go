package sshd

import (
	"context"
	"errors"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"coterie/cli"
	"coterie/internal/secret"
)

// What the server offers. The AEAD and counter-mode ciphers need no strict key
// exchange to be safe from truncation of the first packets (CVE-2023-48795);
// it is offered to every peer all the same, and older ones lack it.
var algorithms = ssh.Config{
	KeyExchanges: []string{
		ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256,
		ssh.KeyExchangeECDHP384, ssh.KeyExchangeECDHP521, ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256,
	},
	Ciphers: []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR},
	MACs:    []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512},
}

// publicKeyAlgorithms are those a user's key may sign with.
var publicKeyAlgorithms = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoSKECDSA256,
	ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512,
}

// keyOffers is how many public keys a peer may offer beyond its passwords: an
// agent has several.
const keyOffers = 6

// loginKey finds the cli.Login in the permissions of a connection. It stands
// there and nowhere else, because a peer may ask about keys that it does not
// go on to use: the permissions are those of what it used.
type loginKey struct{}

func permit(l cli.Login) *ssh.Permissions {
	return &ssh.Permissions{ExtraData: map[any]any{loginKey{}: l}}
}

// login is who a connection belongs to.
func login(c *ssh.ServerConn) (cli.Login, bool) {
	if c.Permissions == nil {
		return cli.Login{}, false
	}
	l, ok := c.Permissions.ExtraData[loginKey{}].(cli.Login)
	return l, ok
}

// errTries is the end of a connection that has offered enough passwords.
var errTries = errors.New("too many authentication failures")

// tries counts the passwords of a connection.
type tries struct {
	mu   sync.Mutex
	left int
}

// config is that of one connection.
func (c *connection) config(ctx context.Context) (*ssh.ServerConfig, error) {
	signers, err := c.server.signers()
	if err != nil {
		return nil, err
	}
	limits := c.server.cfg.Limits
	cfg := &ssh.ServerConfig{
		Config: algorithms, ServerVersion: version,
		PublicKeyAuthAlgorithms: publicKeyAlgorithms,
		MaxAuthTries:            limits.Tries + keyOffers,
	}
	for _, s := range signers {
		cfg.AddHostKey(s)
	}
	if trust := c.server.cfg.Trust; trust != nil {
		cfg.NoClientAuth = true
		cfg.NoClientAuthCallback = func(ssh.ConnMetadata) (*ssh.Permissions, error) {
			l, err := trust(c.net)
			if err != nil {
				return nil, err
			}
			return permit(l), nil
		}
		return cfg, nil
	}
	if b := c.server.cfg.Banner; b != nil {
		cfg.BannerCallback = func(ssh.ConnMetadata) string { return strings.ReplaceAll(b(), "\n", "\r\n") }
	}
	passwords := &tries{left: limits.Tries}
	check := func(user, password string) (*ssh.Permissions, error) {
		return c.password(ctx, passwords, user, password)
	}
	cfg.PasswordCallback = func(m ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return check(m.User(), string(p)) }
	cfg.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err != nil {
			return nil, err
		}
		if len(answers) != 1 {
			return nil, cli.ErrDenied
		}
		return check(m.User(), answers[0])
	}
	cfg.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		return c.authenticate(ctx, cli.Credentials{User: m.User(), PublicKey: k.Marshal(), KeyType: k.Type()})
	}
	return cfg, nil
}

// password checks one password. After the last try the connection ends,
// whatever the peer would like to try next.
func (c *connection) password(ctx context.Context, t *tries, user, password string) (*ssh.Permissions, error) {
	t.mu.Lock()
	t.left--
	left := t.left
	t.mu.Unlock()
	if left < 0 {
		return nil, errTries
	}
	p, err := c.authenticate(ctx, cli.Credentials{User: user, Password: secret.Of(password)})
	if err != nil && left == 0 {
		c.net.Close()
	}
	return p, err
}

// longestUser bounds a user's name in octets; that of a packet is 256 KB.
const longestUser = 256

func (c *connection) authenticate(ctx context.Context, k cli.Credentials) (*ssh.Permissions, error) {
	if len(k.User) > longestUser {
		return nil, cli.ErrDenied
	}
	k.Line, k.From = "vty", c.from
	l, err := c.server.cfg.Auth.Authenticate(ctx, k)
	if err != nil {
		return nil, err
	}
	return permit(l), nil
}
