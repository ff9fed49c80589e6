package modes

import (
	"fmt"
	"strings"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// showSystem declares the show commands about the device itself.
func (x *execCommands) showSystem() {
	x.show(userLevel, grammar.Kw("version", "System hardware and software status"), showVersion)
	x.show(userLevel, grammar.Kw("clock", "Display the system clock"), func(v View, _ grammar.Args, d *show.Doc) error {
		now := v.Now().UTC()
		d.Data = now
		d.Line("*%s", now.Format("15:04:05.000 UTC Mon Jan 2 2006"))
		return nil
	})
	x.show(userLevel, grammar.Kw("logging", "Show the contents of logging buffers"), showLogging)
	x.show(userLevel, grammar.Kw("users", "Display information about terminal lines"), showUsers)
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("history", "Display the session command history")}, showHistory)
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("privilege", "Show current privilege level")}, showPrivilege)
}

// uptime is a span in the words of `show version`.
func uptime(d time.Duration) string {
	minutes := int(d / time.Minute)
	units := []struct {
		n    int
		name string
	}{{minutes / (60 * 24 * 7 * 52), "year"}, {minutes / (60 * 24 * 7) % 52, "week"}, {minutes / (60 * 24) % 7, "day"}, {minutes / 60 % 24, "hour"}, {minutes % 60, "minute"}}
	var parts []string
	for _, u := range units {
		if u.n == 0 && (u.name != "minute" || len(parts) > 0) {
			continue
		}
		s := "s"
		if u.n == 1 {
			s = ""
		}
		parts = append(parts, fmt.Sprintf("%d %s%s", u.n, u.name, s))
	}
	return strings.Join(parts, ", ")
}

func showVersion(v View, _ grammar.Args, d *show.Doc) error {
	p := v.Version()
	d.Data = p
	commit := ""
	if p.Commit != "" {
		commit = fmt.Sprintf(" (%.12s)", p.Commit)
	}
	d.Line("Coterie Software, Version %s%s", p.Number, commit)
	d.Line("Group-encrypted VPN: GDOI key server and group member (RFC 6407)")
	d.Line("Compiled with %s for %s", p.Go, p.Platform)
	d.Blank()
	d.Line("%s uptime is %s", v.Hostname(), uptime(v.Now().Sub(v.Booted())))
	d.Line("System started at %s", v.Booted().UTC().Format("15:04:05 UTC Mon Jan 2 2006"))
	d.Blank()
	ethernet, loopback := 0, 0
	for _, i := range v.Interfaces() {
		if i.Hardware {
			ethernet++
		} else {
			loopback++
		}
	}
	d.Line("%d Ethernet %s", ethernet, plural(ethernet, "interface"))
	if loopback > 0 {
		d.Line("%d Virtual %s", loopback, plural(loopback, "interface"))
	}
	return nil
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func showLogging(v View, _ grammar.Args, d *show.Doc) error {
	l := v.Log()
	d.Data = l
	d.Line("Syslog logging: enabled (%d messages dropped, 0 messages rate-limited, 0 flushes, 0 overruns, xml disabled, filtering disabled)", l.Dropped)
	d.Blank()
	d.Line("No Active Message Discriminator.")
	d.Blank()
	d.Blank()
	d.Line("No Inactive Message Discriminator.")
	d.Blank()
	d.Blank()
	c := v.Config().Logging
	d.Line("    Console logging: %s, %d messages logged, xml disabled,", logLevel(c.NoConsole, c.ConsoleLevel), l.Console)
	d.Line("                     filtering disabled")
	d.Line("    Monitor logging: %s, %d messages logged, xml disabled,", logLevel(false, c.MonitorLevel), l.Monitor)
	d.Line("                     filtering disabled")
	d.Line("    Buffer logging:  %s, %d messages logged, xml disabled,", logLevel(c.NoBuffered, c.BufferLevel), l.Buffered)
	d.Line("                    filtering disabled")
	d.Line("    Exception Logging: size (4096 bytes)")
	d.Line("    Count and timestamp logging messages: disabled")
	d.Line("    Persistent logging: disabled")
	d.Blank()
	d.Line("No active filter modules.")
	d.Blank()
	d.Line("Log Buffer (%d bytes):", l.Size)
	d.Blank()
	for _, r := range l.Records {
		d.Line("%s", r.Line())
	}
	return nil
}

func logLevel(off bool, level string) string {
	if off {
		return "disabled"
	}
	if level == "" {
		level = "debugging"
	}
	return "level " + level
}

func showUsers(v View, _ grammar.Args, d *show.Doc) error {
	sessions := v.Sessions()
	d.Data = sessions
	d.Line("    Line       User       Host(s)              Idle       Location")
	for i, s := range sessions {
		mark := " "
		if s.Current {
			mark = "*"
		}
		line := s.Line
		if line == "console" {
			line = "con 0"
		}
		d.Line("%s%3d %-6s %-10s idle                 %s %s", mark, i, line, s.User, hms(s.Idle), s.From)
	}
	return nil
}
