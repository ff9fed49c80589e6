package export

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"coterie/internal/env"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock runs a thousand times as fast as the wall's: pauses are milliseconds.
var clock = env.NewClock(1000)

// frames reads octet-counted messages (RFC 6587 section 3.4.1) until the end.
func frames(r io.Reader, got chan<- string) {
	b := bufio.NewReader(r)
	for {
		var n int
		if _, err := fmt.Fscanf(b, "%d", &n); err != nil {
			return
		}
		if c, err := b.ReadByte(); err != nil || c != ' ' {
			got <- fmt.Sprintf("no blank behind the length: %q %v", c, err)
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(b, message); err != nil {
			return
		}
		got <- string(message)
	}
}

// serve takes connections one after another and reads frames from each.
func serve(t *testing.T, l net.Listener) (got chan string, conns chan net.Conn) {
	got, conns = make(chan string, 100), make(chan net.Conn, 10)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
			work.Go(func() {
				defer c.Close()
				frames(c, got)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		work.Wait()
	})
	return got, conns
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func want(t *testing.T, got <-chan string, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if d := cmp.Diff(m, <-got); d != "" {
			t.Error(d)
		}
	}
}

func open(t *testing.T, cfg Config) *Destination {
	cfg.Clock = clock
	d := New(cfg)
	t.Cleanup(d.Close)
	return d
}

func TestUDP(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	d := open(t, Config{Dial: func(ctx context.Context) (Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}})
	d.Send([]byte("<189>1: one"))
	d.Send([]byte("<189>2: two"))
	buf := make([]byte, 2048)
	for _, want := range []string{"<189>1: one", "<189>2: two"} { // as they are: RFC 5426 section 3.1
		n, _, err := server.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("%q, %v", buf[:n], err)
		}
	}
}

func TestTCP(t *testing.T) {
	l := listen(t)
	got, conns := serve(t, l)
	d := open(t, Config{Stream: true, Dial: func(ctx context.Context) (Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}})
	long := "<191>3: " + strings.Repeat("x", 1500)
	d.Send([]byte("<189>1: one"))
	d.Send([]byte("<189>2: zwei\nmit Zeilenende"))
	d.Send([]byte(long))
	want(t, got, "<189>1: one", "<189>2: zwei\nmit Zeilenende", long)
	// The server hangs up; the destination comes back by itself.
	(<-conns).Close()
	<-conns
	d.Send([]byte("<189>4: again"))
	want(t, got, "<189>4: again")
	if c := d.Counters(); c.Dropped != 0 || !c.Up {
		t.Errorf("%+v", c)
	}
}

// certificate is one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	l := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{cert}})
	got, _ := serve(t, l)
	d := open(t, Config{Stream: true, Dial: func(ctx context.Context) (Conn, error) {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}}
		return dialer.DialContext(ctx, "tcp", l.Addr().String())
	}})
	d.Send([]byte("<189>1 - R1 SYS - CONFIG_I - one"))
	want(t, got, "<189>1 - R1 SYS - CONFIG_I - one")
}

// stuck is a connection whose server has stopped reading.
type stuck struct {
	once sync.Once
	done chan struct{}
}

func (s *stuck) Read([]byte) (int, error)  { <-s.done; return 0, io.EOF }
func (s *stuck) Write([]byte) (int, error) { <-s.done; return 0, net.ErrClosed }
func (s *stuck) Close() error              { s.once.Do(func() { close(s.done) }); return nil }

// A server that takes nothing costs the queue, never the caller.
func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Stream: true, Queue: 10, Dial: func(context.Context) (Conn, error) {
			return &stuck{done: make(chan struct{})}, nil
		}})
		for range 3 {
			d.Send([]byte("x"))
		}
		synctest.Wait() // the first is being written
		taken := 0
		for range 1000 {
			if d.Send([]byte("x")) {
				taken++
			}
		}
		if c := d.Counters(); taken != 8 || c.Dropped != 992 || c.Sent != 0 || !c.Up {
			t.Errorf("%d taken, %+v", taken, c)
		}
		d.Close()
	})
}

// Each failure doubles the pause; what was not taken is sent first when the
// server is back.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var dials []time.Duration
		var said []string
		server, conn := net.Pipe()
		d := New(Config{Stream: true, Changed: func(err error) { said = append(said, fmt.Sprint(err)) },
			Dial: func(context.Context) (Conn, error) {
				if dials = append(dials, time.Since(begin)/time.Second); len(dials) < 9 {
					return nil, errors.New("refused")
				}
				return conn, nil
			}})
		d.Send([]byte("one"))
		got := make(chan string, 2)
		go frames(server, got)
		want(t, got, "one")
		if d := cmp.Diff([]time.Duration{0, 1, 3, 7, 15, 31, 63, 127, 191}, dials); d != "" {
			t.Errorf("seconds of the attempts: %s", d)
		}
		if d := cmp.Diff(append(strings.Split(strings.Repeat("refused ", 8), " ")[:8], "<nil>"), said); d != "" {
			t.Error(d)
		}
		d.Close()
		server.Close()
	})
}

// A network that cannot is asked once.
func TestUnsupported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		d := New(Config{Dial: func(context.Context) (Conn, error) { dials++; return nil, fmt.Errorf("tls is %w", ErrUnsupported) }})
		time.Sleep(time.Hour)
		if d.Close(); dials != 1 {
			t.Errorf("%d attempts", dials)
		}
	})
}

// Close ends an attempt and a write that hang.
func TestCloseWhileHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := New(Config{Dial: func(ctx context.Context) (Conn, error) { <-ctx.Done(); return nil, ctx.Err() }})
		writing := New(Config{Stream: true, Dial: func(context.Context) (Conn, error) { return &stuck{done: make(chan struct{})}, nil }})
		writing.Send([]byte("x"))
		synctest.Wait()
		hanging.Close()
		writing.Close()
	})
}
