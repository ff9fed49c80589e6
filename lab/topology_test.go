package lab

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func files(topology string, more ...string) fstest.MapFS {
	m := fstest.MapFS{topologyFile: {Data: []byte(topology)}}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = &fstest.MapFile{Data: []byte(more[i+1])}
	}
	return m
}

func TestBasicTopology(t *testing.T) {
	top, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"R1", "R2", "R3", "R4", "R5"}, top.Names()); diff != "" {
		t.Error(diff)
	}
	want := []WirePlan{{Name: "WAN", Shared: true, Ends: []End{
		{"R1", "Ethernet0/0"}, {"R2", "Ethernet0/0"}, {"R3", "Ethernet0/0"}, {"R4", "Ethernet0/0"}, {"R5", "Ethernet0/0"},
	}}}
	if diff := cmp.Diff(want, top.Wires); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Ethernet0/0", "Ethernet0/1", "Ethernet0/2", "Ethernet0/3"}, top.Plan("R3").Ports); diff != "" {
		t.Error(diff)
	}
	if got := top.Plan("R1").Exec; len(got) != 3 {
		t.Errorf("R1 has %d exec lines, want 3", len(got))
	}
	if got := top.firstConsole(); got != "R2" {
		t.Errorf("the first console is %s, want R2", got)
	}
	if lines := strings.Count(welcome(top), "\n"); lines > 24 {
		t.Errorf("the welcome has %d lines, more than a screen", lines)
	}
	for line := range strings.Lines(welcome(top)) {
		if len(line) > 80 {
			t.Errorf("the welcome has a line of %d columns: %q", len(line)-1, line)
		}
	}
}

func TestLoadLinks(t *testing.T) {
	top, err := Load(files(`
name: pair
mgmt: { network: ignored }
topology:
  nodes:
    CE1: { startup-config: configs/one.txt, binds: [ignored] }
    PE:
    LAN: { kind: bridge }
    CE2: { kind: coterie }
  links:
    - endpoints: ["CE1:GigabitEthernet0/1", "PE:eth1"]
    - endpoints: [ "PE:e1/0", "CE2:Ethernet 0/2" ]
    - endpoints: ["LAN:port9", "CE1:gi 0/7"]
`, "configs/one.txt", "hostname CE1\n", "CE2.cfg", "hostname CE2\n", "PE.exec", "! made once\n\nclock set\n end\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Topology{
		Name: "pair",
		Nodes: []Plan{
			{Name: "CE1", ConfigFile: "configs/one.txt", Config: "hostname CE1\n", ExecFile: "CE1.exec",
				Ports: []string{"GigabitEthernet0/0", "GigabitEthernet0/1", "GigabitEthernet0/2", "GigabitEthernet0/3", "GigabitEthernet0/7"}},
			{Name: "PE", ConfigFile: "PE.cfg", ExecFile: "PE.exec", Exec: []string{"clock set", " end"},
				Ports: []string{"Ethernet0/0", "Ethernet0/1", "Ethernet0/2", "Ethernet0/3", "Ethernet1/0"}},
			{Name: "CE2", ConfigFile: "CE2.cfg", Config: "hostname CE2\n", ExecFile: "CE2.exec",
				Ports: []string{"Ethernet0/0", "Ethernet0/1", "Ethernet0/2", "Ethernet0/3"}},
		},
		Wires: []WirePlan{
			{Name: "LAN", Shared: true, Ends: []End{{"CE1", "GigabitEthernet0/7"}}},
			{Name: "CE1:GigabitEthernet0/1-PE:Ethernet0/0", Ends: []End{{"CE1", "GigabitEthernet0/1"}, {"PE", "Ethernet0/0"}}},
			{Name: "PE:Ethernet1/0-CE2:Ethernet0/2", Ends: []End{{"PE", "Ethernet1/0"}, {"CE2", "Ethernet0/2"}}},
		},
	}
	if diff := cmp.Diff(want, top); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		a, b string
		want []int
	}{
		{"CE1", "PE", []int{1}}, {"PE", "CE1", []int{1}}, {"CE1", "LAN", []int{0}}, {"LAN", "CE1", []int{0}},
		{"PE", "LAN", nil}, {"CE1", "CE2", nil}, {"PE", "PE", nil}, {"LAN", "LAN", nil},
	} {
		if diff := cmp.Diff(tt.want, top.between(tt.a, tt.b)); diff != "" {
			t.Errorf("between %s and %s: %s", tt.a, tt.b, diff)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	const head = "topology:\n  nodes:\n    A: {}\n    B: {}\n    S: { kind: bridge }\n    T: { kind: bridge }\n  links:\n"
	tests := []struct{ name, text, want string }{
		{"not yaml", "topology: [", "topology.clab.yml: yaml"},
		{"empty", "", "names no node"},
		{"no router", "topology:\n  nodes:\n    S: { kind: bridge }\n", "has no router"},
		{"kind", "topology:\n  nodes:\n    A: { kind: ceos }\n", `topology.clab.yml:3: node A: kind "ceos" is not known here`},
		{"name", "topology:\n  nodes:\n    1A: {}\n", `:3: "1A" cannot be the name`},
		{"missing config", "topology:\n  nodes:\n    A: { startup-config: no.cfg }\n", ":3: node A: open no.cfg"},
		{"config outside", "topology:\n  nodes:\n    A: { startup-config: ../secret }\n", ":3: node A:"},
		{"one endpoint", head + "    - endpoints: [\"A:eth1\"]\n", ":8: a link has two endpoints, not 1"},
		{"no interface", head + "    - endpoints: [\"A\", \"B:eth1\"]\n", `:8: endpoint "A" is not NODE:INTERFACE`},
		{"unknown node", head + "    - endpoints: [\"C:eth1\", \"B:eth1\"]\n", `:8: endpoint "C:eth1": no node C`},
		{"management", head + "    - endpoints: [\"A:eth0\", \"B:eth1\"]\n", "containerlab's management interface"},
		{"not Ethernet", head + "    - endpoints: [\"A:Loopback0\", \"B:eth1\"]\n", `"Loopback0" is no Ethernet interface`},
		{"twice", head + "    - endpoints: [\"A:eth1\", \"B:eth1\"]\n    - endpoints: [\"A:Ethernet0/0\", \"S:eth1\"]\n", ":9: A:Ethernet0/0 is on two wires"},
		{"to itself", head + "    - endpoints: [\"A:eth1\", \"A:eth1\"]\n", "is on two wires"},
		{"two types", head + "    - endpoints: [\"A:eth1\", \"B:eth1\"]\n    - endpoints: [\"A:Gi0/1\", \"S:eth1\"]\n", "of one type"},
		{"two segments", head + "    - endpoints: [\"S:eth1\", \"T:eth1\"]\n", "two segments cannot be joined"},
	}
	for _, tt := range tests {
		_, err := Load(files(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

func TestFind(t *testing.T) {
	if _, err := Find("no-such-lab"); err == nil || !strings.Contains(err.Error(), "basic") {
		t.Errorf("an unknown lab: %v, want the names that are known", err)
	}
	dir := t.TempDir()
	if _, err := Find(dir); err == nil {
		t.Error("a directory without a topology was accepted")
	}
	// The embedded lab, copied to disk, is the same lab.
	sub, err := fs.Sub(embedded, "topologies/basic")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "copy"), sub); err != nil {
		t.Fatal(err)
	}
	got, err := Find(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := Find("basic")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
