//go:build linux

package linux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"coterie/netdev"

	"golang.org/x/sys/unix"
)

// ICMP types (RFC 792).
const (
	icmpEchoReply    = 0
	icmpUnreachable  = 3
	icmpSourceQuench = 4
	icmpEcho         = 8
	icmpTimeExceeded = 11
	fragNeeded       = 4 // code of unreachable
)

// icmpFilter is the socket option of a raw ICMP socket that names the types
// not to be delivered.
const icmpFilter = 1

// probeSocket carries one probe. The kernel collects ICMP errors about it.
type probeSocket struct {
	file   *os.File
	raw    syscall.RawConn
	header bool // what is read begins with the IP header: a raw socket
	id     uint16
	data   []byte // as sent
	buffer []byte
}

// openProbe makes a socket with the options of p.
func openProbe(p netdev.Probe) (*probeSocket, error) {
	fd, header, err := probeDescriptor(p.Kind)
	if err != nil {
		return nil, err
	}
	if err := prepare(fd, header, p); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("probe: %w", err)
	}
	q := &probeSocket{file: os.NewFile(uintptr(fd), "probe"), header: header, id: p.ID, buffer: make([]byte, max(p.Size, 576)+60)}
	if p.Kind == netdev.ProbeEcho && !header {
		if a, err := unix.Getsockname(fd); err == nil {
			q.id = uint16(a.(*unix.SockaddrInet4).Port)
		}
	}
	if q.raw, err = q.file.SyscallConn(); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

// probeDescriptor opens UDP, or ICMP by a raw or by a ping socket.
func probeDescriptor(kind netdev.ProbeKind) (fd int, header bool, err error) {
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	if kind == netdev.ProbeUDP {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|flags, unix.IPPROTO_UDP)
		return fd, false, err
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|flags, unix.IPPROTO_ICMP); err == nil {
		return fd, true, nil
	}
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|flags, unix.IPPROTO_ICMP)
	return fd, false, needs(capNetRaw, "ping", err)
}

func prepare(fd int, header bool, p netdev.Probe) error {
	discover := unix.IP_PMTUDISC_DONT
	if p.DF {
		discover = unix.IP_PMTUDISC_PROBE // DF, whatever the kernel knows of the path
	}
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_IP, unix.IP_RECVERR, 1},
		{unix.SOL_IP, unix.IP_TTL, int(p.TTL)},
		{unix.SOL_IP, unix.IP_MULTICAST_TTL, int(p.TTL)},
		{unix.SOL_IP, unix.IP_TOS, int(p.TOS)},
		{unix.SOL_IP, unix.IP_MTU_DISCOVER, discover},
		{unix.SOL_SOCKET, unix.SO_BROADCAST, 1},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return err
		}
	}
	if header {
		if err := unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, ^(1 << icmpEchoReply)); err != nil {
			return err
		}
	}
	var local unix.SockaddrInet4
	if p.Source.Is4() {
		local.Addr = p.Source.As4()
	}
	if p.Kind == netdev.ProbeEcho && !header {
		local.Port = int(p.ID) // the identifier
	}
	err := unix.Bind(fd, &local)
	if errors.Is(err, unix.EADDRINUSE) {
		local.Port = 0
		err = unix.Bind(fd, &local)
	}
	if err != nil || !connects(p) {
		return err
	}
	return unix.Connect(fd, remote(p))
}

