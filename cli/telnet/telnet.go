// Package telnet is the client side of the Telnet protocol (RFC 854, RFC 855):
// as much as it takes to type at a host that echoes.
package telnet

import (
	"io"
	"sync"
)

// Commands of RFC 854 and options of RFC 857 and RFC 858.
const (
	se   = 240
	sb   = 250
	will = 251
	wont = 252
	do   = 253
	dont = 254
	iac  = 255

	optionEcho = 1
	optionSGA  = 3 // suppress go ahead
)

// Conn is a connection as its user sees it: text without commands. Read and
// Write may run at the same time.
type Conn struct {
	conn io.ReadWriter
	mu   sync.Mutex // one write at a time

	state state
	verb  byte
	cr    bool // the last octet of text was CR
	ready []byte
	err   error
	does  [256]bool // what the host said that it does, and we agreed to
}

type state uint8

// States of the reader.
const (
	text state = iota
	command
	option
	sub    // in a subnegotiation
	subIAC // in one, behind an IAC
)

// New makes a Conn of a connection that was just opened.
func New(conn io.ReadWriter) *Conn { return &Conn{conn: conn} }

// Read gives text, with its line ends as LF. It answers commands meanwhile.
func (c *Conn) Read(p []byte) (int, error) {
	for len(c.ready) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		var b [1024]byte
		n, err := c.conn.Read(b[:])
		if answer := c.take(b[:n]); len(answer) > 0 {
			if werr := c.send(answer); err == nil {
				err = werr
			}
		}
		c.err = err
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// take sorts octets from the wire into text, which becomes ready, and commands,
// whose answer it gives.
func (c *Conn) take(b []byte) (answer []byte) {
	for _, x := range b {
		switch c.state {
		case text:
			if x == iac {
				c.state = command
				continue
			}
			if c.cr && x != '\n' {
				c.ready = append(c.ready, '\r')
			}
			if x != '\r' && !(c.cr && x == 0) {
				c.ready = append(c.ready, x)
			}
			c.cr = x == '\r'
		case command:
			switch {
			case x == iac:
				c.ready = append(c.ready, x)
				c.state = text
			case x == sb:
				c.state = sub
			case x >= will:
				c.verb, c.state = x, option
			default:
				c.state = text
			}
		case option:
			answer = append(answer, c.negotiate(x)...)
			c.state = text
		case sub:
			if x == iac {
				c.state = subIAC
			}
		case subIAC:
			c.state = sub
			if x == se {
				c.state = text
			}
		}
	}
	return answer
}

// negotiate answers an option: the host may echo and need not say go ahead; we
// do nothing for it.
func (c *Conn) negotiate(opt byte) []byte {
	switch c.verb {
	case will:
		if opt != optionEcho && opt != optionSGA {
			return []byte{iac, dont, opt}
		}
		if c.does[opt] {
			return nil // agreed already; answering would go on for ever
		}
		c.does[opt] = true
		return []byte{iac, do, opt}
	case wont:
		if !c.does[opt] {
			return nil
		}
		c.does[opt] = false
		return []byte{iac, dont, opt}
	case do:
		return []byte{iac, wont, opt}
	}
	return nil
}

// Write sends what was typed; a CR goes out as CR NUL (RFC 854, the NVT).
func (c *Conn) Write(p []byte) (int, error) {
	out := make([]byte, 0, len(p)+2)
	for _, x := range p {
		out = append(out, x)
		switch x {
		case iac:
			out = append(out, iac)
		case '\r':
			out = append(out, 0)
		}
	}
	if err := c.send(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *Conn) send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(b)
	return err
}
