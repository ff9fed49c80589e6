package modes

import (
	"cmp"
	"context"
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
	logging := grammar.Kw("logging", "Show the contents of logging buffers")
	x.show(userLevel, logging, showLogging)
	x.show(userLevel, grammar.Seq{logging, grammar.Kw("count", "Show counts of each logging message")}, showLoggingCount)
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("users", "Display information about terminal lines")}, x.showUsers)
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
	d.Line("System restarted at %s", v.Booted().UTC().Format("15:04:05 UTC Mon Jan 2 2006"))
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

// showUsers marks the line that asks with a star.
func (x *execCommands) showUsers(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
	d := show.Doc{Data: x.view.Sessions()}
	d.Line("    Line       User       Host(s)              Idle       Location")
	for _, s := range x.view.Sessions() {
		mark, name := " ", "con 0"
		if s.Current || s.Line == t.Session().Line() {
			mark = "*"
		}
		if s.Line != "console" {
			name = s.Line
		}
		d.Line("%s%3d %-9s %-10s %-20s %s %s", mark, s.Number, name, s.User, "idle", hms(s.Idle), cmp.Or(s.From, "  "))
	}
	d.Blank()
	d.Line("  Interface    User               Mode         Idle     Peer Address")
	return emit(t, &d)
}

// firstVTY is the number of vty 0 among all lines: con 0 and aux 0 come first.
const firstVTY = 2
