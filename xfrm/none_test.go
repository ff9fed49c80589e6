package xfrm

import (
	"errors"
	"strings"
	"testing"
)

func TestNoneRefusesToEncrypt(t *testing.T) {
	n := NewNone()
	if err := n.SetInterface(InterfacePolicy{Interface: "Ethernet0/0"}); err != nil {
		t.Errorf("detaching a crypto map: %v", err)
	}
	err := n.SetInterface(InterfacePolicy{Interface: "Ethernet0/0", MapName: "GETVPN", Entries: []MapEntry{{Sequence: 10}}})
	if !errors.Is(err, ErrNoDataplane) || !strings.Contains(err.Error(), "crypto map GETVPN on Ethernet0/0") {
		t.Errorf("attaching a crypto map: %v", err)
	}
	if err := n.SetGroup(Group{Key: GroupKey{Name: "G"}}); !errors.Is(err, ErrNoDataplane) {
		t.Errorf("installing a group: %v", err)
	}
	if err := n.RemoveGroup(GroupKey{Name: "G"}); err != nil {
		t.Errorf("removing a group: %v", err)
	}
	if s := n.Snapshot(); len(s.Groups) != 0 || len(s.Interfaces) != 0 {
		t.Errorf("snapshot %+v, want nothing", s)
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, open := <-n.Events(); open {
		t.Error("Events is open after Close")
	}
}
