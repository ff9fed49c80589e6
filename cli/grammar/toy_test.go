package grammar_test

import (
	"errors"
	"net/netip"
	"strings"

	. "coterie/cli/grammar"
)

// The toy configuration of the tests: interfaces, access lists, and groups
// with a local server and its SAs, three modes deep.
type toy struct {
	Hostname   string
	NoCEF      bool
	Banner     string
	Cert       string
	Routes     []route
	Interfaces []*iface
	Groups     []*group
	Lists      []*acl
	Lines      []*line
	Keys       []psk
}

type route struct {
	Prefix, Mask, NextHop netip.Addr
	Distance              int
}

type iface struct {
	Name        string
	Description string
	Address     netip.Addr
	Mask        netip.Addr
	Shutdown    bool
	Map         string
	MTU         int64
}

type group struct {
	Name   string
	Family string
	Number uint32
	Local  *server
	Sets   []string
}

type server struct {
	Address    netip.Addr
	Algorithm  string
	Retransmit retransmit
	Unicast    bool
	SAs        []*sa
	Lifetime   lifetime
}

type retransmit struct {
	Interval, Number int
	Periodic         bool
}

type lifetime struct{ Seconds, Days, Kilobytes int }

type sa struct {
	Number       int
	Profile, ACL string
	Replay       replay
}

type replay struct {
	Disabled      bool
	Counter, Time int
}

type acl struct {
	Name    string
	Entries []ace
}

type ace struct {
	Permit   bool
	Src, Dst endpoint
	Log      bool
}

type endpoint struct {
	Any            bool
	Addr, Wildcard netip.Addr
	Ports          []uint16
}

type line struct {
	Kind        string
	First, Last int
}

type psk struct {
	Key  string
	Peer netip.Addr
	XA   bool
}

// toyModes are the modes of one toy grammar.
type toyModes struct{ global, iface, group, local, sa, acl, line *Mode }

func prompt(s string) func(any, []Frame) string { return func(any, []Frame) string { return s } }

func side(name string) Node {
	return Seq{
		Alt{
			Kw("any", "Any address").Sets(name+".Any", true),
			Seq{Arg(name+".Addr", IPv4(), "Address to match"), Arg(name+".Wildcard", Wildcard(), "Wildcard bits")},
		},
		Opt{Seq{Kw("eq", "Match only packets on a given port number"),
			Rep{Arg(name+".Ports", Int(0, 65535), "Port number"), 10}}},
	}
}

