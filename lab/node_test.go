package lab

import (
	"fmt"
	"testing"
)

// The addresses of a lab's ports are all different, and where their names allow
// it those of an IOS of the node's number.
func TestAddressesOfPorts(t *testing.T) {
	top, err := Load(files(`
name: x
topology:
  nodes:
    R1: {kind: linux}
    R2: {kind: linux}
    SW: {kind: bridge}
  links:
    - endpoints: ["R1:GigabitEthernet0/0/0", "SW:a"]
    - endpoints: ["R1:GigabitEthernet0/0/1", "SW:b"]
    - endpoints: ["R2:GigabitEthernet0/0/1", "SW:c"]
    - endpoints: ["R1:GigabitEthernet16/1", "SW:d"]
`))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[6]byte]string{}
	got := map[string]string{}
	for i, p := range top.Nodes {
		n := &Node{plan: p, number: i + 1}
		for _, port := range n.ports() {
			name := p.Name + ":" + port.Name
			if other := seen[port.MAC]; other != "" {
				t.Errorf("%s and %s have %x", other, name, port.MAC)
			}
			seen[port.MAC] = name
			got[name] = fmt.Sprintf("%x", port.MAC)
		}
	}
	for name, want := range map[string]string{
		"R1:GigabitEthernet0/0": "aabbcc000100", "R1:GigabitEthernet0/1": "aabbcc000110", "R1:GigabitEthernet0/3": "aabbcc000130",
		"R2:GigabitEthernet0/0": "aabbcc000200", "R2:GigabitEthernet0/2": "aabbcc000220",
	} {
		if got[name] != want {
			t.Errorf("%s has %s, want %s", name, got[name], want)
		}
	}
}
