package modes

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"coterie/cli/telnet"
)

// silentHost is a connection to a host that takes no more octets.
type silentHost struct {
	net.Conn
	leaves bool // it says no more once there is something to take
	taking chan struct{}
	closed chan struct{}
}

func (h silentHost) Read([]byte) (int, error) {
	if h.leaves {
		<-h.taking
	} else {
		<-h.closed
	}
	return 0, io.EOF
}

func (h silentHost) Write([]byte) (int, error) {
	close(h.taking)
	<-h.closed
	return 0, net.ErrClosed
}

func (h silentHost) Close() error {
	close(h.closed)
	return nil
}

// Whoever ends a connection need not wait for a host that takes nothing.
func TestJoinOfSilentHost(t *testing.T) {
	end := func(peer io.ReadWriteCloser, taking <-chan struct{}, hangUp bool) (string, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		k := &joinedKeyboard{typed: make(chan string, 1)}
		k.typed <- "q"
		over := make(chan error, 1)
		go func() { over <- join(ctx, k, "R4", peer) }()
		<-taking
		if hangUp {
			cancel()
		}
		select {
		case err := <-over:
			return k.String(), err
		case <-time.After(20 * time.Second):
			t.Fatal("the connection is still there")
			return "", nil
		}
	}
	host := silentHost{taking: make(chan struct{}), closed: make(chan struct{})}
	if _, err := end(host, host.taking, true); !errors.Is(err, context.Canceled) {
		t.Errorf("hung up: %v", err)
	}
	host = silentHost{leaves: true, taking: make(chan struct{}), closed: make(chan struct{})}
	if screen, err := end(host, host.taking, false); screen != "\n[Connection to R4 closed by foreign host]\n" || err != nil {
		t.Errorf("closed by the host: %q %v", screen, err)
	}

	// A host may ask for options and not read the answer.
	ours, theirs := net.Pipe()
	defer theirs.Close()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		theirs.Write([]byte("\xff\xfd\x18"))
	}()
	peer := struct {
		io.ReadWriter
		io.Closer
	}{telnet.New(ours), ours}
	if _, err := end(peer, asked, true); !errors.Is(err, context.Canceled) {
		t.Errorf("hung up on a host that asks: %v", err)
	}
}

// brokenScreen fails once a connection is open.
type brokenScreen struct{ joinedKeyboard }

func (b *brokenScreen) WriteString(s string) (int, error) {
	if s == "Open\n" {
		return 0, io.ErrClosedPipe
	}
	return len(s), nil
}

// A user who has gone leaves no connection.
func TestDialOfGoneUser(t *testing.T) {
	d := everydaySite()
	host := silentHost{closed: make(chan struct{})}
	d.dial = func(string, netip.Addr, netip.AddrPort) (net.Conn, error) { return host, nil }
	if err := typedAt(d, &brokenScreen{}, "telnet R4"); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	select {
	case <-host.closed:
	default:
		t.Error("the connection is still open")
	}
}
