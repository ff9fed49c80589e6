// Package export carries syslog messages to servers. Each destination has a
// goroutine and a bounded queue of its own: whoever logs never waits for a
// network, and what a slow or absent server does not take is counted as
// dropped. A connection that fails is made again after a pause that grows.
//
// Messages travel as datagrams (RFC 5426), or over a stream with the octet
// counting of RFC 6587 section 3.4.1, which RFC 5425 uses inside TLS.
package export

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"coterie/internal/env"
)

// Bounds of a destination.
const (
	DefaultQueue = 512              // messages
	firstPause   = time.Second      // after the first failure
	longestPause = 64 * time.Second // each pause is twice the one before
	dialTimeout  = 20 * time.Second
	writeTimeout = 20 * time.Second
)

// ErrUnsupported is what a Dial returns whose network can never carry the
// transport asked for. It is not tried again.
var ErrUnsupported = errors.New("not supported by this network")

// Conn is a way to a server. Write carries one message.
type Conn interface {
	io.Writer
	io.Closer
}

// Config of a destination.
type Config struct {
	// Dial makes a connection. It is called on the destination's goroutine and
	// must return when ctx ends.
	Dial func(ctx context.Context) (Conn, error)
	// Stream says that messages need framing, and that the server may hang up:
	// the Conn is then an io.Reader too.
	Stream bool
	Queue  int        // messages that wait; 0: DefaultQueue
	Clock  *env.Clock // nil: the wall clock
	// Changed, when set, is told when the connection comes up (nil) or goes
	// down, on the destination's goroutine.
	Changed func(error)
}

// Counters of a destination.
type Counters struct {
	Sent, Dropped uint64 // messages
	Up            bool
}

// Destination is one server. Its methods are safe for concurrent use.
type Destination struct {
	cfg    Config
	queue  chan []byte
	cancel context.CancelFunc
	ended  chan struct{}

	mu    sync.Mutex
	count Counters
}

// New makes a destination and starts its goroutine, which Close ends.
func New(cfg Config) *Destination {
	if cfg.Queue == 0 {
		cfg.Queue = DefaultQueue
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &Destination{cfg: cfg, queue: make(chan []byte, cfg.Queue), cancel: cancel, ended: make(chan struct{})}
	go d.run(ctx)
	return d
}

// Send queues one message, or counts it as dropped. It never waits.
func (d *Destination) Send(message []byte) bool {
	select {
	case d.queue <- message:
		return true
	default:
		d.mu.Lock()
		d.count.Dropped++
		d.mu.Unlock()
		return false
	}
}

// Counters are a snapshot.
func (d *Destination) Counters() Counters {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// Close ends the destination; what waits is not sent.
func (d *Destination) Close() {
	d.cancel()
	<-d.ended
}

// run connects, sends until something fails, and begins again.
func (d *Destination) run(ctx context.Context) {
	defer close(d.ended)
	pause := firstPause
	var kept []byte // what a failed connection did not take
	for ctx.Err() == nil {
		dialing, stop := context.WithTimeout(ctx, d.cfg.Clock.Wall(dialTimeout))
		conn, err := d.cfg.Dial(dialing)
		stop()
		if err == nil {
			d.changed(true, nil)
			began := d.cfg.Clock.Now()
			kept, err = d.carry(ctx, conn, kept)
			if d.cfg.Clock.Now().Sub(began) > longestPause {
				pause = firstPause
			}
		}
		if ctx.Err() != nil {
			return
		}
		d.changed(false, err)
		if errors.Is(err, ErrUnsupported) {
			<-ctx.Done()
			return
		}
		d.cfg.Clock.Sleep(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

func (d *Destination) changed(up bool, err error) {
	d.mu.Lock()
	d.count.Up = up
	d.mu.Unlock()
	if d.cfg.Changed != nil {
		d.cfg.Changed(err)
	}
}

// carry sends messages over one connection until it fails or ctx ends, and
// returns the message that was not taken. It closes the connection.
func (d *Destination) carry(ctx context.Context, conn Conn, first []byte) (kept []byte, err error) {
	var readers sync.WaitGroup
	defer readers.Wait()
	defer conn.Close()
	// A write may wait for a server that has stopped reading; Close does not.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	hungUp := make(chan struct{})
	if r, ok := conn.(io.Reader); ok && d.cfg.Stream {
		// A syslog server never says anything: what ends the read is its end.
		readers.Go(func() {
			defer close(hungUp)
			io.Copy(io.Discard, r)
		})
	}
	message := first
	for {
		if message != nil {
			if err := d.write(conn, message); err != nil {
				return message, err
			}
			d.mu.Lock()
			d.count.Sent++
			d.mu.Unlock()
		}
		select {
		case message = <-d.queue:
		case <-hungUp:
			return nil, io.ErrUnexpectedEOF
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// write sends one message, with its length before it on a stream.
func (d *Destination) write(conn Conn, message []byte) error {
	if t, ok := conn.(interface{ SetWriteDeadline(time.Time) error }); ok {
		// Deadlines of sockets are wall time, whatever the device's clock says.
		t.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	if d.cfg.Stream {
		framed := append(strconv.AppendInt(nil, int64(len(message)), 10), ' ')
		message = append(framed, message...)
	}
	_, err := conn.Write(message)
	return err
}
