package modes

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/internal/syslog"
	runningconfig "coterie/running-config"
)

// facilityHelp is the help of the words of `logging facility`.
var facilityHelp = map[string]string{
	"auth": "Authorization system", "cron": "Cron/at facility", "daemon": "System daemons", "kern": "Kernel", "lpr": "Line printer system",
	"mail": "Mail system", "news": "USENET news", "syslog": "Syslog itself", "user": "User process", "uucp": "Unix-to-Unix copy system",
}

// originID is what `logging origin-id` and `session-id` choose from.
func originID(name string) grammar.Alt {
	return grammar.Alt{
		grammar.Kw("hostname", "Use origin hostname as ID").Sets(name, "hostname"),
		grammar.Kw("ip", "Use origin IP address as ID").Sets(name, "ip"),
	}
}

// remoteLogging is what IOS prints of the log behind the access lists: the
// servers that it is sent to.
func (b *builder) remoteLogging() []*grammar.Command {
	type root = runningconfig.Config
	word := grammar.Kw("logging", wordHelp["logging"])
	facility := grammar.Alt{}
	for _, w := range syslog.FacilityWords() {
		help := facilityHelp[w]
		if n, ok := strings.CutPrefix(w, "local"); ok {
			help = "Local use " + n
		} else if strings.HasPrefix(w, "sys") && help == "" {
			help = "System use"
		}
		facility = append(facility, grammar.Kw(w, help).Sets("", w))
	}
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{word, grammar.Kw("trap", "Set syslog server logging level"), grammar.Opt{Node: severity("Level")}},
			Bind: destination(func(l *runningconfig.Logging) *string { return &l.TrapLevel },
				func(l *runningconfig.Logging) *bool { return &l.NoTrap }, runningconfig.DefaultTrapLevel),
			Switch: true,
		},
		{
			Syntax: grammar.Seq{word, grammar.Kw("facility", "Facility parameter for syslog messages"), grammar.OptionalUnderNo{Node: facility}},
			Bind:   leaf(func(c *root) *string { return &c.Logging.Facility }, runningconfig.DefaultLogFacility),
		},
		{
			Syntax: grammar.Seq{word, grammar.Kw("origin-id", "Add origin ID to syslog messages"), grammar.OptionalUnderNo{Node: append(originID("Kind"),
				grammar.Seq{grammar.Kw("string", "Define a unique text string as ID").Sets("Kind", "string"), grammar.Arg("Text", grammar.Rest(), "Text string")})}},
			Bind: grammar.Leaf(func(c *root) *runningconfig.LogOrigin { return &c.Logging.Origin }),
		},
		{
			Syntax: grammar.Seq{word, grammar.Kw("source-interface", "Specify interface for source address in logging"),
				interfaceWord("Interface", "Interface of the address"), optVRF},
			Bind: grammar.Custom[root]{
				Keys: []string{"Interface", "VRF"},
				OnSet: func(c *root, a grammar.Args) error {
					s := runningconfig.LogSource{Interface: a.String("Interface"), VRF: a.String("VRF")}
					l := &c.Logging.Sources
					if i := slices.IndexFunc(*l, func(o runningconfig.LogSource) bool { return o.VRF == s.VRF }); i >= 0 {
						(*l)[i] = s
					} else {
						*l = append(*l, s)
					}
					return nil
				},
				OnUnset: func(c *root, a grammar.Args) error {
					c.Logging.Sources = without(c.Logging.Sources, func(s runningconfig.LogSource) bool {
						return s.Interface == a.String("Interface") && s.VRF == a.String("VRF")
					})
					return nil
				},
				OnLines: func(c *root, _ bool) (out []grammar.Line) {
					for _, s := range c.Logging.Sources {
						out = append(out, grammar.Line{Args: given(grammar.Args{"Interface": s.Interface, "VRF": s.VRF})})
					}
					return out
				},
			},
		},
		{
			Syntax: hostSyntax(word),
			Bind:   hostBinding(),
			Sample: []string{"logging host 192.168.1.1", "logging 10.0.0.254", "logging host ks-1.example.net", "logging host 10.0.0.1 vrf RED",
				"logging host 10.0.0.1 transport udp", "logging host 10.0.0.1 transport udp port 1514", "logging host 10.0.0.1 transport tcp port 601",
				"logging host 10.0.0.1 transport tls port 6514 format syslog", "logging host 10.0.0.1 vrf RED transport tcp session-id hostname",
				"logging host 10.0.0.1 session-id string R1-main format bsd", "logging host 10.0.0.1 session-id ip", "logging host 10.0.0.1 format ios"},
		},
	}
}

var optVRF = grammar.Opt{Node: grammar.Seq{grammar.Kw("vrf", "Set VRF option"), grammar.Arg("VRF", grammar.Word(), "VRF name")}}

