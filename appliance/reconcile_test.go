package appliance

import (
	"crypto/rand"
	"strings"
	"sync"
	"testing"

	"coterie/internal/env"
	"coterie/netdev"
	netvirtual "coterie/netdev/virtual"
	xfrmvirtual "coterie/xfrm/virtual"
)

// A transit packet that a fail-close map does not let through.
var transit = []byte{0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0}

// watchedStack sends the packet out of Ethernet0/0 whenever that has come up,
// or is about to go down.
type watchedStack struct {
	*netvirtual.Stack
	plane *xfrmvirtual.Dataplane

	mu     sync.Mutex
	up     bool
	ups    int
	leaked int
}

func (s *watchedStack) Configure(c netdev.InterfaceConfig) error {
	if c.Name != "Ethernet0/0" {
		return s.Stack.Configure(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.up && c.Shutdown {
		s.look()
	}
	err := s.Stack.Configure(c)
	if s.up = !c.Shutdown; s.up {
		s.ups++
		s.look()
	}
	return err
}

func (s *watchedStack) look() {
	if s.passes() {
		s.leaked++
	}
}

func (s *watchedStack) passes() bool { return len(s.plane.Outbound("Ethernet0/0", transit)) > 0 }

const failCloseText = `
crypto gdoi group G
 identity number 1
 server address ipv4 10.0.0.1
crypto map M gdoi fail-close
 activate
crypto map M 10 gdoi
 set group G
interface Ethernet0/0
 ip address 10.0.0.2 255.255.255.0
 no shutdown
 crypto map M
`

// An interface never is up without its crypto map: not at boot, nor around
// `shutdown` and `no shutdown`.
func TestNoClearTextAroundAnInterface(t *testing.T) {
	clock := new(env.Clock)
	stack, err := netvirtual.New(netvirtual.Config{Name: "R2", Clock: clock, Interfaces: []netvirtual.Port{{Name: "Ethernet0/0"}}})
	if err != nil {
		t.Fatal(err)
	}
	plane := xfrmvirtual.New(clock, rand.Reader)
	s := &watchedStack{Stack: stack, plane: plane}
	a, err := New(Config{Name: "R2", Stack: s, Dataplane: plane, Clock: clock, Env: env.System(), Files: &memory{files: make(map[string][]byte)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	a.Boot(t.Context(), failCloseText)
	down := strings.Replace(failCloseText, " no shutdown\n", " shutdown\n", 1)
	for _, text := range []string{down, failCloseText} {
		if _, refused, err := a.Replace(t.Context(), text); err != nil || len(refused) > 0 {
			t.Fatalf("%v %v", refused, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ups != 2 || s.leaked != 0 || s.passes() {
		t.Errorf("up %d times, %d packets in the clear, now %v", s.ups, s.leaked, s.passes())
	}
}

// A map that is fail-close lets nothing through when its group is taken away, or
// is not set.
func TestFailCloseWithoutGroup(t *testing.T) {
	for name, text := range map[string]string{
		"no set group":            strings.Replace(failCloseText, " set group G\n", "", 1),
		"a group that is missing": strings.Replace(failCloseText, " set group G\n", " set group GONE\n", 1),
	} {
		plane := xfrmvirtual.New(new(env.Clock), rand.Reader)
		for _, p := range compile(parse(t, text), "R2", oneKey).Policies {
			if err := plane.SetInterface(p); err != nil {
				t.Fatal(err)
			}
		}
		if len(plane.Outbound("Ethernet0/0", transit)) > 0 {
			t.Errorf("%s: a packet leaves in the clear", name)
		}
		plane.Close()
	}
}
