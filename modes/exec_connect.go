package modes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/telnet"
	"coterie/netdev"
)

// A Dialer is an Operator of a device that opens TCP connections.
type Dialer interface {
	// Dial connects in a VRF, from an address unless that is invalid.
	Dial(ctx context.Context, vrf string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// A ShellDialer is a Dialer that logs in to other hosts over SSH.
type ShellDialer interface {
	Dialer
	// Shell asks the host at conn for a terminal, and ask for passwords.
	Shell(ctx context.Context, conn net.Conn, r ShellRequest) (io.ReadWriteCloser, error)
}

// ShellRequest is what `ssh` asks a host for.
type ShellRequest struct {
	User          string
	Columns, Rows int
	Ask           func(prompt string) (string, error) // without echo
}

// connectTimeout is how long a host may take to answer.
const connectTimeout = 30 * time.Second

// connections declares what leads to other hosts, and what lists it.
func (x *execCommands) connections() {
	host := grammar.Arg("Host", grammar.HostOrAddress(), "IP address or hostname of a remote system")
	vrf := grammar.Arg("VRF", grammar.Word(), "VRF name").From(vrfNames)
	from := grammar.Arg("Interface", interfaceType, "Source interface")
	x.run(userLevel, grammar.Seq{grammar.Kw("telnet", "Open a telnet connection"), host,
		grammar.Opt{Node: grammar.Arg("Port", grammar.Int(1, 65535), "Port number")},
		grammar.AnyOrder{
			grammar.Seq{grammar.Kw("/source-interface", "Specify source interface"), from},
			grammar.Seq{grammar.Kw("/vrf", "Specify vrf name"), vrf},
		}}, x.telnet)
	x.run(userLevel, grammar.Seq{grammar.Kw("ssh", "Open a secure shell client connection"), grammar.AnyOrder{
		grammar.Seq{grammar.Kw("-l", "Log in using this user name"), grammar.Arg("User", grammar.Word(), "Login name")},
		grammar.Seq{grammar.Kw("-p", "Connect to this port"), grammar.Arg("Port", grammar.Int(1, 65535), "Port number")},
		grammar.Seq{grammar.Kw("-vrf", "Specify vrf name"), vrf},
	}, host}, x.ssh)
	none := func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
		_, err := io.WriteString(t, "% No connections open\n")
		return err
	}
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("sessions", "Information about Telnet connections")}, none)
	x.run(userLevel, grammar.Kw("where", "List active connections"), none)
	x.run(userLevel, grammar.Kw("who", "List active lines"), x.showUsers)
	x.run(userLevel, grammar.Kw("systat", "Display information about terminal lines"), x.showUsers)
}

// resolve is the address of a host: a number, or a name of `ip host`.
func (x *execCommands) resolve(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, a.Is4()
	}
	for _, line := range x.view.Config().Frame.Kept {
		if w := strings.Fields(line); len(w) >= 4 && w[0] == "ip" && w[1] == "host" && strings.EqualFold(w[2], host) {
			if a, err := netip.ParseAddr(w[len(w)-1]); err == nil {
				return a, a.Is4()
			}
		}
	}
	return netip.Addr{}, false
}