func newToy() toyModes {
	t := toyModes{
		global: &Mode{Name: "config", Prompt: prompt("(config)")},
		iface:  &Mode{Name: "config-if", Prompt: prompt("(config-if)"), ExitHelp: "Exit from interface configuration mode"},
		group: &Mode{Name: "config-gdoi-group", Prompt: func(root any, path []Frame) string {
			return "(config-" + path[len(path)-1].Args.String("Family") + "-group)"
		}},
		local: &Mode{Name: "gdoi-local-server"},
		sa:    &Mode{Name: "gdoi-sa-ipsec"},
		acl:   &Mode{Name: "config-ext-nacl"},
		line:  &Mode{Name: "config-line"},
	}
	t.iface.Parent, t.group.Parent, t.acl.Parent, t.line.Parent = t.global, t.global, t.global, t.global
	t.local.Parent, t.sa.Parent = t.group, t.local
	ip := Kw("ip", "Global IP configuration subcommands")
	crypto := Kw("crypto", "Encryption module")

	t.global.Add(
		&Command{Syntax: Seq{Kw("hostname", "Set system's network name"), Arg("", Word(), "This system's network name")},
			Bind: Leaf(func(c *toy) *string { return &c.Hostname }, Default("Router")), Bang: BangBefore | BangAfter},
		&Command{Syntax: Seq{ip, Kw("cef", "Cisco Express Forwarding")},
			Bind: Leaf(func(c *toy) *bool { return &c.NoCEF }, NoIsStored()), Switch: true},
		&Command{Syntax: Seq{crypto, Kw("isakmp", "Configure ISAKMP policy"), Kw("key", "Set pre-shared key for remote peer"),
			Opt{Only{Kw("0", "Specifies an UNENCRYPTED password will follow")}},
			Arg("Key", Word(), "The UNENCRYPTED (cleartext) user password"),
			Kw("address", "Define shared key with IP address"), Arg("Peer", IPv4(), "Peer IP address"),
			Opt{Kw("no-xauth", "Bypasses XAuth for this peer").Sets("XA", true)}},
			Bind: Multi(func(c *toy) *[]psk { return &c.Keys }, "Peer")},
		&Command{Syntax: Seq{crypto, Alt{
			Kw("gdoi", "Configure GDOI policy").Sets("Family", "gdoi"),
			Kw("gkm", "Configure GKM policy").Sets("Family", "gkm")},
			Kw("group", "Configure a group"), Arg("Name", Word(), "Group name").From(func(root any) []string {
				var out []string
				for _, g := range root.(*toy).Groups {
					out = append(out, g.Name)
				}
				return out
			})},
			Enter: t.group, Bind: Object(func(c *toy) *[]*group { return &c.Groups }, "Name")},
		&Command{Syntax: Seq{Kw("interface", "Select an interface to configure"), Arg("Name", ifaceType{}, "Interface name")},
			Enter: t.iface, Bind: Object(func(c *toy) *[]*iface { return &c.Interfaces }, "Name"), Immediate: true},
		&Command{Syntax: Seq{ip, Kw("route", "Establish static routes"), Arg("Prefix", IPv4(), "Destination prefix"),
			Arg("Mask", Mask(), "Destination prefix mask"), Arg("NextHop", IPv4(), "Forwarding router's address"),
			OptionalUnderNo{Opt{Arg("Distance", Int(1, 255), "Distance metric for this route")}}},
			Bind: Multi(func(c *toy) *[]route { return &c.Routes }), Bang: BangAfter},
		&Command{Syntax: Seq{ip, Kw("access-list", "Named access-list"), Kw("extended", "Extended Access List"),
			Arg("Name", Word(), "Access-list name")},
			Enter: t.acl, Bind: Sorted(Object(func(c *toy) *[]*acl { return &c.Lists }, "Name")), Bang: BangNone | BangAfter},
		&Command{Syntax: Seq{Kw("banner", "Define a login banner"), Kw("motd", "Set Message of the Day banner"),
			Arg("", Banner(), "c banner-text c, where 'c' is a delimiting character")},
			Bind: Leaf(func(c *toy) *string { return &c.Banner }), Bang: BangAfter},
		&Command{Syntax: Seq{Kw("certificate", "Certificate of this router"), Arg("", Block("quit"), "Certificate in hex")},
			Bind: Leaf(func(c *toy) *string { return &c.Cert })},
		&Command{Syntax: Seq{Kw("line", "Configure a terminal line"), Alt{Kw("console", "Primary terminal line").Prints("con").Sets("Kind", "console"),
			Kw("vty", "Virtual terminal").Sets("Kind", "vty")}, Arg("First", Int(0, 15), "First line number"), Opt{Arg("Last", Int(1, 15), "Last line number")}},
			Enter: t.line, Bind: Object(func(c *toy) *[]*line { return &c.Lines }, "Kind", "First"), Bang: BangNone | BangAfter,
			Sample: []string{"line con 0", "line vty 0 4"}},
		&Command{Syntax: Seq{Kw("wipe", "Not for everyone")}, Hidden: true, Bind: Custom[toy]{
			OnSet: func(*toy, Args) error { return errors.New("% refused") }}, Sample: []string{}},
	)
	t.iface.Add(
		&Command{Syntax: Seq{Kw("description", "Interface specific description"), Arg("", Rest(), "Up to 240 characters describing this interface")},
			Bind: Leaf(func(c *iface) *string { return &c.Description })},
		&Command{Syntax: Seq{Kw("ip", "Interface Internet Protocol config commands"), Kw("address", "Set the IP address of an interface"),
			Arg("Address", IPv4(), "IP address"), Arg("Mask", Mask(), "IP subnet mask")},
			Bind: Leaf(func(c *iface) *iface { return c })},
		&Command{Syntax: Seq{Kw("mtu", "Set the interface Maximum Transmission Unit (MTU)"), Arg("", Int(64, 9216), "MTU size in bytes")},
			Bind: Leaf(func(c *iface) *int64 { return &c.MTU }, Default(int64(1500)))},
		&Command{Syntax: Kw("shutdown", "Shutdown the selected interface"), Immediate: true,
			Bind: Leaf(func(c *iface) *bool { return &c.Shutdown })},
		&Command{Syntax: Seq{Kw("crypto", "Encryption/Decryption commands"), Kw("map", "Assign a Crypto Map"), Arg("Map", Word(), "Crypto Map tag")},
			Bind: Leaf(func(c *iface) *iface { return c }, Keys("Map"))},
	)
	t.group.Add(
		&Command{Syntax: Seq{Kw("identity", "Set the identity of the group"), Kw("number", "Group number"), Arg("", Uint32(1, 4294967295), "Number")},
			Bind: Leaf(func(c *group) *uint32 { return &c.Number })},
		&Command{Syntax: Seq{Kw("client", "Set the group client parameters"), Kw("transform-sets", "Transform sets allowed"),
			Rep{Arg("", Word(), "Proposal tag"), 6}}, Bind: Leaf(func(c *group) *[]string { return &c.Sets })},
		&Command{Syntax: Seq{Kw("server", "Set the group server"), Kw("local", "Local server")}, Enter: t.local,
			Bind: Sub(func(c *group) **server { return &c.Local })},
	)
	rekey := Kw("rekey", "Rekey configuration")
	t.local.Add(
		&Command{Syntax: Seq{rekey, Kw("algorithm", "Set the rekey encryption algorithm"), Alt{
			Kw("3des-cbc", "Triple DES").Sets("", "3des-cbc"),
			Seq{Kw("aes", "AES"), Alt{Kw("128", "128 bit keys").Sets("", "aes 128"), Kw("256", "256 bit keys").Sets("", "aes 256")}}}},
			Bind: Leaf(func(c *server) *string { return &c.Algorithm }, Default("3des-cbc"))},
		&Command{Syntax: Seq{rekey, Kw("lifetime", "Set the rekey lifetime"), Alt{
			Seq{Kw("seconds", "Lifetime in seconds"), Arg("Seconds", Int(300, 2592000), "Seconds")},
			Seq{Kw("days", "Lifetime in days"), Arg("Days", Int(1, 30), "Days")}}},
			Bind: Leaf(func(c *server) *lifetime { return &c.Lifetime }, Default(lifetime{Seconds: 86400}))},
		&Command{Syntax: Seq{Kw("volume", "Volume limit"), Arg("Kilobytes", Int(1, 1000), "Kilobytes")},
			Bind: Leaf(func(c *server) *lifetime { return &c.Lifetime })},
		&Command{Syntax: Seq{rekey, Kw("retransmit", "Specify rekey retransmission"), Arg("Interval", Int(10, 60), "Seconds between retransmissions"),
			Opt{Alt{Seq{Kw("number", "Number of retransmissions"), Arg("Number", Int(1, 10), "Count")},
				Kw("periodic", "Send until acknowledged").Sets("Periodic", true)}}},
			Bind: Leaf(func(c *server) *retransmit { return &c.Retransmit }, Default(retransmit{Interval: 10, Number: 2}))},
		&Command{Syntax: Seq{rekey, Kw("transport", "Rekey transport"), Kw("unicast", "Unicast rekey")},
			Bind: Leaf(func(c *server) *bool { return &c.Unicast })},
		&Command{Syntax: Seq{Kw("sa", "Security association"), Kw("ipsec", "IPsec SA"), Arg("Number", Int(1, 65535), "Sequence")},
			Enter: t.sa, Bind: Sorted(Object(func(c *server) *[]*sa { return &c.SAs }, "Number"))},
		&Command{Syntax: Seq{Kw("address", "Source address of the key server"), Kw("ipv4", "IPv4 address"), Arg("", IPv4(), "Address")},
			Bind: Leaf(func(c *server) *netip.Addr { return &c.Address })},
	)
	t.sa.Add(
		&Command{Syntax: Seq{Kw("profile", "IPsec profile"), Arg("", Word(), "Profile name")},
			Bind: Leaf(func(c *sa) *string { return &c.Profile })},
		&Command{Syntax: Seq{Kw("match", "Match characteristics of packets"), Kw("address", "Match address of packets"),
			Kw("ipv4", "IPv4"), Arg("", Word(), "Access-list name")}, Bind: Leaf(func(c *sa) *string { return &c.ACL })},
		&Command{Syntax: Seq{Kw("replay", "Anti-replay"), Alt{
			Seq{Kw("counter", "Counter based"), Kw("window-size", "Window size"), Arg("Counter", Int(64, 1024), "Packets")},
			Seq{Kw("time", "Time based"), Kw("window-size", "Window size"), Arg("Time", Int(1, 100), "Seconds")}}},
			Bind: Leaf(func(c *sa) *replay { return &c.Replay }, NoIsStored("Disabled"), Default(replay{Counter: 64})), Switch: true},
	)
	t.acl.Add(&Command{Syntax: Seq{Alt{Kw("permit", "Specify packets to forward").Sets("Permit", true), Kw("deny", "Specify packets to reject").Sets("Permit", false)},
		Kw("ip", "Any Internet Protocol"), side("Src"), side("Dst"), Opt{Kw("log", "Log matches against this entry").Sets("Log", true)}},
		Bind: aces{}})
	t.line.Add(&Command{Syntax: Seq{Kw("login", "Enable password checking")}, NoEffect: true, Bind: Custom[line]{}, Sample: []string{}})
	return t
}

