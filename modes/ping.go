package modes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"coterie/cli/grammar"
	"coterie/netdev"
)

// pingRequest is what `ping` was asked for.
type pingRequest struct {
	probe       netdev.Probe
	repeat      int  // for each size
	showSource  bool // "Packet sent with a source address of"
	showPattern bool // "Packet has data pattern"
	verbose     bool // a line for each answer
	sweep       sweep
}

// sweep is a range of sizes, octets; zero: one size.
type sweep struct{ least, most, step int }

// sizes is how many there are.
func (s sweep) sizes() int {
	if s.step == 0 {
		return 1
	}
	return (s.most-s.least)/s.step + 1
}

// target finds the host that a command names.
func (x *execCommands) target(a grammar.Args) (netip.Addr, error) {
	if err := knownVRF(x.view, a.String("VRF")); err != nil {
		return netip.Addr{}, fmt.Errorf("%% VRF %s does not exist", a.String("VRF"))
	}
	to, ok := x.resolve(a.String("Target"))
	if !ok {
		return netip.Addr{}, errUnknownHost
	}
	return to, nil
}

func (x *execCommands) ping(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	target, err := x.target(a)
	if err != nil {
		return err
	}
	r := pingRequest{repeat: 5, verbose: a.Bool("Verbose"), probe: netdev.Probe{
		VRF: a.String("VRF"), Target: target, Size: 100, Pattern: defaultPattern, Timeout: 2 * time.Second,
	}}
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
		r.probe.Pattern, r.showPattern = p, true
	}
	r.probe.TOS, r.probe.DF, r.probe.Validate = uint8(a.Int("TOS")), a.Bool("DF"), a.Bool("Validate")
	from, err := x.source(a)
	if err != nil {
		return err
	}
	r.probe.Source, r.showSource = from, from.IsValid()
	return x.runPing(ctx, t, r)
}

// marks are what ping prints for each outcome.
var marks = map[netdev.ProbeOutcome]byte{
	netdev.ProbeTimeout: '.', netdev.ProbeReply: '!', netdev.ProbeUnreachable: 'U', netdev.ProbeTTLExceeded: '&',
	netdev.ProbeFragNeeded: 'M', netdev.ProbeSourceQuench: 'Q', netdev.ProbeCorrupt: 'C', netdev.ProbeNoRoute: '.',
}

// marksPerLine is where IOS breaks the row of marks.
const marksPerLine = 70

// noTime is a timeout of 0 s: the echo leaves, and only an answer that is
// there already counts.
const noTime = time.Nanosecond

// errMany stops a sweep that nobody would live to see the end of.
var errMany = errors.New("% The product of repeat count and sizes is too large")

// runPing sends the echoes and prints as IOS does. An interrupt ends the row
// and the summary counts what was sent.
func (x *execCommands) runPing(ctx context.Context, t grammar.Terminal, r pingRequest) error {
	w := &columnWriter{w: t}
	sizes := r.sweep.sizes()
	if r.repeat > (1<<31-1)/sizes {
		return errMany
	}
	size := fmt.Sprint(r.probe.Size)
	if sizes > 1 {
		size = fmt.Sprintf("[%d..%d]", r.sweep.least, r.sweep.most)
	}
	w.printf("Type escape sequence to abort.\n")
	w.printf("Sending %d, %s-byte ICMP Echos to %v, timeout is %d seconds:\n", r.repeat*sizes, size, r.probe.Target, r.probe.Timeout/time.Second)
	if r.showSource {
		w.printf("Packet sent with a source address of %v \n", r.probe.Source)
	}
	if r.probe.DF {
		w.printf("Packet sent with the DF bit set\n")
	}
	if r.probe.Validate {
		w.printf("Reply data will be validated\n")
	}
	if r.showPattern {
		w.printf("Packet has data pattern 0x%04X\n", r.probe.Pattern)
	}
	var sent, received int
	var least, most, total time.Duration
	r.probe.ID = uint16(x.view.Now().UnixNano() >> 10)
	r.probe.Timeout = max(r.probe.Timeout, noTime)
	row := make([]byte, 0, marksPerLine+1)
	flush := func() {
		w.write(row)
		row = row[:0]
	}
	flushed := x.view.Now()
	for n := 0; n < r.repeat*sizes && ctx.Err() == nil && w.err == nil; n++ {
		r.probe.Seq = uint16(n)
		if sizes > 1 {
			r.probe.Size = r.sweep.least + n%sizes*r.sweep.step
		}
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
		if r.verbose {
			w.printf("%s\n", verboseLine(n, r.probe.Size, sizes > 1, result))
			continue
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
	if sent%marksPerLine != 0 && !r.verbose {
		row = append(row, '\n')
	}
	flush()
	if sent == 0 {
		sent = 1 // interrupted while it was under way
	}
	w.printf("Success rate is %d percent (%d/%d)", received*100/sent, received, sent)
	if received > 0 {
		w.printf(", round-trip min/avg/max = %d/%d/%d ms", milliseconds(least), milliseconds(total/time.Duration(received)), milliseconds(most))
	}
	w.printf("\n")
	return w.err
}

// verboseLine is what became of one echo, in words.
func verboseLine(n, size int, sized bool, r netdev.ProbeResult) string {
	var text string
	switch r.Outcome {
	case netdev.ProbeReply:
		text = fmt.Sprintf("Reply to request %d (%d ms)", n, milliseconds(r.RTT))
	case netdev.ProbeCorrupt:
		text = fmt.Sprintf("Reply to request %d (%d ms), data are not those sent", n, milliseconds(r.RTT))
	case netdev.ProbeUnreachable:
		text = fmt.Sprintf("Unreachable from %v", r.From)
	case netdev.ProbeFragNeeded:
		text = fmt.Sprintf("Unreachable from %v, fragmentation needed and DF set", r.From)
	case netdev.ProbeTTLExceeded:
		text = fmt.Sprintf("Time to live exceeded at %v", r.From)
	case netdev.ProbeSourceQuench:
		text = fmt.Sprintf("Source quench from %v", r.From)
	default:
		text = fmt.Sprintf("Request %d timed out", n)
	}
	if sized {
		text += fmt.Sprintf(" (size %d)", size)
	}
	return text
}

// milliseconds rounds to the nearest; a round trip of 0 ms is 1 ms.
func milliseconds(d time.Duration) int64 {
	return max(1, int64((d+time.Millisecond/2)/time.Millisecond))
}
