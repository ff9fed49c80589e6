package modes

import (
	"slices"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// gdoiTraps are the notifications of the GDOI MIB, in the order in which they
// print.
var gdoiTraps = []string{
	"gm-start-registration", "gm-registration-complete", "gm-re-register", "gm-rekey-rcvd", "gm-rekey-fail", "gm-incomplete-cfg",
	"ks-new-registration", "ks-reg-complete", "ks-rekey-pushed", "ks-gm-deleted", "ks-no-rsa-keys", "ks-role-change",
	"ks-peer-reachable", "ks-peer-unreachable",
}

var trapHelp = map[string]string{
	"gm-start-registration": "Group member starts to register", "gm-registration-complete": "Group member has registered",
	"gm-re-register": "Group member registers again", "gm-rekey-rcvd": "Group member received a rekey",
	"gm-rekey-fail": "Group member could not process a rekey", "gm-incomplete-cfg": "Group member has an incomplete configuration",
	"ks-new-registration": "Key server received a registration", "ks-reg-complete": "Key server completed a registration",
	"ks-rekey-pushed": "Key server sent a rekey", "ks-gm-deleted": "Key server deleted a group member",
	"ks-no-rsa-keys": "Key server has no RSA keys", "ks-role-change": "Cooperative key server changed its role",
	"ks-peer-reachable": "Cooperative key server is reachable again", "ks-peer-unreachable": "Cooperative key server is unreachable",
}

// snmp is `snmp-server`. There is no agent: all of it is stored.
func (b *builder) snmp() []*grammar.Command {
	word := grammar.Kw("snmp-server", "Modify SNMP engine parameters")
	one := func(w, help string, n ...grammar.Node) *grammar.Command {
		return store(frame, single, append(grammar.Seq{word, grammar.Kw(w, help)}, n...))
	}
	text := func(w, help string) *grammar.Command { return one(w, help, grammar.Arg("", grammar.Rest(), help)) }
	enable := grammar.Seq{word, grammar.Kw("enable", "Enable SNMP Traps"), grammar.Kw("traps", "Enable SNMP Traps")}
	view := option("view", "Restrict this community to a named MIB view", grammar.Arg("View", grammar.Word(), "MIB view"))
	list := grammar.Opt{Node: grammar.Arg("ACL", grammar.Word(), "Access-list number or name").From(accessListNames)}
	return []*grammar.Command{
		text("engineID", "Configure a local or remote SNMPv3 engineID"),
		store(frame, 0, grammar.Seq{word, grammar.Kw("group", "Define a User Security Model group"), grammar.Arg("", grammar.Rest(), "Name of the group and its parameters")}),
		store(frame, 0, grammar.Seq{word, grammar.Kw("view", "Define an SNMPv2 MIB view"), grammar.Arg("", grammar.Rest(), "Name of the view and its parameters")}),
		store(frame, 0, grammar.Seq{word, grammar.Kw("community", "Enable SNMP; set community string and access privs"),
			grammar.Arg("Community", grammar.Word(), "SNMP community string"), grammar.OptionalUnderNo{Node: grammar.Seq{view,
				grammar.Opt{Node: choice("Access", "RO", "Read-only access with this community string", "RW", "Read-write access with this community string")}, list}}}, "Community"),
		store(frame, single, grammar.Seq{word, grammar.Kw("ifindex", "Enable ifindex persistence"), grammar.Kw("persist", "Persist interface indices")}),
		one("trap-source", "Assign an interface for the source address of all traps", interfaceWord("", "Interface name")),
		one("source-interface", "Assign an source interface", choice("What", "informs", "Informs", "traps", "Traps"), interfaceWord("", "Interface name")),
		text("location", "Text for mib object sysLocation"),
		text("contact", "Text for mib object sysContact"),
		text("chassis-id", "String to uniquely identify this chassis"),
		{
			Syntax: then(enable, grammar.Kw("gdoi", "Enable SNMP GDOI traps"), grammar.Opt{Node: trapList()}),
			Bind:   trapBinding(), NoEffect: true,
		},
		store(frame, 0, then(enable, grammar.Opt{Node: grammar.Arg("", grammar.Rest(), "Notifications")})),
		store(frame, 0, grammar.Seq{word, grammar.Kw("host", "Specify hosts to receive SNMP notifications"), grammar.Arg("Host", grammar.HostOrAddress(), "IP address or hostname"),
			grammar.OptionalUnderNo{Node: grammar.Arg("Rest", grammar.Rest(), "Version, community string and notifications")}}, "Host"),
		store(frame, 0, grammar.Seq{word, grammar.Kw("user", "Define a user who can access the SNMP engine"), grammar.Arg("", grammar.Rest(), "Name of the user and its parameters")}),
	}
}

// trapList is names of notifications, in any order.
func trapList() grammar.Node {
	var out grammar.Alt
	for _, name := range slices.Sorted(slices.Values(gdoiTraps)) {
		out = append(out, grammar.Kw(name, trapHelp[name]).Sets("Traps", name))
	}
	return grammar.Rep{Node: out, Max: len(gdoiTraps)}
}

// trapBinding adds and removes notifications; a line without a list is about
// all of them.
func trapBinding() grammar.Binding {
	type root = runningconfig.Config
	named := func(a grammar.Args) []string {
		var out []string
		for _, v := range list(a, "Traps") {
			out = append(out, v.(string))
		}
		if len(out) == 0 {
			return gdoiTraps
		}
		return out
	}
	set := func(c *root, keep func(string) bool) {
		c.GDOITraps = nil
		for _, t := range gdoiTraps {
			if keep(t) {
				c.GDOITraps = append(c.GDOITraps, t)
			}
		}
	}
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			old, add := c.GDOITraps, named(a)
			set(c, func(t string) bool { return slices.Contains(old, t) || slices.Contains(add, t) })
			return nil
		},
		OnUnset: func(c *root, a grammar.Args) error {
			old, drop := c.GDOITraps, named(a)
			set(c, func(t string) bool { return slices.Contains(old, t) && !slices.Contains(drop, t) })
			return nil
		},
		OnLines: func(c *root, _ bool) []grammar.Line {
			if len(c.GDOITraps) == 0 {
				return nil
			}
			var names []any
			for _, t := range c.GDOITraps {
				names = append(names, t)
			}
			return one(grammar.Args{"Traps": names})
		},
	}
}
