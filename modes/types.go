package modes

import (
	"fmt"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// A kind is a grammar.Type of functions, of one word; values are strings.
type kind struct {
	placeholder string
	parse       func(token string) (any, bool)
	rank        int
	samples     []string
}

func (k kind) Placeholder() string { return k.placeholder }
func (k kind) Rank() int           { return k.rank }
func (k kind) Format(v any) string { return fmt.Sprint(v) }
func (k kind) Samples() []string   { return k.samples }

func (k kind) Parse(tokens []string) (any, int, bool) {
	v, ok := k.parse(tokens[0])
	return v, 1, ok
}

// interfaceWord is an argument that names an interface.
func interfaceWord(name, help string) grammar.Token {
	return grammar.Arg(name, interfaceType, help).From(interfaceNames)
}

// Names of existing objects, for Tab and `?`.
func interfaceNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.Interface { return c.Interfaces },
		func(i *runningconfig.Interface) string { return i.Name })
}

func accessListNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.AccessList { return c.AccessLists },
		func(l *runningconfig.AccessList) string { return l.Name })
}

func groupNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.Group { return c.Groups },
		func(g *runningconfig.Group) string { return g.Name })
}

func transformSetNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.TransformSet { return c.TransformSets },
		func(t *runningconfig.TransformSet) string { return t.Name })
}

func profileNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.IPsecProfile { return c.IPsecProfiles },
		func(p *runningconfig.IPsecProfile) string { return p.Name })
}

func cryptoMapNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.CryptoMap { return c.CryptoMaps },
		func(m *runningconfig.CryptoMap) string { return m.Name })
}

func keyringNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.Keyring { return c.ISAKMP.Keyrings },
		func(k *runningconfig.Keyring) string { return k.Name })
}

func isakmpProfileNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.ISAKMPProfile { return c.ISAKMP.Profiles },
		func(p *runningconfig.ISAKMPProfile) string { return p.Name })
}

// Names of sections, by the words that they begin with.
var (
	vrfNames       = sectionNames("vrf definition ", "ip vrf ")
	timeRangeNames = sectionNames("time-range ")
	classMapNames  = sectionNames("class-map match-all ", "class-map match-any ")
	policyMapNames = sectionNames("policy-map ")
	trackNumbers   = sectionNames("track ")
)

func trustpointNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.Trustpoint { return c.PKI.Trustpoints },
		func(t *runningconfig.Trustpoint) string { return t.Name })
}

func identityNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.IdentityList { return c.PKI.Identities },
		func(l *runningconfig.IdentityList) string { return l.Name })
}

// sectionNames gives the word behind the first words of sections.
func sectionNames(begin ...string) func(root any) []string {
	return func(root any) []string {
		c, ok := root.(*runningconfig.Config)
		if !ok {
			return nil
		}
		var out []string
		for _, s := range c.Stanzas {
			for _, b := range begin {
				if rest, ok := strings.CutPrefix(s.Header, b); ok {
					name, _, _ := strings.Cut(rest, " ")
					out = append(out, name)
				}
			}
		}
		return out
	}
}

func namesOf[S any](root any, list func(*runningconfig.Config) []*S, name func(*S) string) []string {
	c, ok := root.(*runningconfig.Config)
	if !ok {
		return nil
	}
	var out []string
	for _, s := range list(c) {
		out = append(out, name(s))
	}
	return out
}

// severities are the levels of the log by number.
var severities = []string{
	"emergencies", "alerts", "critical", "errors", "warnings", "notifications", "informational", "debugging",
}

// numbered is a number with names: its value is the name where there is one.
func numbered(placeholder string, limit int, names map[int]string) grammar.Type {
	samples := []string{"0", strconv.Itoa(limit), strconv.Itoa(limit / 2)}
	return kind{placeholder: placeholder, rank: grammar.RankTyped, samples: samples, parse: func(s string) (any, bool) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > limit || s[0] == '+' {
			return nil, false
		}
		if name := names[n]; name != "" {
			return name, true
		}
		return strconv.Itoa(n), true
	}}
}