// hostSyntax is `logging host`, and its older spelling without `host`. The
// format is our own word: IOS knows its own format only.
func hostSyntax(word grammar.Node) grammar.Node {
	port := grammar.Opt{Node: grammar.Seq{grammar.Kw("port", "Specify the port number"), grammar.Arg("Port", grammar.Int(1, 65535), "Port number")}}
	transport := func(w, help string) grammar.Node {
		return grammar.Seq{grammar.Kw(w, help).Sets("Transport", w), port}
	}
	return grammar.Seq{word,
		grammar.Alt{
			grammar.Seq{grammar.Kw("host", "Set syslog server IP address and parameters"), grammar.Alt{
				grammar.Arg("Address", grammar.IPv4(), "IP address of the syslog server"),
				grammar.Arg("Name", hostName, "Hostname of the syslog server"),
			}},
			grammar.Only{Node: grammar.Arg("Address", grammar.IPv4(), "IP address of the logging host")},
		},
		optVRF,
		grammar.Opt{Node: grammar.Seq{grammar.Kw("transport", "Specify the transport protocol (default=UDP)"), grammar.Alt{
			transport("tcp", "Transport Control Protocol"), transport("tls", "Transport Layer Security (RFC 5425)"), transport("udp", "User Datagram Protocol")}}},
		grammar.Opt{Node: grammar.Seq{grammar.Kw("session-id", "Specify syslog message session ID tagging"), append(originID("Session.Kind"),
			grammar.Seq{grammar.Kw("string", "Define a unique text string as ID").Sets("Session.Kind", "string"),
				grammar.Arg("Session.Text", grammar.Word(), "Text string")})}},
		grammar.Opt{Node: grammar.Seq{grammar.Kw("format", "Specify the format of messages"), grammar.Alt{
			grammar.Kw("bsd", "BSD syslog (RFC 3164)").Sets("Format", "bsd"),
			grammar.Kw("ios", "As IOS sends it, the default").Sets("Format", "ios"),
			grammar.Kw("syslog", "The syslog protocol (RFC 5424)").Sets("Format", "syslog"),
		}}},
	}
}

// hostBinding binds `logging host`: one line for each server and transport.
func hostBinding() grammar.Binding {
	type root = runningconfig.Config
	type host = runningconfig.LogHost
	from := func(a grammar.Args) host {
		h := host{Name: a.String("Name"), VRF: a.String("VRF"), Transport: a.String("Transport"), Port: a.Int("Port"), Format: a.String("Format"),
			Session: runningconfig.LogOrigin{Kind: a.String("Session.Kind"), Text: a.String("Session.Text")}}
		h.Address, _ = a["Address"].(netip.Addr)
		if h.Format == "ios" {
			h.Format = ""
		}
		return h
	}
	same := func(x, y host) bool {
		xt, xp := x.Carrier()
		yt, yp := y.Carrier()
		return x.Address == y.Address && x.Name == y.Name && x.VRF == y.VRF && xt == yt && xp == yp
	}
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			h, l := from(a), &c.Logging.Hosts
			if i := slices.IndexFunc(*l, func(o host) bool { return same(o, h) }); i >= 0 {
				(*l)[i] = h
			} else {
				*l = append(*l, h)
			}
			return nil
		},
		OnUnset: func(c *root, a grammar.Args) error {
			h := from(a)
			c.Logging.Hosts = without(c.Logging.Hosts, func(o host) bool { return same(o, h) })
			return nil
		},
		OnLines: func(c *root, _ bool) (out []grammar.Line) {
			for _, h := range c.Logging.Hosts {
				a := grammar.Args{"Name": h.Name, "VRF": h.VRF, "Transport": h.Transport, "Port": h.Port, "Format": h.Format,
					"Session.Kind": h.Session.Kind, "Session.Text": h.Session.Text}
				if h.Address.IsValid() {
					a["Address"] = h.Address
				}
				out = append(out, grammar.Line{Args: given(a)})
			}
			return out
		},
	}
}

// given is a without zero values.
func given(a grammar.Args) grammar.Args {
	for k, v := range a {
		if v == "" || v == 0 || v == false {
			delete(a, k)
		}
	}
	return a
}

// without deletes elements; an empty list is nil.
func without[V any](list []V, f func(V) bool) []V {
	if list = slices.DeleteFunc(list, f); len(list) == 0 {
		return nil
	}
	return list
}

// limit binds `logging rate-limit`.
func limit() grammar.Binding {
	type root = runningconfig.Config
	return grammar.Custom[root]{
		Keys: []string{},
		OnSet: func(c *root, a grammar.Args) error {
			if !a.Has("Rate") {
				return incomplete
			}
			c.Logging.Limit = runningconfig.LogLimit{Console: a.Bool("Console"), All: a.Bool("All"), Rate: a.Int("Rate"), Except: a.String("Except")}
			return nil
		},
		OnUnset: func(c *root, _ grammar.Args) error { c.Logging.Limit = runningconfig.LogLimit{}; return nil },
		OnLines: func(c *root, _ bool) []grammar.Line {
			l := c.Logging.Limit
			if l.Rate == 0 {
				return nil
			}
			return one(given(grammar.Args{"Console": l.Console, "All": l.All, "Rate": l.Rate, "Except": cmp.Or(l.Except, "")}))
		},
	}
}
