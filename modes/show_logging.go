package modes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
)

// LogHost is a server of `logging host`, as `show logging` sees it.
type LogHost struct {
	Host, VRF       string
	Transport       string
	Port            int
	Up              bool
	Logged, Dropped uint64 // messages
}

// LogCount counts the messages of one event.
type LogCount struct {
	Event    *syslog.Event
	Occurred uint64
	Last     string // time stamp
}

// showLogging is `show logging`.
func showLogging(v View, _ grammar.Args, d *show.Doc) error {
	l, c := v.Log(), v.Config().Logging
	d.Data = l
	state := "enabled"
	if c.Off {
		state = "disabled"
	}
	d.Line("Syslog logging: %s (%d messages dropped, %d messages rate-limited, 0 flushes, 0 overruns, xml disabled, filtering disabled)",
		state, l.Dropped, l.RateLimited)
	d.Blank()
	d.Line("No Active Message Discriminator.")
	d.Blank()
	d.Blank()
	d.Blank()
	d.Line("No Inactive Message Discriminator.")
	d.Blank()
	d.Blank()
	destination := func(name string, off bool, level string, n uint64) {
		if off {
			d.Line("    %s logging: disabled", name)
			return
		}
		d.Line("    %s logging: level %s, %d messages logged, xml disabled,", name, cmp.Or(level, "debugging"), n)
		d.Line("                     filtering disabled")
	}
	destination("Console", c.NoConsole, c.ConsoleLevel, l.Console)
	destination("Monitor", c.NoMonitor || c.Off, c.MonitorLevel, l.Monitor)
	if c.NoBuffered || c.Off {
		d.Line("    Buffer logging:  disabled, xml disabled,")
	} else {
		d.Line("    Buffer logging:  level %s, %d messages logged, xml disabled,", cmp.Or(c.BufferLevel, "debugging"), l.Buffered)
	}
	d.Line("                    filtering disabled")
	d.Line("    Exception Logging: Disabled")
	count := "disabled"
	if c.Count {
		count = "enabled"
	}
	d.Line("    Count and timestamp logging messages: %s", count)
	d.Line("    Persistent logging: disabled")
	d.Blank()
	d.Line("No active filter modules.")
	d.Blank()
	showTrap(c, l, d)
	d.Blank()
	d.Line("Log Buffer (%d bytes):", l.Size)
	d.Blank()
	for _, r := range l.Records {
		d.Line("%s", r.Line())
	}
	return nil
}

// showTrap is the part about servers.
func showTrap(c runningconfig.Logging, l LogSnapshot, d *show.Doc) {
	if c.NoTrap || c.Off {
		d.Line("    Trap logging: disabled")
		return
	}
	d.Line("    Trap logging: level %s, %d message lines logged", cmp.Or(c.TrapLevel, runningconfig.DefaultTrapLevel), l.Trap)
	sequence := "disabled"
	if c.Sequence {
		sequence = "enabled"
	}
	for _, h := range l.Hosts {
		vrf, link := "", "down"
		if h.VRF != "" {
			vrf = "(" + h.VRF + ") "
		}
		if h.Up {
			link = "up"
		}
		d.Line("        Logging to %s  %s(%s port %d, audit disabled,", h.Host, vrf, h.Transport, h.Port)
		d.Line("              link %s),", link)
		d.Line("              %d message lines logged,", h.Logged)
		d.Line("              0 message lines rate-limited,")
		d.Line("              0 message lines dropped-by-MD,")
		d.Line("              xml disabled, sequence number %s", sequence)
		d.Line("              filtering disabled")
	}
	d.Line("        Logging Source-Interface:       VRF Name:")
	for _, s := range c.Sources {
		d.Line("%s", strings.TrimRight(fmt.Sprintf("        %-31s %s", s.Interface, s.VRF), " "))
	}
}

// showLoggingCount is `show logging count`.
func showLoggingCount(v View, _ grammar.Args, d *show.Doc) error {
	l := v.Log()
	d.Data = l.Counts
	d.Line("Facility       Message Name                     Sev Occur      Last Time")
	d.Line("==================================================================================")
	counts := slices.Clone(l.Counts)
	for len(counts) > 0 {
		facility, total := counts[0].Event.Facility, uint64(0)
		for len(counts) > 0 && counts[0].Event.Facility == facility {
			c := counts[0]
			d.Line("%-14s %-32s %3d %4d %s", facility, c.Event.Mnemonic, c.Event.Severity, c.Occurred, c.Last)
			total += c.Occurred
			counts = counts[1:]
		}
		d.Line("-------------  -------------------------------  ----------------------------------")
		d.Line("%-51s %4d", fmt.Sprintf("%s TOTAL", facility), total)
		if len(counts) > 0 {
			d.Blank()
		}
	}
	return nil
}
