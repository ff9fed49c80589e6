// Package appliance is one device: it boots a configuration, compiles it into
// the desired state of the engines, and is the only writer to them. One
// control goroutine steps the machines (isakmp, key server, members); sockets,
// signatures and Diffie-Hellman run outside it and come back as inputs.
package appliance

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/crypto/keys"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/modes"
	"coterie/netdev"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// Config is what a device is made of.
type Config struct {
	Name      string // host name until the configuration sets one
	Stack     netdev.Stack
	Dataplane xfrm.Dataplane
	Clock     *env.Clock
	Env       env.Env
	Files     Files // NVRAM
	// State outlives the device; its owner closes it. Nil: it is forgotten with
	// the device.
	State State
	// Masters are the keys that private keys are sealed under in Files: the
	// first seals, each opens. Empty: they are not sealed.
	Masters []secret.Bytes
	Version modes.Version
	// TLS is how `logging host ... transport tls` verifies a server; nil: by the
	// certificates that the host system trusts.
	TLS *tls.Config
	// KeyLog, when set, is given the phase-1 decryption keys and the PUSH
	// datagrams in plain text, for captures of a lab.
	KeyLog KeyLog
	// Reload, when set, is what `reload` does; the device itself cannot.
	Reload func()
}

// KeyLog receives secrets of a lab for its captures.
type KeyLog interface {
	PhaseOne(initiatorCookie [8]byte, key []byte)
	ESP(spi uint32, cipher string, key []byte, auth string, authKey []byte)
	PlainPush(local, remote netip.AddrPort, data []byte)
}

// Files is a device's NVRAM: startup-config, private keys, certificates.
// Write is atomic: after a crash the old or the new content is there.
type Files interface {
	Read(name string) ([]byte, error) // fs.ErrNotExist
	Write(name string, data []byte) error
	Remove(name string) error
}

// Names of the files of a device.
const (
	startupFile = "startup-config"
	privateFile = "private-config" // RSA keys
)

// Appliance is one device. Its methods are safe for concurrent use.
type Appliance struct {
	cfg     Config
	booted  time.Time
	store   *runningconfig.Store
	exec    *grammar.Mode
	config  *grammar.Mode
	log     *logger
	private Files // cfg.Files, sealed
	keys    *keyStore
	certs   certificates
	masters *masterKeys
	ctl     *control
	// recording is what `debug gdoi record` ordered before the boot; nil: nothing.
	recording *recorder
	life      lifecycle

	lockout  lockout
	checking chan struct{}                 // a place for each password being checked
	loading  atomic.Int32                  // files being read
	levels   []runningconfig.PrivilegeLine // in force

	calls   calls // lines in use
	hostKey hostKey
	changes changes     // of the configuration that took effect
	blank   atomic.Bool // booted without any configuration

	reconciling sync.Mutex // one reconcile at a time, so that none overtakes a newer one

	mu       sync.Mutex
	sessions map[*cli.Session]struct{}
	editing  bool                      // a session changed lines since it entered configuration mode
	held     []syslog.Message          // POLICY_CHANGE until it leaves
	kept     map[*grammar.Command]bool // lines without effect that have been named
	idle     *time.Timer               // reconciles 100 ms after the last line
	dirty    atomic.Bool               // edited since the last reconcile
	noted    map[string]bool           // notes that hold now
}

// New makes a device and starts its control goroutine; Boot gives it a
// configuration, Close ends it.
func New(cfg Config) (*Appliance, error) {
	a := &Appliance{
		cfg: cfg, booted: cfg.Clock.Now(), store: runningconfig.NewStore(),
		sessions: make(map[*cli.Session]struct{}), kept: make(map[*grammar.Command]bool),
		noted: make(map[string]bool),
	}
	a.log = newLogger(a)
	a.private = privateFiles{cfg.Files, cfg.Masters, cfg.Env.Rand}
	ks, err := openKeyStore(a.private)
	if err != nil {
		return nil, err
	}
	a.keys = ks
	if a.masters, err = openMasterKeys(a.private); err != nil {
		return nil, err
	}
	a.checking = make(chan struct{}, hashing)
	a.store.Finish(a.protect)
	if a.cfg.State == nil {
		a.cfg.State = NewMemoryState(cfg.Clock.Now)
	}
	a.ctl = newControl(a, a.startRecording())
	a.config = modes.Configuration(a)
	a.exec = modes.Exec(a, a)
	a.ctl.restore()
	go a.ctl.run()
	go a.watchLinks()
	go a.watchData()
	return a, nil
}

// Boot loads startup-config, or text when the device has none yet, and brings
// everything up. Lines with errors are returned with their numbers; the rest
// counts.
func (a *Appliance) Boot(ctx context.Context, text string) []grammar.LineError {
	if saved, ok := a.Startup(); ok {
		text = saved
	}
	a.blank.Store(text == "")
	errs := a.load(ctx, text)
	a.keepSaved()
	a.log.add(syslog.Restart.With())
	a.badLines(startupFile, errs)
	a.reconcile(ctx)
	return errs
}

// load applies configuration text line by line.
func (a *Appliance) load(ctx context.Context, text string) []grammar.LineError {
	var errs []grammar.LineError
	var kept []string
	a.loading.Add(1)
	defer a.loading.Add(-1)
	a.store.Edit(func(root *runningconfig.Config) error {
		errs = grammar.Load(a.config, root, text, grammar.Accepted(func(_ int, m grammar.Match) {
			if line, ok := a.without(m); ok {
				kept = append(kept, line)
			}
		}))
		return nil
	})
	a.withoutEffect(kept...)
	a.dirty.Store(true)
	return errs
}

// Close stops the device: nothing is sent to anybody, as when power fails.
func (a *Appliance) Close() error {
	a.mu.Lock()
	if a.idle != nil {
		a.idle.Stop()
	}
	a.mu.Unlock()
	a.life.close()
	a.certs.close()
	a.ctl.close()
	a.log.close()
	return errors.Join(a.cfg.Stack.Close(), a.cfg.Dataplane.Close())
}

// Subscribe calls f for every log record from now on, in order, until cancel.
// f must not block.
func (a *Appliance) Subscribe(f func(syslog.Record)) (cancel func()) { return a.log.subscribe(f) }

// Settled says whether every complete member has registered or failed once.
func (a *Appliance) Settled() bool {
	if a.dirty.Load() {
		return false
	}
	for _, m := range a.Members() {
		if m.Config.Incomplete == "" && m.Succeeded == 0 && m.Failed == 0 {
			return false
		}
	}
	return true
}

// Key finds an RSA key pair by label.
func (a *Appliance) key(label string) (keys.Pair, bool) { return a.keys.pair(label) }
