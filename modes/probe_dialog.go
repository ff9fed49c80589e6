package modes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/netdev"
)

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

// number asks until the answer is a number from lo to hi.
func (d *dialog) number(question string, def, lo, hi int) int {
	for d.err == nil {
		n, err := strconv.Atoi(d.ask(question, strconv.Itoa(def)))
		if d.err == nil && err == nil && n >= lo && n <= hi {
			return n
		}
		d.say("%% A decimal number between %d and %d.\n", lo, hi)
	}
	return def
}

// say prints a complaint, unless the dialog is over.
func (d *dialog) say(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.t, format, args...)
	}
}

func (d *dialog) yes(question, def string) bool {
	return strings.HasPrefix(strings.ToLower(d.ask(question, def)), "y")
}

// askTarget begins the dialogs of ping and traceroute.
func (x *execCommands) askTarget(d *dialog, command string) (netip.Addr, error) {
	if p := d.ask("Protocol [ip]", ""); d.err == nil && p != "" && p != "ip" {
		return netip.Addr{}, fmt.Errorf("%%Unknown protocol - %q, type \"%s ?\" for help", p, command)
	}
	target := d.ask("Target IP address", "")
	if d.err != nil {
		return netip.Addr{}, d.err
	}
	addr, ok := x.resolve(target)
	if !ok {
		return netip.Addr{}, errUnknownHost
	}
	return addr, nil
}

// errOptions refuses what would have to go into the IP header.
var errOptions = errors.New("% The IP options loose, strict, record and timestamp are not available")

// options asks for IP options, of which there is only `verbose`.
func (d *dialog) options() (verbose bool) {
	chosen := "none"
	for d.err == nil {
		o := strings.ToLower(d.ask("Loose, Strict, Record, Timestamp, Verbose["+chosen+"]", ""))
		switch {
		case d.err != nil, o == "":
			return verbose
		case strings.HasPrefix("none", o):
			return false
		case strings.HasPrefix("verbose", o):
			verbose, chosen = true, "V"
		case strings.HasPrefix("loose", o), strings.HasPrefix("strict", o), strings.HasPrefix("record", o), strings.HasPrefix("timestamp", o):
			d.err = errOptions
		default:
			d.say("%% Invalid option, try again\n")
		}
	}
	return verbose
}

// pingDialog is extended ping.
func (x *execCommands) pingDialog(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	d := &dialog{ctx: ctx, t: t}
	if err := knownVRF(x.view, a.String("VRF")); err != nil {
		return fmt.Errorf("%% VRF %s does not exist", a.String("VRF"))
	}
	addr, err := x.askTarget(d, "ping")
	if err != nil {
		return err
	}
	r := pingRequest{probe: netdev.Probe{VRF: a.String("VRF"), Target: addr, Pattern: defaultPattern}}
	r.repeat = d.number("Repeat count", 5, 1, 2147483647)
	r.probe.Size = d.number("Datagram size", 100, leastSize, mostSize)
	r.probe.Timeout = time.Duration(d.number("Timeout in seconds", 2, 0, 3600)) * time.Second
	if d.yes("Extended commands", "n") {
		r.probe.Source = x.askSource(d, "Source address or interface")
		r.showSource = r.probe.Source.IsValid()
		r.probe.TOS = uint8(d.number("Type of service", 0, 0, 255))
		r.probe.DF = d.yes("Set DF bit in IP header?", "no")
		r.probe.Validate = d.yes("Validate reply data?", "no")
		pattern, _, ok := hexPattern{}.Parse([]string{d.ask("Data pattern", "0xABCD")})
		if d.err == nil && !ok {
			return fmt.Errorf("%% Invalid pattern, try again or type '?' for help")
		}
		if r.probe.Pattern, ok = pattern.(uint16); ok {
			r.showPattern = r.probe.Pattern != defaultPattern
		}
		r.verbose = d.options()
	}
	if d.yes("Sweep range of sizes", "n") {
		r.sweep.least = d.number("Sweep min size", leastSize, leastSize, mostSize)
		r.sweep.most = d.number("Sweep max size", mostSize, r.sweep.least, mostSize)
		r.sweep.step = d.number("Sweep interval", 1, 1, mostSize)
	}
	if d.err != nil {
		return d.err
	}
	return x.runPing(ctx, t, r)
}

// Sizes of an echo, octets of the datagram.
const leastSize, mostSize = 36, 18024

// askSource asks for a source until there is none or one of ours.
func (x *execCommands) askSource(d *dialog, question string) netip.Addr {
	for {
		answer := d.ask(question, "")
		if d.err != nil || answer == "" {
			return netip.Addr{}
		}
		if a, err := netip.ParseAddr(answer); err == nil && x.own(a) {
			return a
		} else if err != nil {
			if a, ok := x.op.SourceAddress(answer); ok {
				return a
			}
		}
		d.say("%% Invalid source. Must use same-VRF IP address or full interface name without spaces (e.g. Serial0/1)\n")
	}
}

// traceDialog is extended traceroute.
func (x *execCommands) traceDialog(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	d := &dialog{ctx: ctx, t: t}
	if err := knownVRF(x.view, a.String("VRF")); err != nil {
		return fmt.Errorf("%% VRF %s does not exist", a.String("VRF"))
	}
	addr, err := x.askTarget(d, "traceroute")
	if err != nil {
		return err
	}
	r := usualTrace(addr)
	r.probe.VRF = a.String("VRF")
	r.probe.Source = x.askSource(d, "Source address")
	d.yes("Numeric display", "n") // names are never asked for
	r.probe.Timeout = time.Duration(d.number("Timeout in seconds", 3, 0, 3600)) * time.Second
	r.count = d.number("Probe count", 3, 1, 65535)
	r.least = d.number("Minimum Time to Live", 1, 1, 255)
	r.most = d.number("Maximum Time to Live", max(30, r.least), r.least, 255)
	r.probe.Port = uint16(d.number("Port Number", int(r.probe.Port), 1, 65535))
	d.options() // verbose says no more than the usual
	if d.err != nil {
		return d.err
	}
	return x.trace(ctx, t, r)
}
