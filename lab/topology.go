package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	runningconfig "coterie/running-config"

	"gopkg.in/yaml.v3"
)

// topologyFile is the name of a topology in its directory.
const topologyFile = "topology.clab.yml"

// A Topology is the plan of a lab: routers, and the wires between them.
type Topology struct {
	Name    string
	Nodes   []Plan     // routers, in the order of the file
	Wires   []WirePlan // shared segments, then links, in the order of the file
	Welcome string     // drawing and hints for a person
}

// Plan is one router before it boots.
type Plan struct {
	Name       string
	ConfigFile string // name of the file Config comes from, for messages
	Config     string // startup configuration, IOS text
	ExecFile   string
	Exec       []string // lines typed once, before the first boot
	Ports      []string // canonical names of its Ethernet-like interfaces
}

// WirePlan is a link of two ports, or a shared segment of any number.
type WirePlan struct {
	Name   string // of the segment; "R1:Ethernet0/0-R2:Ethernet0/1" of a link
	Shared bool
	Ends   []End
}

// End is one port on a wire.
type End struct{ Node, Port string }

func (e End) String() string { return e.Node + ":" + e.Port }

// The subset of containerlab's file that is read here; the rest is ignored.
type clabFile struct {
	Name     string `yaml:"name"`
	Topology struct {
		Defaults clabNode    `yaml:"defaults"`
		Nodes    yaml.Node   `yaml:"nodes"`
		Links    []yaml.Node `yaml:"links"`
	} `yaml:"topology"`
}

type clabNode struct {
	Kind          string `yaml:"kind"`
	StartupConfig string `yaml:"startup-config"`
}

// Kinds of node: a bridge is a shared segment, all others are routers.
const kindBridge = "bridge"

var routerKinds = []string{"linux", "coterie"}

// basePorts is how many Ethernet interfaces a router has at least.
const basePorts = 4

// Load reads topology.clab.yml and the files that it names from a directory.
// Errors name file and line.
func Load(fsys fs.FS) (*Topology, error) {
	text, err := fs.ReadFile(fsys, topologyFile)
	if err != nil {
		return nil, err
	}
	var file clabFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", topologyFile, err)
	}
	l := &loader{fsys: fsys, topology: &Topology{Name: file.Name}, bridges: map[string]int{}, types: map[string]string{}}
	if err := l.nodes(file); err != nil {
		return nil, err
	}
	for i := range file.Topology.Links {
		if err := l.link(&file.Topology.Links[i]); err != nil {
			return nil, err
		}
	}
	l.ports()
	welcome, err := fs.ReadFile(fsys, "welcome.txt")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l.topology.Welcome = string(welcome)
	return l.topology, nil
}

type loader struct {
	fsys     fs.FS
	topology *Topology
	bridges  map[string]int    // name to index in Wires
	types    map[string]string // node to the type of its first port
}

func at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", topologyFile, n.Line, fmt.Sprintf(format, args...))
}

func (l *loader) nodes(file clabFile) error {
	nodes := &file.Topology.Nodes
	if nodes.Kind != yaml.MappingNode || len(nodes.Content) == 0 {
		return fmt.Errorf("%s: topology.nodes names no node", topologyFile)
	}
	for i := 0; i+1 < len(nodes.Content); i += 2 {
		key, value := nodes.Content[i], nodes.Content[i+1]
		n := file.Topology.Defaults
		if err := value.Decode(&n); err != nil {
			return at(value, "node %s: %v", key.Value, err)
		}
		if !validName(key.Value) {
			return at(key, "%q cannot be the name of a node: letters, digits, - _ . only, a letter first", key.Value)
		}
		switch {
		case n.Kind == kindBridge:
			l.bridges[key.Value] = len(l.topology.Wires)
			l.topology.Wires = append(l.topology.Wires, WirePlan{Name: key.Value, Shared: true})
		case n.Kind == "" || slices.Contains(routerKinds, n.Kind):
			p, err := l.plan(key, n)
			if err != nil {
				return err
			}
			l.topology.Nodes = append(l.topology.Nodes, p)
		default:
			return at(value, "node %s: kind %q is not known here; %s are routers, %s is a shared segment",
				key.Value, n.Kind, strings.Join(routerKinds, " and "), kindBridge)
		}
	}
	if len(l.topology.Nodes) == 0 {
		return fmt.Errorf("%s: topology.nodes has no router", topologyFile)
	}
	return nil
}

func validName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))) {
			return false
		}
	}
	return s != ""
}

