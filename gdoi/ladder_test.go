package gdoi_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	"coterie/internal/sim"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// One registration, arrow by arrow, and the lines on both sides.
func TestRegistrationLadder(t *testing.T) {
	l := newLab(t, 1, 1, nil)
	l.RunFor(10 * time.Second)
	want := []string{
		"R2 R1 2",  // R2 --> R1  HDR, SA
		"R1 R2 2",  // R1 --> R2  HDR, SA
		"R2 R1 2",  // R2 --> R1  HDR, KE, Ni
		"R1 R2 2",  // R1 --> R2  HDR, KE, Nr
		"R2 R1 2",  // R2 --> R1  HDR*, IDii, HASH_I
		"R1 R2 2",  // R1 --> R2  HDR*, IDir, HASH_R
		"R2 R1 32", // R2 --> R1  HDR*, HASH(1), Ni, ID
		"R1 R2 32", // R1 --> R2  HDR*, HASH(2), Nr, SA
		"R2 R1 32", // R2 --> R1  HDR*, HASH(3)
		"R1 R2 32", // R1 --> R2  HDR*, HASH(4), SEQ, KD
	}
	var got []string
	for _, e := range l.Trace(100) {
		got = append(got, fmt.Sprintf("%s %s %d", e.From, e.To, e.Datagram.Data[18]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("ladder %q", got)
	}
	if s := l.gms[0].snapshot(); s.Status != "Registered" || s.Succeeded != 1 || s.Attempted != 1 {
		t.Errorf("member %+v", s)
	}
	if m, ok := l.ks.group().Members.Get(gmAddr(2)); !ok || m.Hostname != "R2" || m.Version != policy.Version || m.Foreign {
		t.Errorf("key server has %v %+v", ok, m)
	}
	for _, text := range []string{
		"%GDOI-6-KS_FIRST_GM: Re-key: First GM 192.168.1.2 seen by KS in the group GDOI_GROUP.",
		"%GDOI-5-KS_REGS_COMPL: KS completed successful registration in group GDOI_GROUP with GM 192.168.1.2.",
	} {
		if !strings.Contains(l.ks.log.text(), text) {
			t.Errorf("key server did not log %s; but\n%s", text, l.ks.log.text())
		}
	}
	if len(l.gms[0].log.at(syslog.GMRegsCompl)) != 1 {
		t.Errorf("member logged\n%s", l.gms[0].log.text())
	}
}

// Twelve hours, KEK of two hours and TEK of one, datagrams lost and doubled:
// everything on schedule, nothing unreadable, nobody registers again.
func TestRolloverOverHours(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    sim.Conditions
	}{
		{"clean", sim.Conditions{Latency: 2 * time.Millisecond}},
		{"lossy", sim.Conditions{Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.04, Duplicate: 0.05, Reorder: 0.05}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, 3, 4, nil)
			l.RunFor(time.Minute)
			l.Conditions(tt.c)
			lost := l.pingEverySecond()
			l.Run(start.Add(12 * time.Hour))
			if len(*lost) > 0 {
				t.Errorf("pings lost:\n%s", strings.Join(*lost, "\n"))
			}
			l.checkSequence()
			// Keys exist from the start. TEK: 3600 - (180+72+25) = 3323 s; KEK: 7200 - (360+144+25) = 6671 s.
			var want []time.Duration
			for at := 3323 * time.Second; at < 12*time.Hour; at += 3323 * time.Second {
				want = append(want, at)
			}
			for at := 6671 * time.Second; at < 12*time.Hour; at += 6671 * time.Second {
				want = append(want, at)
			}
			slices.Sort(want)
			if got := l.ks.log.at(syslog.KSSendUnicastRekey); !slices.Equal(got, want) {
				t.Errorf("rekeys at %v\nwant %v", got, want)
			}
			for _, g := range l.gms {
				if s := g.snapshot(); s.Attempted != 1 || s.RekeysReceived != uint64(len(want)) {
					t.Errorf("%s registered %d times, %d rekeys of %d\n%s", g.host.Name, s.Attempted, s.RekeysReceived, len(want), g.log.text())
				}
			}
			if n := l.ks.group().Members.Len(); n != 4 {
				t.Errorf("%d members", n)
			}
		})
	}
}

