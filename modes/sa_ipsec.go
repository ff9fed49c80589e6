package modes

import (
	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// saIPsec is `sa ipsec N` of a local server, whose mode is parent.
func (b *builder) saIPsec(parent *grammar.Mode, sa grammar.Keyword) *grammar.Command {
	o := grammar.Sorted(grammar.Object(func(l *runningconfig.LocalServer) *[]*runningconfig.GroupSA { return &l.SAs }, "Number"))
	m := b.mode("gdoi-sa-ipsec", "")
	m.Parent, m.Prompt = parent, familyPrompt("", "-sa-ipsec")
	saIPsecLines(m)
	return &grammar.Command{
		Syntax: grammar.Seq{sa, grammar.Kw("ipsec", "IPsec security association"),
			grammar.Arg("Number", grammar.Int(1, 65535), "Sequence number of the security association")},
		Bind:  o,
		Enter: m,
	}
}

func saIPsecLines(m *grammar.Mode) {
	type sa = runningconfig.GroupSA
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("profile", "Configure an ipsec profile"),
				grammar.Arg("", grammar.Word(), "Profile name").From(profileNames)},
			Bind: leaf(func(s *sa) *string { return &s.Profile }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("match", "Match characteristics of packets to encrypt"), grammar.Kw("address", "Match address of packets to encrypt"),
				grammar.Kw("ipv4", "Match IPv4 packets"),
				grammar.OptionalUnderNo{Node: grammar.Arg("", grammar.Word(), "IP access list number or name").From(accessListNames)}},
			Bind: leaf(func(s *sa) *string { return &s.ACL }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("replay", "Set replay method"), grammar.OptionalUnderNo{Node: grammar.Alt{
				grammar.Seq{grammar.Kw("counter", "Counter based replay").Sets("Counter", true),
					grammar.Opt{Node: grammar.Seq{grammar.Kw("window-size", "Set replay window size"), windowSizes("Window")}}},
				grammar.Seq{grammar.Kw("time", "Time based replay"), grammar.Kw("window-size", "Set replay window size"),
					grammar.Arg("Seconds", grammar.Int(1, 100), "Window size in seconds")},
			}}},
			Bind:   replayBinding(),
			Switch: true,
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("tag", "Set inline tagging"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Kw("cts", "Cisco TrustSec"), grammar.Kw("sgt", "Security group tag")}}},
			Bind: flag(func(s *sa) *bool { return &s.Tag }), NoEffect: true,
		},
	)
}

// replayBinding binds `replay counter`, `replay time` and `no replay`; the
// default is a counter window of 64.
func replayBinding() grammar.Binding {
	type sa = runningconfig.GroupSA
	return grammar.Custom[sa]{
		OnSet: func(s *sa, a grammar.Args) error {
			switch {
			case a.Has("Seconds"):
				s.Replay = runningconfig.Replay{Time: a.Int("Seconds")}
			case a.Bool("Counter"):
				s.Replay = runningconfig.Replay{Counter: a.Int("Window")}
				if s.Replay.Counter == runningconfig.DefaultReplayWindow {
					s.Replay.Counter = 0
				}
			default:
				return incomplete
			}
			return nil
		},
		OnUnset:   func(s *sa, _ grammar.Args) error { s.Replay = runningconfig.Replay{Disabled: true}; return nil },
		OnDefault: func(s *sa, _ grammar.Args) error { s.Replay = runningconfig.Replay{}; return nil },
		OnLines: func(s *sa, all bool) []grammar.Line {
			switch r := s.Replay; {
			case r.Disabled:
				return []grammar.Line{{No: true}}
			case r.Time != 0:
				return one(grammar.Args{"Seconds": r.Time})
			case r.Counter != 0 || all:
				return one(grammar.Args{"Counter": true, "Window": r.Window()})
			}
			return nil
		},
	}
}