// choice is one keyword for each value, which goes under name as it is spelled.
func choice(name string, spellings ...string) grammar.Alt {
	var out grammar.Alt
	for i := 0; i+1 < len(spellings); i += 2 {
		out = append(out, grammar.Kw(spellings[i], spellings[i+1]).Sets(name, spellings[i]))
	}
	return out
}

// maskLength is the length of the prefix that a contiguous mask makes.
func maskLength(m netip.Addr) (n int) {
	for _, b := range m.As4() {
		n += bits.OnesCount8(b)
	}
	return n
}

// masked clears the bits of a that are clear in m.
func masked(a, m netip.Addr) netip.Addr {
	x, y := a.As4(), m.As4()
	for i := range x {
		x[i] &= y[i]
	}
	return netip.AddrFrom4(x)
}

// inverse turns a wildcard into a mask and back.
func inverse(a netip.Addr) netip.Addr {
	x := a.As4()
	for i := range x {
		x[i] = ^x[i]
	}
	return netip.AddrFrom4(x)
}

// address is an argument that holds an address, or an invalid one.
func address(a grammar.Args, name string) netip.Addr {
	v, _ := a[name].(netip.Addr)
	return v
}

// codes are numbers with names, such as ports: a name may be cut short while
// it is the only one with that beginning. The value is an int, which prints as
// its name.
type codes struct {
	limit int
	what  string
	names map[string]int
}

func (c codes) Placeholder() string { return fmt.Sprintf("<0-%d>", c.limit) }
func (c codes) Rank() int           { return grammar.RankTyped }

func (c codes) Samples() []string {
	names := slices.Sorted(maps.Keys(c.names))
	return []string{names[0], "848"}
}

func (c codes) Parse(tokens []string) (any, int, bool) {
	s := strings.ToLower(tokens[0])
	if n, err := strconv.Atoi(s); err == nil {
		return n, 1, n >= 0 && n <= c.limit && s[0] != '+'
	}
	if n, ok := c.names[s]; ok {
		return n, 1, true
	}
	value, matches := 0, 0
	for name, n := range c.names {
		if strings.HasPrefix(name, s) {
			value, matches = n, matches+1
		}
	}
	return value, 1, matches == 1
}

func (c codes) Format(v any) string {
	n, ok := v.(int)
	if !ok {
		return ""
	}
	for name, code := range c.names {
		if code == n {
			return name // names of one number would print by chance: there are none
		}
	}
	return strconv.Itoa(n)
}

// List is what `?` shows.
func (c codes) List([]string) []grammar.HelpEntry {
	out := []grammar.HelpEntry{{Word: c.Placeholder(), Help: strings.ToUpper(c.what[:1]) + c.what[1:] + " number"}}
	for _, name := range slices.Sorted(maps.Keys(c.names)) {
		out = append(out, grammar.HelpEntry{Word: name, Help: fmt.Sprintf("%s (%s %d)", strings.ToUpper(name[:1])+name[1:], c.what, c.names[name])})
	}
	return out
}

// Addresses of IPv6, which no engine uses yet.
var (
	ipv6Prefix = kind{placeholder: "X:X:X:X::X/<0-128>", rank: grammar.RankTyped, samples: []string{"2001:db8::/32"}, parse: func(s string) (any, bool) {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil && p.Addr().Is6() && !p.Addr().Is4In6()
	}}
	ipv6Address = kind{placeholder: "X:X:X:X::X", rank: grammar.RankTyped, samples: []string{"2001:db8::1"}, parse: func(s string) (any, bool) {
		a, err := netip.ParseAddr(s)
		return a, err == nil && a.Is6() && !a.Is4In6() && a.Zone() == ""
	}}
)

// addressText and addressOf turn an address into text and back.
func addressText(a netip.Addr) (string, bool) { return a.String(), true }

func addressOf(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a
}