// A member whose acknowledgements never arrive is out after three rekeys; the
// keys it has stay good, it registers again in time, and is back.
func TestEjection(t *testing.T) {
	l := newLab(t, 4, 2, func(g *keyserver.Group) { g.SAs[0].Lifetime = 900 * time.Second })
	l.RunFor(time.Minute)
	l.Path("R3", "R1", sim.Conditions{Down: true})
	lost := l.pingEverySecond()
	// 900 s: rekeyed 90+25 = 115 s before the end.
	l.Run(start.Add(3*785*time.Second + 29*time.Second))
	if n := l.ks.group().Members.Len(); n != 2 {
		t.Fatalf("%d members before the third verdict", n)
	}
	l.RunFor(2 * time.Second)
	if n := l.ks.group().Members.Len(); n != 1 {
		t.Fatalf("%d members after the third verdict", n)
	}
	got := l.ks.log.at(syslog.KSNackGMEject)
	if len(got) != 1 || got[0] != (3*785+30)*time.Second {
		t.Errorf("ejected at %v", got)
	}
	l.Mend("R3", "R1")
	l.Run(start.Add(2 * time.Hour))
	if s := l.gms[1].snapshot(); s.Attempted != 2 || s.Status != "Registered" {
		t.Errorf("%s\n%s", s.Status, l.gms[1].log.text())
	}
	if n := l.ks.group().Members.Len(); n != 2 {
		t.Errorf("%d members in the end", n)
	}
	// It missed one rekey: between the others' change of TEK and its own return
	// they do not understand each other, and never else.
	for _, at := range *lost {
		if d, _, _ := strings.Cut(at, ":"); !inGap(d, 4*785*time.Second+30*time.Second, 4*785*time.Second+115*time.Second) {
			t.Errorf("lost outside the gap: %s", at)
		}
	}
}

func inGap(text string, from, to time.Duration) bool {
	d, err := time.ParseDuration(text)
	return err == nil && d >= from && d <= to
}

// A member that misses a rekey altogether registers again by itself, between
// 5 and 7 per cent of the TEK's life before its end, and others do not.
func TestMissedRekey(t *testing.T) {
	l := newLab(t, 5, 3, nil)
	l.RunFor(time.Minute)
	l.Cut("R1", "R3")
	l.Run(start.Add(3346 * time.Second)) // rekeyed at 3323 s, copies 10 s and 20 s later
	l.Mend("R1", "R3")
	l.Run(start.Add(2 * time.Hour))
	for i, g := range l.gms {
		times := g.log.at(syslog.GMRegister)
		switch {
		case i != 1:
			if len(times) != 1 {
				t.Errorf("%s registered at %v", g.host.Name, times)
			}
		case len(times) != 2 || times[1] < (3600-252)*time.Second || times[1] > (3600-180)*time.Second:
			t.Errorf("%s registered at %v, want between 3348 s and 3420 s again", g.host.Name, times)
		}
		if !g.decrypts(l.gms[0].sends()) {
			t.Errorf("%s cannot decrypt what R2 sends", g.host.Name)
		}
	}
}