// plan reads the files of one router: its startup-config, by default NAME.cfg,
// and NAME.exec.
func (l *loader) plan(key *yaml.Node, n clabNode) (Plan, error) {
	p := Plan{Name: key.Value, ConfigFile: n.StartupConfig, ExecFile: key.Value + ".exec"}
	named := p.ConfigFile != ""
	if !named {
		p.ConfigFile = p.Name + ".cfg"
	}
	text, err := fs.ReadFile(l.fsys, path.Clean(p.ConfigFile))
	switch {
	case err == nil:
		p.Config = string(text)
	case named || !errors.Is(err, fs.ErrNotExist):
		return p, at(key, "node %s: %v", p.Name, err)
	}
	text, err = fs.ReadFile(l.fsys, p.ExecFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, at(key, "node %s: %v", p.Name, err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if t := strings.TrimSpace(line); t != "" && !strings.HasPrefix(t, "!") {
			p.Exec = append(p.Exec, line)
		}
	}
	return p, nil
}

func (l *loader) link(n *yaml.Node) error {
	var link struct {
		Endpoints []string `yaml:"endpoints"`
	}
	if err := n.Decode(&link); err != nil {
		return at(n, "%v", err)
	}
	if len(link.Endpoints) != 2 {
		return at(n, "a link has two endpoints, not %d", len(link.Endpoints))
	}
	var ends []End
	segment := -1
	for _, e := range link.Endpoints {
		name, port, ok := strings.Cut(e, ":")
		if !ok || port == "" {
			return at(n, "endpoint %q is not NODE:INTERFACE", e)
		}
		if i, ok := l.bridges[name]; ok {
			if segment >= 0 {
				return at(n, "two segments cannot be joined: %s", strings.Join(link.Endpoints, ", "))
			}
			segment = i
			continue
		}
		if l.topology.Plan(name) == nil {
			return at(n, "endpoint %q: no node %s", e, name)
		}
		canonical, err := portName(port)
		if err != nil {
			return at(n, "endpoint %q: %v", e, err)
		}
		end := End{name, canonical}
		for _, w := range l.topology.Wires {
			if slices.Contains(w.Ends, end) || slices.Contains(ends, end) {
				return at(n, "%v is on two wires", end)
			}
		}
		ends = append(ends, end)
		if typ := strings.TrimRight(canonical, "0123456789/"); l.types[name] == "" {
			l.types[name] = typ
		} else if l.types[name] != typ {
			return at(n, "%v: the interfaces of a node are of one type, and %s has %s", end, name, l.types[name])
		}
	}
	if segment >= 0 {
		w := &l.topology.Wires[segment]
		w.Ends = append(w.Ends, ends...)
		return nil
	}
	l.topology.Wires = append(l.topology.Wires, WirePlan{Name: ends[0].String() + "-" + ends[1].String(), Ends: ends})
	return nil
}

// portName makes an IOS name of an endpoint's interface. Linux names count as
// under containerlab, which keeps eth0: ethN is the N-th Ethernet interface.
func portName(s string) (string, error) {
	if digits, ok := strings.CutPrefix(s, "eth"); ok {
		if n, err := strconv.ParseUint(digits, 10, 8); err == nil {
			if n == 0 {
				return "", errors.New("eth0 is containerlab's management interface")
			}
			return ethernet("Ethernet", int(n)-1), nil
		}
	}
	name, ok := runningconfig.InterfaceName(s)
	typ := strings.TrimRight(name, "0123456789/")
	if !ok || !slices.Contains([]string{"Ethernet", "FastEthernet", "GigabitEthernet", "TenGigabitEthernet"}, typ) || typ == name {
		return "", fmt.Errorf("%q is no Ethernet interface", s)
	}
	return name, nil
}

// ethernet names the n-th Ethernet interface, four to a slot.
func ethernet(typ string, n int) string { return fmt.Sprintf("%s%d/%d", typ, n/4, n%4) }

// ports gives every router what the links name, and at least four.
func (l *loader) ports() {
	for i := range l.topology.Nodes {
		p := &l.topology.Nodes[i]
		typ := l.types[p.Name]
		if typ == "" {
			typ = "Ethernet"
		}
		for n := range basePorts {
			p.Ports = append(p.Ports, ethernet(typ, n))
		}
		for _, w := range l.topology.Wires {
			for _, e := range w.Ends {
				if e.Node == p.Name && !slices.Contains(p.Ports, e.Port) {
					p.Ports = append(p.Ports, e.Port)
				}
			}
		}
		slices.SortFunc(p.Ports, runningconfig.CompareInterfaceNames)
	}
}

// Plan finds a router, or nil.
func (t *Topology) Plan(name string) *Plan {
	for i := range t.Nodes {
		if t.Nodes[i].Name == name {
			return &t.Nodes[i]
		}
	}
	return nil
}

// Names lists the routers.
func (t *Topology) Names() []string {
	var names []string
	for _, n := range t.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// between lists the wires, by index, that `@link a b` means: the links between
// two routers, or the segment that one of them names.
func (t *Topology) between(a, b string) []int {
	var out []int
	for i, w := range t.Wires {
		has := func(name string) bool {
			return w.Shared && w.Name == name || slices.ContainsFunc(w.Ends, func(e End) bool { return e.Node == name })
		}
		if has(a) && has(b) && a != b && (!w.Shared || w.Name == a || w.Name == b) {
			out = append(out, i)
		}
	}
	return out
}