// dial opens a connection and says so, as IOS does.
func (x *execCommands) dial(ctx context.Context, t grammar.Terminal, a grammar.Args, port int) (net.Conn, error) {
	host := a.String("Host")
	to, ok := x.resolve(host)
	if !ok {
		return nil, errors.New("% Unknown command or computer name, or unable to find computer address")
	}
	vrf := a.String("VRF")
	if err := knownVRF(x.view, vrf); err != nil {
		return nil, err
	}
	var from netip.Addr
	if a.Has("Interface") {
		if from, ok = x.op.SourceAddress(a.String("Interface")); !ok {
			return nil, errors.New("% Invalid source interface - IP not enabled or interface is down")
		}
	}
	if a.Has("Port") {
		port = a.Int("Port")
	}
	d, ok := x.op.(Dialer)
	if !ok {
		return nil, errNoTCP
	}
	if _, err := io.WriteString(t, trying(host, to, a)); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := d.Dial(limited, vrf, from, netip.AddrPortFrom(to, uint16(port)))
	if err == nil {
		if _, err := io.WriteString(t, "Open\n"); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	io.WriteString(t, "\n")
	return nil, dialError(ctx, err)
}

// trying is what is said before a host answers.
func trying(host string, to netip.Addr, a grammar.Args) string {
	if host != to.String() {
		host += fmt.Sprintf(" (%v)", to)
	}
	if a.Has("Port") {
		return fmt.Sprintf("Trying %s, %d ... ", host, a.Int("Port"))
	}
	return fmt.Sprintf("Trying %s ... ", host)
}

// errNoTCP says what a network of IP, UDP and ICMP cannot do.
var errNoTCP = errors.New("% There is no TCP in the network of this router: it carries IP, UDP and ICMP")

// dialError words the failure of a connection.
func dialError(ctx context.Context, err error) error {
	text := err.Error()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, netdev.ErrNotSupported):
		return errNoTCP
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(text, "refused"):
		return errors.New("% Connection refused by remote host")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), strings.Contains(text, "timed out"):
		return errors.New("% Connection timed out; remote host not responding")
	}
	return errors.New("% Destination unreachable; gateway or host down")
}

func (x *execCommands) telnet(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	conn, err := x.dial(ctx, t, a, 23)
	if err != nil {
		return err
	}
	return join(ctx, t, a.String("Host"), struct {
		io.ReadWriter
		io.Closer
	}{telnet.New(conn), conn})
}

func (x *execCommands) ssh(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	shells, ok := x.op.(ShellDialer)
	if !ok {
		return errNoTCP
	}
	user := a.String("User")
	if user == "" {
		user = t.Session().User()
	}
	if user == "" {
		return errors.New("% No user specified nor available for SSH client")
	}
	quiet := silent{t}
	conn, err := x.dial(ctx, quiet, a, 22)
	if err != nil {
		return err
	}
	shell, err := shells.Shell(ctx, conn, ShellRequest{
		User: user, Columns: t.Session().Width(), Rows: t.Session().Length(),
		Ask: func(prompt string) (string, error) { return t.AskSecret(ctx, prompt) },
	})
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%% %w", err)
	}
	return join(ctx, t, a.String("Host"), shell)
}

// silent is a Terminal that shows nothing: ssh does not say that it is trying.
type silent struct{ grammar.Terminal }

func (silent) Write(p []byte) (int, error) { return len(p), nil }

// join ties the terminal to a host until either side has enough.
func join(ctx context.Context, t grammar.Terminal, host string, peer io.ReadWriteCloser) error {
	keys, ok := t.(grammar.KeyTerminal)
	if !ok {
		peer.Close()
		return errors.New("% This line cannot be joined to another host")
	}
	typing, stop := context.WithCancel(ctx)
	defer stop()
	hangUp := sync.OnceFunc(func() { peer.Close() })
	// The host may take nothing, and then only this ends what is being sent.
	defer context.AfterFunc(typing, hangUp)()
	shown := make(chan struct{})
	go func() { // ends with peer, which both sides close
		defer close(shown)
		defer stop()
		io.Copy(t, peer)
	}()
	closedByUs := false
	for {
		text, err := keys.Keys(typing)
		closedByUs = errors.Is(err, io.EOF) // not that of the host
		if err == nil {
			_, err = io.WriteString(peer, text)
		}
		if err == nil {
			continue
		}
		if closedByUs && ctx.Err() == nil {
			// A source without more lines still wants to see the answers.
			linger(shown)
		}
		break
	}
	hangUp()
	<-shown
	if ctx.Err() != nil {
		return ctx.Err()
	}
	by := " by foreign host"
	if closedByUs {
		by = ""
	}
	_, err := fmt.Fprintf(t, "\n[Connection to %s closed%s]\n", host, by)
	return err
}

// linger waits for the rest of a conversation that is over, but not for long.
func linger(shown <-chan struct{}) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-shown:
	case <-timer.C:
	}
}