// An edited policy: noticed, pushed by command, and replaced at once by another.
func TestPolicyChangeAndReplaceNow(t *testing.T) {
	l := newLab(t, 6, 4, nil)
	l.RunFor(10 * time.Minute)
	edited := serverConfig()
	edited.Groups[0].SAs[0].ACEs = []xfrm.ACE{{Permit: false, Protocol: 6}, {Permit: true}}
	l.ks.do(keyserver.Configure{Config: edited})
	l.RunFor(time.Minute)
	if n := len(l.ks.log.at(syslog.PolicyChange)); n != 1 || len(l.gms[0].snapshot().ACEs) != 1 {
		t.Fatalf("policy change logged %d times", n)
	}
	lost := l.pingEverySecond()
	l.ks.do(keyserver.RekeyNow{})
	l.RunFor(time.Second)
	for _, g := range l.gms {
		if s := g.snapshot(); len(s.ACEs) != 2 || s.ACEs[0].Permit || len(s.TEKs) != 2 {
			t.Errorf("%s after the rekey: %d TEKs, %+v", g.host.Name, len(s.TEKs), s.ACEs)
		}
	}
	l.RunFor(5 * time.Minute) // the old TEK had 180 s
	for _, g := range l.gms {
		if s := g.snapshot(); len(s.TEKs) != 1 {
			t.Errorf("%s still has %d TEKs", g.host.Name, len(s.TEKs))
		}
	}
	if len(*lost) > 0 {
		t.Errorf("pings lost:\n%s", strings.Join(*lost, "\n"))
	}
	before := l.gms[0].sends()
	l.ks.do(keyserver.RekeyNow{ReplaceNow: true})
	l.RunFor(100 * time.Millisecond)
	for _, g := range l.gms {
		if g.sends() == before || g.decrypts(before) || !g.decrypts(l.gms[0].sends()) {
			t.Errorf("%s after replace-now: sends %x", g.host.Name, g.sends())
		}
		if len(g.log.at(syslog.GMPolicyReplaceNow)) != 1 {
			t.Errorf("%s logged\n%s", g.host.Name, g.log.text())
		}
	}
	for _, want := range []string{"Sending Unicast Rekey with policy-replace for group GDOI_GROUP from address 192.168.1.254 with seq # 1"} {
		if !strings.Contains(l.ks.log.text(), want) {
			t.Errorf("key server logged\n%s", l.ks.log.text())
		}
	}
	l.checkSequence()
	for _, g := range l.gms {
		if s := g.snapshot(); s.Attempted != 1 {
			t.Errorf("%s registered %d times", g.host.Name, s.Attempted)
		}
	}
}

// The first server of the list is dead: message 1 at 0, 10, 20, 30 s, given up
// at 40 s, then the second.
func TestServerListWalk(t *testing.T) {
	l := newLab(t, 7, 0, nil)
	dead := netip.MustParseAddr("192.168.1.253")
	var tries []time.Duration
	l.Observe(func(e sim.Event) {
		if e.From == "R2" && e.Datagram.To.Addr() == dead {
			tries = append(tries, e.At.Sub(start))
		}
	})
	g := l.join(2, dead, serverAddr)
	l.RunFor(2 * time.Minute)
	if len(tries) != 4 {
		t.Fatalf("tried the dead server at %v", tries)
	}
	for i, at := range tries {
		if !near(at-tries[0], time.Duration(i)*10*time.Second, 10*time.Millisecond) {
			t.Errorf("tried the dead server at %v", tries)
		}
	}
	starts := g.log.at(syslog.GMRegister)
	if len(starts) != 2 || !near(starts[1]-starts[0], 40*time.Second, 10*time.Millisecond) {
		t.Errorf("registrations started at %v", starts)
	}
	if s := g.snapshot(); s.Status != "Registered" {
		t.Errorf("%s\n%s", s.Status, g.log.text())
	}
}

// The key server crashes and comes back with new keys: nothing old is used
// again, and every member is under the new ones by the end of its TEK.
func TestServerCrash(t *testing.T) {
	l := newLab(t, 8, 4, nil)
	l.RunFor(20 * time.Minute)
	old := l.ks.group()
	l.Host("R1").Crash()
	l.RunFor(5 * time.Minute)
	for _, a := range l.gms {
		for _, b := range l.gms {
			if !b.decrypts(a.sends()) {
				t.Fatal("traffic depends on the key server")
			}
		}
	}
	l.Host("R1").Restart()
	l.Run(start.Add(70 * time.Minute))
	s := l.ks.group()
	if s.KEK.SPI == old.KEK.SPI || s.TEKs[len(s.TEKs)-1].SPI == old.TEKs[0].SPI || s.Members.Len() != 4 {
		t.Errorf("after the crash: %d members, KEK %x, before %x", s.Members.Len(), s.KEK.SPI, old.KEK.SPI)
	}
	for _, g := range l.gms {
		if snap := g.snapshot(); snap.Status != "Registered" || snap.Succeeded != 2 || !g.decrypts(l.gms[0].sends()) {
			t.Errorf("%s %s registered %d times\n%s", g.host.Name, snap.Status, snap.Succeeded, g.log.text())
		}
	}
	l.checkSequence()
}

