package appliance

import (
	"cmp"
	"io"
	"slices"
	"strings"

	runningconfig "coterie/running-config"
)

// banner is the text of `banner motd|login|exec` as a line shows it, "" for
// none: with the tokens that IOS knows filled in.
func (a *Appliance) banner(kind, line string) string {
	var text, host, domain string
	a.store.View(func(c *runningconfig.Config) {
		for _, kept := range c.Frame.Kept {
			if t, ok := strings.CutPrefix(kept, "banner "+kind+" "); ok {
				text = t
			}
		}
		host, domain = cmp.Or(c.Hostname, a.cfg.Name), c.DomainName
	})
	if text == "" {
		return ""
	}
	text = strings.NewReplacer("$(hostname)", host, "$(domain)", domain, "$(line)", line).Replace(text)
	return strings.TrimRight(text, "\n") + "\n"
}

// greet shows what a caller reads before the login, or before the prompt.
func (k *call) greet(w io.Writer, kinds ...string) {
	var hidden []string
	k.a.store.View(func(c *runningconfig.Config) {
		for _, l := range c.Lines {
			if l.Kind == k.kind && k.number >= l.First && k.number <= l.Last {
				hidden = append(hidden, l.Kept...)
			}
		}
	})
	for _, kind := range kinds {
		if text := k.a.banner(kind, lineLabel(k.line)); text != "" && !slices.Contains(hidden, "no "+kind+"-banner") {
			io.WriteString(w, text)
		}
	}
}

// lineLabel is the number of a line as banners and `show users` count them.
func lineLabel(line string) string {
	if _, n, ok := strings.Cut(line, " "); ok {
		return n
	}
	return "0"
}
