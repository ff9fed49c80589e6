package appliance

import (
	"cmp"
	"context"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"coterie/cli"
	"coterie/cli/grammar"
	"coterie/crypto/password"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// Who may log in is for the configuration to say.
var (
	_ cli.Authenticator = (*Appliance)(nil)
	_ modes.EnableWatch = (*Appliance)(nil)
)

// hashing bounds how many passwords are checked at a time, because a check is
// made to be slow: peers cannot buy all processors with guesses.
const hashing = 2

// defaultLoginDelay is how long a failed login takes at least. It is longer
// than any check, so that the time says nothing about what was wrong.
const defaultLoginDelay = time.Second

// nobody is what passwords of unknown users are compared with.
const nobody = "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"

// Random is where salts and keys come from.
func (a *Appliance) Random() io.Reader { return a.cfg.Env.Rand }

// Loading tells that a file is being read, whose passwords are taken as they
// are.
func (a *Appliance) Loading() bool { return a.loading.Load() > 0 }

// console tells whether credentials come from the console. There the line
// itself is trusted with a slow user, and nobody is locked out.
func console(k cli.Credentials) bool { return k.Line == consoleLine }

// Authenticate checks credentials. Failures take the same time whatever was
// wrong, are logged, and are counted against user and source.
func (a *Appliance) Authenticate(ctx context.Context, k cli.Credentials) (cli.Login, error) {
	tree, _ := a.store.Snapshot()
	now := a.cfg.Clock.Now()
	if k.PublicKey != nil {
		// A key cannot be guessed, and a client may offer several.
		if level, ok := publicKeyLevel(tree, k); ok {
			return cli.Login{User: k.User, Level: level}, nil
		}
		return cli.Login{}, cli.ErrDenied
	}
	wait := time.Duration(tree.AAA.LoginDelay) * time.Second
	deadline := now.Add(cmp.Or(wait, defaultLoginDelay))
	deny := func() (cli.Login, error) {
		a.cfg.Clock.Sleep(ctx, deadline.Sub(a.cfg.Clock.Now()))
		return cli.Login{}, cli.ErrDenied
	}
	if !console(k) && !a.lockout.begin(now, tree.AAA.Block, k) {
		a.log.add(loginEvent(syslog.LoginFailed, k, now, "Too many failures"))
		return deny()
	}
	select {
	case a.checking <- struct{}{}:
	case <-ctx.Done():
		return cli.Login{}, ctx.Err()
	}
	login, ok := check(tree, k)
	<-a.checking
	now = a.cfg.Clock.Now()
	if ok {
		a.lockout.succeeded(k)
		a.log.add(loginEvent(syslog.LoginSuccess, k, now))
		return login, nil
	}
	a.log.add(loginEvent(syslog.LoginFailed, k, now, "Login Authentication Failed"))
	if quiet, left := a.lockout.failed(now, tree.AAA.Block, k); quiet > 0 {
		a.log.add(syslog.QuietModeOn.With(int(left.Seconds()), shown(k.User), from(k), port(k), stampOf(now)))
		a.cfg.Clock.AfterFunc(quiet, func() { a.log.add(syslog.QuietModeOff.With(stampOf(a.cfg.Clock.Now()))) })
	}
	return deny()
}

// CanLogin says whether anybody can log in on a line other than the console.
func (a *Appliance) CanLogin() bool {
	able := false
	a.store.View(func(c *runningconfig.Config) {
		for _, u := range c.AAA.Users {
			able = able || u.Password.Set() || u.Secret.Set()
		}
		for _, u := range c.AAA.Keys {
			able = able || len(u.Keys) > 0
		}
		if !c.NewModel() {
			return
		}
		for _, m := range methods(c, "vty") {
			_, guarded := c.AAA.Enable(15)
			_, line := linePassword(c, "vty")
			able = able || m == "none" || m == "enable" && guarded || m == "line" && line
		}
	})
	return able
}

// EnableTried logs a wrong password of `enable`, and with `logging userinfo` a
// right one. On a line that is not the console the next try has to wait.
func (a *Appliance) EnableTried(ctx context.Context, s grammar.Session, level int, ok bool) {
	who, line := shown(cmp.Or(s.User(), "unknown")), strings.ReplaceAll(s.Line(), " ", "")
	if !ok {
		a.log.add(syslog.PrivAuthFail.With(level, who, line))
		if s.Line() != consoleLine {
			a.cfg.Clock.Sleep(ctx, defaultLoginDelay)
		}
		return
	}
	told := false
	a.store.View(func(c *runningconfig.Config) { told = c.Logging.UserInfo })
	if told {
		a.log.add(syslog.PrivAuthPass.With(level, who, line))
	}
}

// methods are those of the login list of a line. Without `aaa new-model` there
// is one: the password of the line where a caller names no user, else the
// local users.
func methods(c *runningconfig.Config, line string) []string {
	if !c.NewModel() {
		return []string{"local"}
	}
	name := "default"
	kind, n := lineKind(line)
	if list, ok := strings.CutPrefix(settings(c, kind, n).Login, "login authentication "); ok {
		name = list
	}
	if m := c.AAA.List("authentication login", name); m != nil {
		return m
	}
	return []string{"local"}
}

// lineKind is where the settings of a line stand. A caller who has not been
// given a vty yet is judged by the first.
func lineKind(line string) (kind string, n int) {
	if line == consoleLine {
		return "con", 0
	}
	return "vty", 0
}

func linePassword(c *runningconfig.Config, line string) (p runningconfig.Password, ok bool) {
	kind, n := lineKind(line)
	for _, l := range c.Lines {
		if l.Kind == kind && l.First <= n && n <= l.Last && l.Password.Set() {
			p, ok = l.Password, true
		}
	}
	return p, ok
}

// check goes through the methods of the line. The first that can decide does.
// Whatever they are, one slow hash is computed.
func check(c *runningconfig.Config, k cli.Credentials) (login cli.Login, ok bool) {
	slow := false
	verify := func(p runningconfig.Password) bool {
		slow = slow || password.Type(p.Type) == password.Scrypt
		return p.Set() && password.Check(password.Type(p.Type), p.Text, k.Password)
	}
	defer func() {
		if !slow {
			password.Check(password.Scrypt, secret.Of(nobody), k.Password)
		}
	}()
	login = cli.Login{User: k.User, Level: 1}
	if k.User == "" && !c.NewModel() { // `login` of a line
		p, set := linePassword(c, k.Line)
		return login, set && verify(p)
	}
	for _, m := range methods(c, k.Line) {
		switch m {
		case "local", "local-case":
			u := c.AAA.User(k.User)
			if u == nil {
				return login, false
			}
			login.Level = level(c, u, k)
			if u.NoPassword {
				return login, console(k)
			}
			return login, verify(u.Secret) || verify(u.Password)
		case "enable":
			if p, set := c.AAA.Enable(15); set {
				return login, verify(p)
			}
		case "line":
			if p, set := linePassword(c, k.Line); set {
				return login, verify(p)
			}
		case "none":
			return login, true
		}
		// A server group does not answer.
	}
	return login, false
}

// level is the privilege level that a local user begins with. Under `aaa
// new-model` that is for `aaa authorization exec` to say, and on the console
// for `aaa authorization console` as well.
func level(c *runningconfig.Config, u *runningconfig.User, k cli.Credentials) int {
	if !c.NewModel() {
		return u.Level()
	}
	if console(k) && !slices.Contains(c.Frame.Kept, "aaa authorization console") {
		return 1
	}
	for _, m := range c.AAA.List("authorization exec", "default") {
		if strings.HasPrefix(m, "group ") {
			continue
		}
		if m == "local" {
			return u.Level()
		}
		break
	}
	return 1
}

// publicKeyLevel finds the key of a user.
func publicKeyLevel(c *runningconfig.Config, k cli.Credentials) (int, bool) {
	for _, u := range c.AAA.Keys {
		if u.Name != k.User {
			continue
		}
		hash := runningconfig.PublicKeyHash{Type: k.KeyType, Hash: modes.KeyHash(k.PublicKey)}
		if !slices.ContainsFunc(u.Keys, func(h runningconfig.PublicKeyHash) bool { return h.Type == hash.Type && h.Hash == hash.Hash }) {
			continue
		}
		if local := c.AAA.User(k.User); local != nil {
			return level(c, local, k), true
		}
		return 1, true
	}
	return 0, false
}

// longestUser bounds a user's name in a log line, in characters.
const longestUser = 64

// shown is a name from a peer as a log line may hold it: it can end neither
// the line nor the bracket it stands in.
func shown(user string) string {
	r := []rune(strings.ToValidUTF8(user, "?"))
	if len(r) > longestUser {
		r = append(r[:longestUser], '.', '.', '.')
	}
	return strings.NewReplacer("[", "(", "]", ")").Replace(string(r))
}

func from(k cli.Credentials) netip.Addr {
	if k.From.IsValid() {
		return k.From
	}
	return netip.IPv4Unspecified()
}

func port(k cli.Credentials) int {
	if console(k) {
		return 0
	}
	return 22
}

func stampOf(t time.Time) string { return t.UTC().Format("15:04:05 UTC Mon Jan 2 2006") }

func loginEvent(e *syslog.Event, k cli.Credentials, now time.Time, reason ...any) syslog.Message {
	return e.With(append(append([]any{shown(k.User), from(k), port(k)}, reason...), stampOf(now))...)
}