// Each of these leaves the member unregistered and retrying, and the side that
// knows why says so within a minute.
func TestRegistrationFailures(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(*ks, *gm)
		event *syslog.Event // on the key server
	}{
		{"wrong group", func(k *ks, g *gm) { g.cfg.ID.Number = 2 }, syslog.KSBadID},
		{"not authorized", func(k *ks, g *gm) { k.cfg.Groups[0].Authorized = []xfrm.ACE{} }, syslog.UnauthorizedIP},
		{"incomplete", func(k *ks, g *gm) { k.cfg.Groups[0].Incomplete = "access-list ICMP does not exist" }, syslog.KSIncomplete},
		{"counter mode", func(k *ks, g *gm) {
			k.cfg.Groups[0].SAs[0].Transform = suite.Transform{Cipher: suite.ESPGCM256}
		}, syslog.KSNoSIDAvailable},
		{"transform not acceptable", func(k *ks, g *gm) {
			g.cfg.Transforms = []suite.Transform{{Cipher: suite.ESP3DES, Auth: suite.ESPSHA1}}
		}, syslog.KSGMRejectsSA},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := &lab{Network: sim.New(9, start), t: t}
			l.Describe(describe)
			l.DumpOnFailure(t, 40)
			l.ks = &ks{phase1: isakmpConfig(true), cfg: serverConfig()}
			g := &gm{phase1: isakmpConfig(false), cfg: member.Config{
				Key: xfrm.GroupKey{Name: "GDOI_GROUP", Source: gmAddr(2)}, ID: policy.GroupID{Number: 1}, Servers: []netip.Addr{serverAddr}, Port: 848,
			}}
			tt.edit(l.ks, g)
			l.Add("R1", l.ks, serverAddr)
			l.Add("R2", g, gmAddr(2))
			l.RunFor(time.Minute)
			if times := l.ks.log.at(tt.event); len(times) == 0 {
				t.Errorf("key server logged\n%s", l.ks.log.text())
			}
			if s := g.snapshot(); s.Status == "Registered" || s.Succeeded != 0 {
				t.Errorf("member %s", s.Status)
			}
			if n := l.ks.group().Members.Len(); n != 0 {
				t.Errorf("%d members", n)
			}
			attempts := g.snapshot().Attempted
			l.RunFor(3 * time.Minute)
			if g.snapshot().Attempted <= attempts {
				t.Error("the member does not try again")
			}
		})
	}
}

// The same seed gives the same run, octet for octet.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64) string {
		l := newLab(t, seed, 3, nil)
		l.Conditions(sim.Conditions{Latency: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1, Duplicate: 0.1})
		var b bytes.Buffer
		l.Observe(func(e sim.Event) { fmt.Fprintf(&b, "%v %v %s %s %x\n", e.At, e.Kind, e.From, e.To, e.Datagram.Data) })
		l.RunFor(2 * time.Hour)
		return b.String()
	}
	first := run(1)
	if first != run(1) {
		t.Error("two runs of one seed differ")
	}
	if first == run(2) {
		t.Error("two seeds gave one run")
	}
}

// Multicast: one datagram and its copies serve everybody, and nobody is
// ejected for silence.
func TestMulticastRollover(t *testing.T) {
	l := newLab(t, 10, 4, func(g *keyserver.Group) {
		g.Rekey.Unicast, g.Rekey.Multicast = false, netip.MustParseAddrPort("239.10.10.1:848")
	})
	l.RunFor(time.Minute)
	l.Conditions(sim.Conditions{Latency: 5 * time.Millisecond, Loss: 0.05})
	lost := l.pingEverySecond()
	l.Run(start.Add(8 * time.Hour))
	if len(*lost) > 0 {
		t.Errorf("pings lost:\n%s", strings.Join(*lost, "\n"))
	}
	l.checkSequence()
	for _, g := range l.gms {
		if s := g.snapshot(); s.Attempted != 1 || s.RekeysReceived < 8 {
			t.Errorf("%s registered %d times, %d rekeys\n%s", g.host.Name, s.Attempted, s.RekeysReceived, g.log.text())
		}
	}
	if n := l.ks.group().Members.Len(); n != 4 {
		t.Errorf("%d members", n)
	}
}

