//go:build linux

package linux

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"coterie/netdev"

	"golang.org/x/sys/unix"
)

// Sizes of a probe, octets of the IP datagram.
const (
	ipHeader = 20
	minProbe = ipHeader + 8
	maxProbe = 65535
)

// defaultProbeTimeout is that of the ping command.
const defaultProbeTimeout = 2 * time.Second

// Probe sends one ping or traceroute probe and waits for its outcome, at most
// p.Timeout, or until ctx ends, whose error it then returns. A probe that
// could not leave waits just as long, as the command does. Without CAP_NET_RAW
// an echo goes through a ping socket, whose identifier may not be p.ID.
func (s *Stack) Probe(ctx context.Context, p netdev.Probe) (netdev.ProbeResult, error) {
	switch {
	case p.VRF != "":
		return netdev.ProbeResult{}, fmt.Errorf("probe: vrf %s: %w", p.VRF, netdev.ErrNotSupported)
	case !p.Target.Is4():
		return netdev.ProbeResult{}, errors.New("a probe needs an IPv4 target")
	case p.Size < minProbe || p.Size > maxProbe:
		return netdev.ProbeResult{}, fmt.Errorf("a probe has %d to %d octets", minProbe, maxProbe)
	}
	if p.TTL == 0 {
		p.TTL = 255
	}
	if p.Timeout <= 0 {
		p.Timeout = defaultProbeTimeout
	}
	var q *probeSocket
	s.mu.Lock()
	err := errClosed
	if !s.closed {
		err = s.ns.do(func() (err error) {
			q, err = openProbe(p)
			return err
		})
	}
	s.mu.Unlock()
	deadline := time.Now().Add(s.clock.Wall(p.Timeout))
	if err != nil {
		return s.unsent(ctx, p, deadline, err)
	}
	defer q.close()
	q.until(deadline)
	defer context.AfterFunc(ctx, q.interrupt)()
	defer context.AfterFunc(s.ctx, q.interrupt)()

	sent := s.clock.Now()
	if err := q.send(p, sent); err != nil {
		return s.unsent(ctx, p, deadline, err)
	}
	for {
		r, err := q.receive(p)
		switch {
		case ctx.Err() != nil:
			return netdev.ProbeResult{}, ctx.Err()
		case s.ctx.Err() != nil:
			return netdev.ProbeResult{}, errClosed
		case errors.Is(err, os.ErrDeadlineExceeded):
			return netdev.ProbeResult{Outcome: netdev.ProbeTimeout}, nil
		case err != nil:
			return netdev.ProbeResult{}, fmt.Errorf("probe: %w", err)
		case r.Outcome == netdev.ProbeUnreachable && r.Code == hostUnreachable && s.owns(r.From):
			continue // no answer to ARP: a router keeps that to itself
		}
		r.RTT = s.clock.Now().Sub(sent)
		return r, nil
	}
}

// hostUnreachable is the code of ICMP host unreachable.
const hostUnreachable = 1

// unsent is the outcome of a probe that the kernel refused to send.
func (s *Stack) unsent(ctx context.Context, p netdev.Probe, deadline time.Time, err error) (netdev.ProbeResult, error) {
	switch {
	case errors.Is(err, unix.EMSGSIZE):
		src := p.Source
		if !src.IsValid() {
			src, _ = s.SourceFor("", p.Target)
		}
		return netdev.ProbeResult{Outcome: netdev.ProbeFragNeeded, From: src, Code: 4}, nil
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EADDRNOTAVAIL),
		errors.Is(err, unix.ENETDOWN), errors.Is(err, unix.EINVAL):
	default:
		return netdev.ProbeResult{}, err
	}
	wait := time.NewTimer(time.Until(deadline))
	defer wait.Stop()
	select {
	case <-wait.C:
		return netdev.ProbeResult{Outcome: netdev.ProbeNoRoute}, nil
	case <-ctx.Done():
		return netdev.ProbeResult{}, ctx.Err()
	case <-s.ctx.Done():
		return netdev.ProbeResult{}, errClosed
	}
}

// owns says whether a is an address of this host.
func (s *Stack) owns(a netip.Addr) bool {
	found := false
	s.do(func([]device) error {
		all, err := addresses()
		for _, o := range all {
			found = found || o.prefix.Addr() == a
		}
		return err
	})
	return found
}

// probeData is the data of an echo: a time stamp in milliseconds, as IOS sends
// it, and the pattern. A UDP probe has the pattern alone.
func probeData(p netdev.Probe, now time.Time) []byte {
	b := make([]byte, p.Size-minProbe)
	rest := b
	if p.Kind == netdev.ProbeEcho && len(b) >= 8 {
		binary.BigEndian.PutUint64(b, uint64(now.UnixMilli())&0xffffffff)
		rest = b[8:]
	}
	for i := range rest {
		rest[i] = byte(p.Pattern >> (8 * (1 - i&1)))
	}
	return b
}
