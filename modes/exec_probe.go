package modes

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/netdev"
)

// sourceOption is `source ADDRESS` or `source INTERFACE`.
var sourceOption = grammar.Seq{grammar.Kw("source", "Specify source address or name"), grammar.Alt{
	grammar.Arg("Source", grammar.IPv4(), "Source address"),
	grammar.Arg("Interface", interfaceType, "Source interface"),
}}

// probes declares ping and traceroute.
func (x *execCommands) probes() {
	ping := grammar.Kw("ping", "Send echo messages")
	vrf := grammar.Opt{Node: grammar.Seq{grammar.Kw("vrf", "Select VPN routing instance"), grammar.Arg("VRF", grammar.Word(), "VPN Routing/Forwarding name").From(vrfNames)}}
	x.run(userLevel, grammar.Seq{ping, vrf,
		grammar.Opt{Node: grammar.Kw("ip", "IP echo")},
		grammar.Arg("Target", grammar.HostOrAddress(), "Ping destination address or hostname"),
		grammar.AnyOrder{
			grammar.Seq{grammar.Kw("repeat", "Specify repeat count"), grammar.Arg("Repeat", grammar.Int(1, 2147483647), "Repeat count")},
			grammar.Seq{grammar.Kw("size", "Specify datagram size"), grammar.Arg("Size", grammar.Int(36, 18024), "Datagram size")},
			sourceOption,
			grammar.Seq{grammar.Kw("timeout", "Specify timeout interval"), grammar.Arg("Timeout", grammar.Int(0, 3600), "Timeout in seconds")},
			grammar.Seq{grammar.Kw("tos", "Specify type of service value"), grammar.Arg("TOS", grammar.Int(0, 255), "Type of service")},
			grammar.Seq{grammar.Kw("data", "Specify data pattern"), grammar.Arg("Pattern", hexPattern{}, "Data pattern in hexadecimal")},
			grammar.Kw("df-bit", "Enable do not fragment bit in IP header").Sets("DF", true),
			grammar.Kw("validate", "Validate reply data").Sets("Validate", true),
			grammar.Kw("verbose", "Verbose output").Sets("Verbose", true),
		}}, x.ping)
	x.run(privilegedLevel, grammar.Seq{ping, vrf, grammar.Opt{Node: grammar.Kw("ip", "IP echo")}}, x.pingDialog)
	trace := grammar.Kw("traceroute", "Trace route to destination")
	x.run(privilegedLevel, grammar.Seq{trace, vrf, grammar.Opt{Node: grammar.Kw("ip", "IP trace")}}, x.traceDialog)
	x.run(userLevel, grammar.Seq{trace, vrf,
		grammar.Opt{Node: grammar.Kw("ip", "IP trace")},
		grammar.Arg("Target", grammar.HostOrAddress(), "Trace route to destination address or hostname"),
		grammar.AnyOrder{
			sourceOption,
			grammar.Kw("numeric", "Display numeric address").Sets("Numeric", true),
			grammar.Seq{grammar.Kw("timeout", "Specify timeout interval"), grammar.Arg("Timeout", grammar.Int(0, 3600), "Timeout in seconds")},
			grammar.Seq{grammar.Kw("probe", "Specify number of probes per hop"), grammar.Arg("Count", grammar.Int(1, 65535), "Number of probes")},
			grammar.Seq{grammar.Kw("port", "Specify port number"), grammar.Arg("Port", grammar.Int(1, 65535), "Port number")},
			grammar.Seq{grammar.Kw("ttl", "Specify minimum and maximum TTL"), grammar.Arg("Min", grammar.Int(0, 255), "Minimum time to live"),
				grammar.Arg("Max", grammar.Int(1, 255), "Maximum time to live")},
		}}, x.traceroute)
}

// hexPattern is the data pattern of ping, <0-FFFF> in hexadecimal.
type hexPattern struct{}

func (hexPattern) Placeholder() string { return "<0-FFFF>" }
func (hexPattern) Rank() int           { return grammar.RankTyped }
func (hexPattern) Format(v any) string { return fmt.Sprintf("%04X", v) }
func (hexPattern) Samples() []string   { return []string{"0000", "ABCD"} }
func (hexPattern) Parse(tokens []string) (any, int, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(tokens[0]), "0x"), 16, 16)
	return uint16(v), 1, err == nil
}

const defaultPattern = 0xABCD

