package runningconfig

import (
	"errors"
	"net/netip"
	"reflect"
	"sync"
	"testing"

	"coterie/internal/secret"
)

func sample() *Config {
	return &Config{
		Hostname: "KS1",
		ISAKMP: ISAKMP{
			Policies: []*ISAKMPPolicy{{Priority: 1, Encryption: "aes"}},
			Keys:     []ISAKMPKey{{Key: secret.Of("MYGDOIPSK"), Address: netip.IPv4Unspecified()}},
		},
		Groups:      []*Group{{Name: "G", Local: &LocalServer{SAs: []*GroupSA{{Number: 1}}, Redundancy: &Redundancy{Peers: []netip.Addr{netip.IPv4Unspecified()}}}}},
		AccessLists: []*AccessList{{Name: "A", Entries: []ACE{{Sequence: 10, Src: Endpoint{Any: true, Ports: []uint16{1}}}}}},
		Stanzas:     []*Stanza{{Header: "router bgp 1", Subs: []*Stanza{{Header: "address-family ipv4"}}}},
	}
}

// A clone is equal, and shares nothing that an edit changes.
func TestClone(t *testing.T) {
	c := sample()
	d := c.Clone()
	if !reflect.DeepEqual(c, d) {
		t.Fatal("a clone differs")
	}
	d.ISAKMP.Policies[0].Encryption = "des"
	d.Groups[0].Local.SAs[0].Number = 2
	d.Groups[0].Local.Redundancy.Peers[0] = netip.Addr{}
	d.AccessLists[0].Entries[0].Src.Ports[0] = 2
	d.Stanzas[0].Subs[0].Header = ""
	if !reflect.DeepEqual(c, sample()) {
		t.Error("an edit of the clone reached the original")
	}
}

func TestStore(t *testing.T) {
	s := NewStore()
	first, v := s.Snapshot()
	if err := s.Edit(func(c *Config) error { c.Hostname = "R1"; return nil }); err != nil {
		t.Fatal(err)
	}
	second, w := s.Snapshot()
	if first.Hostname != "" || second.Hostname != "R1" || w <= v {
		t.Errorf("%q %d, %q %d", first.Hostname, v, second.Hostname, w)
	}
	refused := errors.New("refused")
	if err := s.Edit(func(*Config) error { return refused }); err != refused {
		t.Error(err)
	}
	if third, x := s.Snapshot(); third != second || x != w {
		t.Error("a refused edit made a new version")
	}
	s.Replace(sample())
	s.View(func(c *Config) {
		if c.Hostname != "KS1" {
			t.Error(c.Hostname)
		}
	})
}

func TestStoreConcurrently(t *testing.T) {
	s := NewStore()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				s.Edit(func(c *Config) error { c.Routes = append(c.Routes, Route{}); return nil })
				if c, v := s.Snapshot(); len(c.Routes) != int(v) {
					t.Errorf("version %d has %d routes", v, len(c.Routes))
				}
			}
		})
	}
	wg.Wait()
}

func TestDefaults(t *testing.T) {
	if got, want := (ISAKMPPolicy{Priority: 5}).WithDefaults(),
		(ISAKMPPolicy{Priority: 5, Encryption: "des", Hash: "sha", Authentication: "rsa-sig", Group: 1, Lifetime: 86400}); got != want {
		t.Errorf("%+v", got)
	}
	if got := (Lifetime{Days: 2}).InSeconds(1); got != 172800 {
		t.Error(got)
	}
	if got := (Lifetime{}).InSeconds(DefaultTEKLifetime); got != 3600 {
		t.Error(got)
	}
	for _, c := range []struct{ in, want Retransmit }{
		{Retransmit{}, Retransmit{Interval: 10, Number: 2}},
		{Retransmit{Interval: 60, Number: 3}, Retransmit{Interval: 60, Number: 3}},
		{Retransmit{Interval: 20, Periodic: true}, Retransmit{Interval: 20, Periodic: true}},
	} {
		if got := c.in.WithDefaults(); got != c.want {
			t.Errorf("%+v", got)
		}
	}
	for want, r := range map[int]Replay{64: {}, 128: {Counter: 128}} {
		if got := r.Window(); got != want {
			t.Errorf("%+v: %d", r, got)
		}
	}
	if (Replay{Time: 5}).Window() != 0 || (Replay{Disabled: true}).Window() != 0 {
		t.Error("a window without a counter")
	}
	if l := (LocalServer{}).WithDefaults(); l.RekeyAlgorithm != "3des-cbc" || l.RekeySigHash != "sha" || l.Acknowledgement != "cisco" {
		t.Errorf("%+v", l)
	}
	if new(Config).Name() != "Router" || sample().Name() != "KS1" {
		t.Error("host name")
	}
}