// connects says whether answers come from the target alone.
func connects(p netdev.Probe) bool {
	return p.Kind == netdev.ProbeUDP || !p.Target.IsMulticast() && p.Target != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func remote(p netdev.Probe) *unix.SockaddrInet4 {
	a := &unix.SockaddrInet4{Addr: p.Target.As4()}
	if p.Kind == netdev.ProbeUDP {
		a.Port = int(p.Port)
	}
	return a
}

func (q *probeSocket) close() { q.file.Close() }

// until limits receive; interrupt ends it now.
func (q *probeSocket) until(t time.Time) { q.file.SetReadDeadline(t) }
func (q *probeSocket) interrupt()        { q.until(time.Unix(1, 0)) }

// send puts the probe on its way.
func (q *probeSocket) send(p netdev.Probe, now time.Time) error {
	q.data = probeData(p, now)
	message := q.data
	if p.Kind == netdev.ProbeEcho {
		message = append([]byte{icmpEcho, 0, 0, 0, byte(q.id >> 8), byte(q.id), byte(p.Seq >> 8), byte(p.Seq)}, q.data...)
		binary.BigEndian.PutUint16(message[2:], checksum(message))
	}
	var err error
	if e := q.raw.Write(func(fd uintptr) bool {
		if connects(p) {
			_, err = unix.Write(int(fd), message)
		} else {
			err = unix.Sendto(int(fd), message, 0, remote(p))
		}
		return !errors.Is(err, unix.EAGAIN)
	}); e != nil {
		return e
	}
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return nil
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// receive waits for an answer or an error about the probe.
func (q *probeSocket) receive(p netdev.Probe) (r netdev.ProbeResult, err error) {
	found := false
	e := q.raw.Read(func(fd uintptr) bool {
		for {
			var again bool
			r, found, again, err = q.readError(int(fd), p)
			if !found && !again {
				r, found, again, err = q.readAnswer(int(fd), p)
			}
			switch {
			case found || err != nil:
				return true
			case !again:
				return false
			}
		}
	})
	if err == nil && !found {
		err = e
	}
	return r, err
}

// readAnswer reads one datagram; again says that there may be more to read.
func (q *probeSocket) readAnswer(fd int, p netdev.Probe) (r netdev.ProbeResult, found, again bool, err error) {
	n, from, err := unix.Recvfrom(fd, q.buffer, 0)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return r, false, false, nil
	case err != nil: // what an ICMP error left behind, told in full by readError
		return r, false, true, nil
	}
	a, ok := from.(*unix.SockaddrInet4)
	if !ok {
		return r, false, true, nil
	}
	r = netdev.ProbeResult{Outcome: netdev.ProbeReply, From: netip.AddrFrom4(a.Addr)}
	if p.Kind == netdev.ProbeUDP {
		return r, true, false, nil
	}
	b := q.buffer[:n]
	if q.header {
		if len(b) < ipHeader || len(b) < int(b[0]&15)*4 {
			return r, false, true, nil
		}
		b = b[int(b[0]&15)*4:]
	}
	if !q.about(b, icmpEchoReply, p) || connects(p) && r.From != p.Target {
		return r, false, true, nil
	}
	if p.Validate && !bytes.Equal(b[8:], q.data) {
		r.Outcome = netdev.ProbeCorrupt
	}
	return r, true, false, nil
}

// about says whether an ICMP message has our identifier and sequence number.
func (q *probeSocket) about(b []byte, kind byte, p netdev.Probe) bool {
	return len(b) >= 8 && b[0] == kind && binary.BigEndian.Uint16(b[4:]) == q.id && binary.BigEndian.Uint16(b[6:]) == p.Seq
}

// readError reads one message of the error queue: an ICMP error with the
// datagram that it quotes, or a refusal of the host itself.
func (q *probeSocket) readError(fd int, p netdev.Probe) (r netdev.ProbeResult, found, again bool, err error) {
	control := make([]byte, 256)
	n, used, _, _, err := unix.Recvmsg(fd, q.buffer, control, unix.MSG_ERRQUEUE)
	if err != nil {
		return r, false, false, nil
	}
	messages, err := unix.ParseSocketControlMessage(control[:used])
	if err != nil {
		return r, false, true, nil
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_IP || m.Header.Type != unix.IP_RECVERR {
			continue
		}
		e, ok := parseQueued(m.Data)
		if !ok || p.Kind == netdev.ProbeEcho && e.origin == unix.SO_EE_ORIGIN_ICMP && !q.about(q.buffer[:n], icmpEcho, p) {
			continue
		}
		if r, ok := e.result(); ok {
			return r, true, false, nil
		}
	}
	return r, false, true, nil
}

// queued is struct sock_extended_err and the sender of the ICMP error.
type queued struct {
	errno              unix.Errno
	origin, kind, code byte
	from               netip.Addr
}

func parseQueued(b []byte) (queued, bool) {
	const fixed = 16 // then a sockaddr_in: family, port, address
	if len(b) < fixed {
		return queued{}, false
	}
	e := queued{errno: unix.Errno(binary.NativeEndian.Uint32(b)), origin: b[4], kind: b[5], code: b[6]}
	if len(b) >= fixed+8 && binary.NativeEndian.Uint16(b[fixed:]) == unix.AF_INET {
		e.from = netip.AddrFrom4([4]byte(b[fixed+4 : fixed+8]))
	}
	return e, true
}

// result is what an error means for a probe.
func (e queued) result() (netdev.ProbeResult, bool) {
	r := netdev.ProbeResult{From: e.from, Code: e.code}
	switch {
	case e.origin == unix.SO_EE_ORIGIN_LOCAL && e.errno == unix.EMSGSIZE:
		r.Outcome, r.Code = netdev.ProbeFragNeeded, fragNeeded
	case e.origin != unix.SO_EE_ORIGIN_ICMP:
		return r, false
	case e.kind == icmpUnreachable && e.code == fragNeeded:
		r.Outcome = netdev.ProbeFragNeeded
	case e.kind == icmpUnreachable:
		r.Outcome = netdev.ProbeUnreachable
	case e.kind == icmpTimeExceeded:
		r.Outcome = netdev.ProbeTTLExceeded
	case e.kind == icmpSourceQuench:
		r.Outcome = netdev.ProbeSourceQuench
	default:
		return r, false
	}
	return r, true
}