// own tells whether a is an address of an interface that is up.
func (x *execCommands) own(a netip.Addr) bool {
	for _, i := range x.view.Interfaces() {
		if _, protocol := lineState(i); protocol != "up" {
			continue
		}
		for _, p := range i.Addresses {
			if p.Addr() == a {
				return true
			}
		}
	}
	return false
}

// source is the address of sourceOption; invalid when it was not given.
func (x *execCommands) source(a grammar.Args) (netip.Addr, error) {
	if name := a.String("Interface"); name != "" {
		if from, ok := x.op.SourceAddress(name); ok {
			return from, nil
		}
		return netip.Addr{}, fmt.Errorf("%% Invalid source interface - IP not enabled or interface is down")
	}
	from, ok := a["Source"].(netip.Addr)
	if ok && !x.own(from) {
		return netip.Addr{}, fmt.Errorf("%% Invalid source address- IP address not on any of our up interfaces")
	}
	return from, nil
}

// columnWriter keeps the first error of a run of writes.
type columnWriter struct {
	w     io.Writer
	lines int // calls of printf
	err   error
}

func (c *columnWriter) write(b []byte) {
	if c.err == nil && len(b) > 0 {
		_, c.err = c.w.Write(b)
	}
}

func (c *columnWriter) printf(format string, args ...any) {
	c.lines++
	c.write(fmt.Appendf(nil, format, args...))
}

// traceRequest is what `traceroute` was asked for.
type traceRequest struct {
	probe       netdev.Probe
	count       int // probes per hop
	least, most int // time to live
}

// usualTrace is a traceroute without options: UDP from port 33434 up.
func usualTrace(to netip.Addr) traceRequest {
	return traceRequest{netdev.Probe{Kind: netdev.ProbeUDP, Target: to, Size: 28, Timeout: 3 * time.Second, Port: 33434}, 3, 1, 30}
}

func (x *execCommands) traceroute(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	target, err := x.target(a)
	if err != nil {
		return err
	}
	r := usualTrace(target)
	r.probe.VRF = a.String("VRF")
	if a.Has("Timeout") {
		r.probe.Timeout = time.Duration(a.Int("Timeout")) * time.Second
	}
	if a.Has("Count") {
		r.count = a.Int("Count")
	}
	if a.Has("Port") {
		r.probe.Port = uint16(a.Int("Port"))
	}
	if a.Has("Max") {
		r.least, r.most = max(1, a.Int("Min")), a.Int("Max")
	}
	if r.probe.Source, err = x.source(a); err != nil {
		return err
	}
	return x.trace(ctx, t, r)
}

// trace sends UDP probes with growing time to live.
func (x *execCommands) trace(ctx context.Context, t grammar.Terminal, r traceRequest) error {
	p := r.probe
	p.Timeout = max(p.Timeout, noTime)
	w := &columnWriter{w: t}
	w.printf("Type escape sequence to abort.\nTracing the route to %v\nVRF info: (vrf in name/id, vrf out name/id)\n", p.Target)
	for ttl := r.least; ttl <= r.most && w.err == nil; ttl++ {
		w.printf("%3d ", ttl)
		var from netip.Addr
		done := false
		for range r.count {
			p.TTL = uint8(ttl)
			result, err := x.op.Probe(ctx, p)
			if err != nil || ctx.Err() != nil {
				w.printf("\n")
				if ctx.Err() != nil {
					return w.err
				}
				return err
			}
			p.Port++
			if result.Outcome == netdev.ProbeTimeout || result.Outcome == netdev.ProbeNoRoute {
				w.printf(" * ")
				continue
			}
			if result.From != from {
				from = result.From
				w.printf("%v", from)
			}
			if mark := unreachableMark(result); mark != "" {
				w.printf(" %s ", mark)
			} else {
				w.printf(" %d msec", milliseconds(result.RTT))
			}
			done = done || result.Outcome == netdev.ProbeReply || result.Outcome == netdev.ProbeUnreachable
		}
		w.printf("\n")
		if done {
			break
		}
	}
	return w.err
}

// unreachableMark stands in place of a time: none for the port that says the
// end is reached.
func unreachableMark(r netdev.ProbeResult) string {
	if r.Outcome != netdev.ProbeUnreachable {
		return ""
	}
	switch r.Code {
	case 0:
		return "!N"
	case 1:
		return "!H"
	case 2:
		return "!P"
	case 13:
		return "!A"
	}
	return ""
}