// aces prints Permit false too, which a Multi would leave out.
type aces struct{}

func (aces) Set(t any, a Args) error       { return aceList.Set(t, a) }
func (aces) Unset(t any, a Args) error     { return aceList.Unset(t, a) }
func (aces) Identifying() ([]string, bool) { return nil, true }
func (aces) Lines(t any, all bool) []Line {
	lines := aceList.Lines(t, all)
	for _, l := range lines {
		l.Args["Permit"] = l.Args.Bool("Permit")
	}
	return lines
}

var aceList = func() Binding {
	b := Multi(func(c *acl) *[]ace { return &c.Entries })
	m := &Mode{}
	m.Add(&Command{Syntax: Seq{Kw("x", "X").Sets("Permit", true), side("Src"), side("Dst"), Kw("log", "Log").Sets("Log", true)}, Bind: b})
	m.Parse("x", 15) // the binding learns its names
	return b
}()

// ifaceType reads `Ethernet0/0` and `eth 0/0`, in one word or two.
type ifaceType struct{}

func (ifaceType) Placeholder() string { return "IFACE" }
func (ifaceType) Rank() int           { return RankTyped }
func (ifaceType) Format(v any) string { return v.(string) }
func (ifaceType) Samples() []string   { return []string{"Ethernet0/0", "Loopback 0"} }
func (ifaceType) Parse(tokens []string) (any, int, bool) {
	s := tokens[0]
	i := strings.IndexAny(s, "0123456789")
	kind, number, used := s, "", 1
	if i >= 0 {
		kind, number = s[:i], s[i:]
	} else if used = 2; len(tokens) > 1 {
		number = tokens[1]
	}
	for _, k := range []string{"Ethernet", "Loopback"} {
		if kind != "" && len(kind) <= len(k) && strings.EqualFold(k[:len(kind)], kind) {
			if used == 2 && len(tokens) == 1 {
				return nil, 2, true
			}
			if strings.Trim(number, "0123456789/") == "" && number != "" && number[0] != '/' {
				return k + number, used, true
			}
		}
	}
	return nil, 0, false
}
func (ifaceType) List(typed []string) []HelpEntry {
	if len(typed) > 0 {
		return []HelpEntry{{"<0-9>", typed[0] + " interface number"}}
	}
	return []HelpEntry{{"Ethernet", "IEEE 802.3"}, {"Loopback", "Loopback interface"}}
}