// Without an RSA key members live on registrations alone, and traffic does
// not stop for it.
func TestWithoutRekeys(t *testing.T) {
	l := newLab(t, 11, 4, func(g *keyserver.Group) { g.Rekey.Signer, g.Rekey.SPKI = nil, nil })
	l.RunFor(time.Minute)
	lost := l.pingEverySecond()
	l.Run(start.Add(6 * time.Hour))
	if len(*lost) > 0 {
		t.Errorf("pings lost:\n%s", strings.Join(*lost, "\n"))
	}
	for _, g := range l.gms {
		if s := g.snapshot(); s.Succeeded < 6 || s.Succeeded > 8 {
			t.Errorf("%s registered %d times in six hours", g.host.Name, s.Succeeded)
		}
	}
}

// Whatever happens, in whatever order: sequence numbers are never used twice,
// and two hours after the last trouble every member understands every other.
func TestTroubleHeals(t *testing.T) {
	for seed := range uint64(12) {
		l := newLab(t, seed, 4, nil)
		l.Conditions(sim.Conditions{Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.1, Duplicate: 0.1, Reorder: 0.1})
		r := rand.New(rand.NewPCG(seed, 1))
		var story []string
		names := []string{"R1", "R2", "R3", "R4", "R5"}
		for range 12 {
			l.RunFor(time.Duration(r.IntN(1500)) * time.Second)
			victim := names[r.IntN(len(names))]
			what := "none"
			switch r.IntN(7) {
			case 0:
				what = "rekey"
				l.ks.do(keyserver.RekeyNow{ReplaceNow: r.IntN(2) == 0})
			case 1:
				what = "edit"
				c := serverConfig()
				c.Groups[0].SAs[0].ACEs = []xfrm.ACE{{Permit: false, Protocol: uint8(6 + r.IntN(5))}, {Permit: true, Protocol: 1}}
				if r.IntN(2) == 0 {
					c.Groups[0].Rekey.Lifetime = time.Duration(1+r.IntN(5)) * time.Hour
				}
				l.ks.cfg = c
				l.ks.do(keyserver.Configure{Config: c})
			case 2:
				what = "partition " + victim
				l.Partition([]string{victim})
			case 3:
				what = "heal"
				l.Heal()
			case 4:
				what = "crash " + victim
				if h := l.Host(victim); h.Crashed() {
					h.Restart()
				} else {
					h.Crash()
				}
			case 5:
				what = "clear members"
				l.ks.do(keyserver.Clear{What: keyserver.ClearMembers})
			case 6:
				what = "two rekeys"
				l.ks.do(keyserver.RekeyNow{})
				l.ks.do(keyserver.RekeyNow{})
			}
			story = append(story, fmt.Sprintf("%v %s", l.Now().Sub(start).Round(time.Second), what))
		}
		l.Heal()
		for _, n := range names {
			if l.Host(n).Crashed() {
				l.Host(n).Restart()
			}
		}
		l.Conditions(sim.Conditions{Latency: 5 * time.Millisecond})
		l.RunFor(2 * time.Hour)
		lost := l.pingEverySecond()
		l.RunFor(2 * time.Hour)
		if len(*lost) > 0 {
			t.Errorf("seed %d, %q: pings lost:\n%s", seed, story, strings.Join(*lost, "\n"))
		}
		if n := l.ks.group().Members.Len(); n != 4 {
			t.Errorf("seed %d, %q: %d members", seed, story, n)
		}
		l.checkSequence()
		if t.Failed() {
			return
		}
	}
}
