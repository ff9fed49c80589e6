package appliance

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"net"
	"sync"

	"coterie/cli"
	"coterie/cli/sshd"
	"coterie/internal/syslog"
)

// ServeSSH serves SSH while somebody could log in, and has nothing listen
// while nobody could, until stop is called, which waits for its sessions to
// end. listen opens the socket, each time anew.
func (a *Appliance) ServeSSH(auth cli.Authenticator, limits sshd.Limits, listen func() (net.Listener, error)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &remote{a: a, auth: auth, limits: limits, listen: listen}
	kick, unsubscribe := a.changes.subscribe()
	var work sync.WaitGroup
	work.Go(func() {
		defer r.shut()
		r.look(true)
		for {
			select {
			case <-kick:
				r.look(false)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
		unsubscribe()
	}
}

// remote is the SSH server, open or shut.
type remote struct {
	a      *Appliance
	auth   cli.Authenticator
	limits sshd.Limits
	listen func() (net.Listener, error)

	server *sshd.Server // nil: shut
	work   sync.WaitGroup
	failed string // why it could not be opened, said already
}

// look opens or shuts the server as the configuration wants it now.
func (r *remote) look(first bool) {
	wanted := r.auth.CanLogin()
	switch {
	case wanted && r.server == nil:
		r.open()
	case !wanted && r.server != nil:
		r.a.log.add(syslog.SSHDisabled.With()) // before the sessions that will see it end
		r.shut()
	case !wanted && first:
		r.a.log.add(syslog.SSHShut.With())
	}
}

func (r *remote) open() {
	l, err := r.listen()
	if err != nil {
		if r.failed != err.Error() {
			r.failed = err.Error()
			r.a.log.add(syslog.SSHFailed.With(err))
		}
		return
	}
	r.failed = ""
	s := sshd.New(sshd.Config{HostKeys: r.a.HostKeys, Shell: r.a, Auth: r.auth, Limits: r.limits,
		Banner: func() string { return r.a.banner("login", "") }})
	r.server = s
	r.work.Go(func() { s.Serve(l) })
	r.a.log.add(syslog.SSHEnabled.With())
}

func (r *remote) shut() {
	if r.server != nil {
		r.server.Close()
		r.work.Wait()
		r.server = nil
	}
}

// ServeConsole serves the console at l, whose peers trust vouches for, until
// stop is called.
func (a *Appliance) ServeConsole(l net.Listener, trust func(net.Conn) (cli.Login, error)) (stop func()) {
	// The kernel proves who the peers of the socket are, so any key will do.
	key := ed25519.NewKeyFromSeed(a.cfg.Env.Bytes(ed25519.SeedSize))
	s := sshd.New(sshd.Config{
		HostKeys: func() ([]crypto.Signer, error) { return []crypto.Signer{key}, nil },
		Shell:    a, Trust: trust,
	})
	var work sync.WaitGroup
	work.Go(func() { s.Serve(l) })
	return func() {
		s.Close()
		work.Wait()
	}
}

// changes tells those who wait that the configuration took effect.
type changes struct {
	mu    sync.Mutex
	kicks map[chan struct{}]struct{}
}

func (c *changes) subscribe() (kick <-chan struct{}, cancel func()) {
	k := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kicks == nil {
		c.kicks = make(map[chan struct{}]struct{})
	}
	c.kicks[k] = struct{}{}
	return k, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.kicks, k)
	}
}

// tell never blocks.
func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k := range c.kicks {
		select {
		case k <- struct{}{}:
		default:
		}
	}
}
