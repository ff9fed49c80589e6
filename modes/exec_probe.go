package modes

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/netdev"
)

// pingRequest is what `ping` was asked for.
type pingRequest struct {
	probe   netdev.Probe
	repeat  int
	showSrc bool // "Packet sent with a source address of"
}

// probes declares ping and traceroute.
func (x *execCommands) probes() {
	ping := grammar.Kw("ping", "Send echo messages")
	x.run(userLevel, grammar.Seq{ping,
		grammar.Opt{Node: grammar.Kw("ip", "IP echo")},
		grammar.Arg("Target", grammar.IPv4(), "Ping destination address"),
		grammar.AnyOrder{
			grammar.Seq{grammar.Kw("repeat", "Specify repeat count"), grammar.Arg("Repeat", grammar.Int(1, 2147483647), "Repeat count")},
			grammar.Seq{grammar.Kw("size", "Specify datagram size"), grammar.Arg("Size", grammar.Int(36, 18024), "Datagram size")},
			grammar.Seq{grammar.Kw("source", "Specify source address or name"), grammar.Arg("Source", grammar.Word(), "Source address or interface")},
			grammar.Seq{grammar.Kw("timeout", "Specify timeout interval"), grammar.Arg("Timeout", grammar.Int(0, 3600), "Timeout in seconds")},
			grammar.Seq{grammar.Kw("tos", "Specify type of service value"), grammar.Arg("TOS", grammar.Int(0, 255), "Type of service")},
			grammar.Seq{grammar.Kw("data", "Specify data pattern"), grammar.Arg("Pattern", hexPattern{}, "Data pattern in hexadecimal")},
			grammar.Kw("df-bit", "Enable do not fragment bit in IP header").Sets("DF", true),
			grammar.Kw("validate", "Validate reply data").Sets("Validate", true),
		}}, x.ping)
	x.run(privilegedLevel, grammar.Seq{ping, grammar.Opt{Node: grammar.Kw("ip", "IP echo")}}, x.pingDialog)
	x.run(userLevel, grammar.Seq{grammar.Kw("traceroute", "Trace route to destination"),
		grammar.Opt{Node: grammar.Kw("ip", "IP trace")},
		grammar.Arg("Target", grammar.IPv4(), "Trace route to destination address"),
		grammar.AnyOrder{
			grammar.Seq{grammar.Kw("source", "Specify source address or name"), grammar.Arg("Source", grammar.Word(), "Source address or interface")},
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
func (hexPattern) Parse(tokens []string) (any, int, bool) {
	v, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(tokens[0]), "0x"), 16, 16)
	return uint16(v), 1, err == nil
}

const defaultPattern = 0xABCD

// source resolves the source of a probe: an address or an interface name.
func (x *execCommands) source(word string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(word); err == nil {
		for _, i := range x.view.Interfaces() {
			for _, p := range i.Addresses {
				if p.Addr() == a {
					return a, nil
				}
			}
		}
		return netip.Addr{}, fmt.Errorf("%% Invalid source address- IP address not on any of our up interfaces")
	}
	if a, ok := x.op.SourceAddress(word); ok {
		return a, nil
	}
	return netip.Addr{}, fmt.Errorf("%% Invalid source interface - Interface must be up and have an IP address")
}

func (x *execCommands) ping(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	target, _ := a["Target"].(netip.Addr)
	r := pingRequest{repeat: 5, probe: netdev.Probe{Target: target, Size: 100, Pattern: defaultPattern, Timeout: 2 * time.Second}}
	if a.Has("Repeat") {
		r.repeat = a.Int("Repeat")
	}
	if a.Has("Size") {
		r.probe.Size = a.Int("Size")
	}
	if a.Has("Timeout") {
		r.probe.Timeout = time.Duration(a.Int("Timeout")) * time.Second
	}
	if p, ok := a["Pattern"].(uint16); ok {
		r.probe.Pattern = p
	}
	r.probe.TOS, r.probe.DF, r.probe.Validate = uint8(a.Int("TOS")), a.Bool("DF"), a.Bool("Validate")
	if a.Has("Source") {
		src, err := x.source(a.String("Source"))
		if err != nil {
			return err
		}
		r.probe.Source, r.showSrc = src, true
	}
	return x.runPing(ctx, t, r)
}

// marks are what ping prints for each outcome.
var marks = map[netdev.ProbeOutcome]byte{
	netdev.ProbeTimeout: '.', netdev.ProbeReply: '!', netdev.ProbeUnreachable: 'U', netdev.ProbeTTLExceeded: '&',
	netdev.ProbeFragNeeded: 'M', netdev.ProbeSourceQuench: 'Q', netdev.ProbeCorrupt: 'C', netdev.ProbeNoRoute: '.',
}

// marksPerLine is where IOS breaks the row of marks.
const marksPerLine = 70

// runPing sends the echoes and prints as IOS does. An interrupt ends the row
// and the summary counts what was sent.
func (x *execCommands) runPing(ctx context.Context, t grammar.Terminal, r pingRequest) error {
	w := &columnWriter{w: t}
	w.printf("Type escape sequence to abort.\n")
	w.printf("Sending %d, %d-byte ICMP Echos to %v, timeout is %d seconds:\n", r.repeat, r.probe.Size, r.probe.Target, r.probe.Timeout/time.Second)
	if r.showSrc {
		w.printf("Packet sent with a source address of %v \n", r.probe.Source)
	}
	if r.probe.DF {
		w.printf("Packet sent with the DF bit set\n")
	}
	var sent, received int
	var least, most, total time.Duration
	r.probe.ID = uint16(x.view.Now().UnixNano() >> 10)
	row := make([]byte, 0, marksPerLine+1)
	flush := func() {
		w.write(row)
		row = row[:0]
	}
	flushed := x.view.Now()
	for n := 0; n < r.repeat && ctx.Err() == nil && w.err == nil; n++ {
		r.probe.Seq = uint16(n)
		result, err := x.op.Probe(ctx, r.probe)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			flush()
			return err
		}
		sent++
		if result.Outcome == netdev.ProbeReply {
			if received == 0 || result.RTT < least {
				least = result.RTT
			}
			most, total, received = max(most, result.RTT), total+result.RTT, received+1
		}
		row = append(row, marks[result.Outcome])
		if sent%marksPerLine == 0 {
			row = append(row, '\n')
		}
		// A mark appears as soon as its answer is there; at full speed they
		// are written in strides, which nobody can tell apart.
		if now := x.view.Now(); len(row) > marksPerLine || now.Sub(flushed) > 20*time.Millisecond {
			flush()
			flushed = now
		}
	}
	if sent%marksPerLine != 0 {
		row = append(row, '\n')
	}
	flush()
	if sent == 0 {
		return w.err
	}
	w.printf("Success rate is %d percent (%d/%d)", received*100/sent, received, sent)
	if received > 0 {
		w.printf(", round-trip min/avg/max = %d/%d/%d ms", milliseconds(least), milliseconds(total/time.Duration(received)), milliseconds(most))
	}
	w.printf("\n")
	return w.err
}

// milliseconds rounds up: IOS never prints a round trip of 0 ms.
func milliseconds(d time.Duration) int64 {
	return max(1, int64((d+time.Millisecond/2)/time.Millisecond))
}

// columnWriter keeps the first error of a run of writes.
type columnWriter struct {
	w   interface{ Write([]byte) (int, error) }
	err error
}

func (c *columnWriter) write(b []byte) {
	if c.err == nil && len(b) > 0 {
		_, c.err = c.w.Write(b)
	}
}

func (c *columnWriter) printf(format string, args ...any) { c.write(fmt.Appendf(nil, format, args...)) }

// dialog asks questions with defaults; the first failure ends it.
type dialog struct {
	ctx context.Context
	t   grammar.Terminal
	err error
}

// ask returns the answer to "question [default]: ", or the default.
func (d *dialog) ask(question, def string) string {
	if d.err != nil {
		return def
	}
	prompt := question + ": "
	if def != "" {
		prompt = question + " [" + def + "]: "
	}
	answer, err := d.t.Ask(d.ctx, prompt)
	d.err = err
	return cmp.Or(strings.TrimSpace(answer), def)
}

func (d *dialog) number(question string, def, lo, hi int) int {
	n, err := strconv.Atoi(d.ask(question, strconv.Itoa(def)))
	if d.err == nil && (err != nil || n < lo || n > hi) {
		d.err = fmt.Errorf("%% A decimal number between %d and %d.", lo, hi)
	}
	return n
}

func (d *dialog) yes(question, def string) bool {
	return strings.HasPrefix(strings.ToLower(d.ask(question, def)), "y")
}

// pingDialog is extended ping.
func (x *execCommands) pingDialog(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
	d := &dialog{ctx: ctx, t: t}
	if p := d.ask("Protocol [ip]", ""); d.err == nil && p != "" && p != "ip" {
		return fmt.Errorf("%% Protocol %s is not available", p)
	}
	target := d.ask("Target IP address", "")
	if d.err != nil {
		return d.err
	}
	addr, err := netip.ParseAddr(target)
	if err != nil || !addr.Is4() {
		return fmt.Errorf("%% Bad IP address")
	}
	r := pingRequest{probe: netdev.Probe{Target: addr, Pattern: defaultPattern}}
	r.repeat = d.number("Repeat count", 5, 1, 2147483647)
	r.probe.Size = d.number("Datagram size", 100, 36, 18024)
	r.probe.Timeout = time.Duration(d.number("Timeout in seconds", 2, 0, 3600)) * time.Second
	if d.yes("Extended commands", "n") {
		if src := d.ask("Source address or interface", ""); d.err == nil && src != "" {
			if r.probe.Source, err = x.source(src); err != nil {
				return err
			}
			r.showSrc = true
		}
		r.probe.TOS = uint8(d.number("Type of service", 0, 0, 255))
		r.probe.DF = d.yes("Set DF bit in IP header?", "no")
		r.probe.Validate = d.yes("Validate reply data?", "no")
		if v, _, ok := (hexPattern{}).Parse([]string{d.ask("Data pattern", "0xABCD")}); ok {
			r.probe.Pattern = v.(uint16)
		} else if d.err == nil {
			return fmt.Errorf("%% Invalid pattern")
		}
		if o := d.ask("Loose, Strict, Record, Timestamp, Verbose[none]", ""); d.err == nil && o != "" && o != "none" {
			return fmt.Errorf("%% IP options are not available")
		}
	}
	if d.yes("Sweep range of sizes", "n") && d.err == nil {
		return fmt.Errorf("%% A sweep of sizes is not available")
	}
	if d.err != nil {
		return d.err
	}
	return x.runPing(ctx, t, r)
}

// traceroute sends UDP probes with growing TTL, as IOS does from port 33434 up.
func (x *execCommands) traceroute(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	target, _ := a["Target"].(netip.Addr)
	p := netdev.Probe{Kind: netdev.ProbeUDP, Target: target, Size: 28, Timeout: 3 * time.Second, Port: 33434}
	count, lo, hi := 3, 1, 30
	if a.Has("Timeout") {
		p.Timeout = time.Duration(a.Int("Timeout")) * time.Second
	}
	if a.Has("Count") {
		count = a.Int("Count")
	}
	if a.Has("Port") {
		p.Port = uint16(a.Int("Port"))
	}
	if a.Has("Max") {
		lo, hi = max(1, a.Int("Min")), a.Int("Max")
	}
	if a.Has("Source") {
		src, err := x.source(a.String("Source"))
		if err != nil {
			return err
		}
		p.Source = src
	}
	w := &columnWriter{w: t}
	w.printf("Type escape sequence to abort.\nTracing the route to %v\nVRF info: (vrf in name/id, vrf out name/id)\n", target)
	for ttl := lo; ttl <= hi && w.err == nil; ttl++ {
		w.printf("%3d ", ttl)
		var from netip.Addr
		done := false
		for range count {
			p.TTL = uint8(ttl)
			r, err := x.op.Probe(ctx, p)
			if err != nil || ctx.Err() != nil {
				w.printf("\n")
				if ctx.Err() != nil {
					return w.err
				}
				return err
			}
			p.Port++
			if r.Outcome == netdev.ProbeTimeout || r.Outcome == netdev.ProbeNoRoute {
				w.printf(" * ")
				continue
			}
			if r.From != from {
				from = r.From
				w.printf("%v ", from)
			}
			w.printf("%s%d msec ", unreachableMark(r), milliseconds(r.RTT))
			done = done || r.Outcome == netdev.ProbeReply || r.Outcome == netdev.ProbeUnreachable
		}
		w.printf("\n")
		if done {
			break
		}
	}
	return w.err
}

// unreachableMark is the letter before a time: none for the port that says the
// end is reached.
func unreachableMark(r netdev.ProbeResult) string {
	if r.Outcome != netdev.ProbeUnreachable {
		return ""
	}
	switch r.Code {
	case 0:
		return "!N "
	case 1:
		return "!H "
	case 2:
		return "!P "
	case 13:
		return "!A "
	}
	return ""
}
