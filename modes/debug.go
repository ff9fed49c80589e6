package modes

import (
	"context"
	"fmt"
	"strings"

	"coterie/cli/grammar"
	"coterie/internal/syslog"
)

// debugTopic is one `debug` command and its line in `show debugging`.
type debugTopic struct {
	words grammar.Node
	topic syslog.Topic // what it switches
	shows syslog.Topic // the one topic that `show debugging` calls by its name
	name  string
}

// debugLevels are the words behind a topic of GDOI, and what each shows.
var debugLevels = []struct {
	word, help string
	level      syslog.Level
}{
	{"all-levels", "All levels", syslog.AllLevels},
	{"detail", "Detail level", syslog.LevelDetail},
	{"error", "Error level", syslog.LevelError},
	{"event", "Event level", syslog.LevelEvent},
	{"packet", "Packet level", syslog.LevelPacket},
	{"terse", "Terse level", syslog.LevelTerse},
}

func (x *execCommands) debugTopics() []debugTopic {
	gm, ks := grammar.Kw("gm", "Group member debugging"), grammar.Kw("ks", "Key server debugging")
	all := grammar.Kw("all-features", "All features")
	registration := grammar.Kw("registration", "Registration")
	rekey := grammar.Kw("rekey", "Rekey")
	infrastructure := grammar.Kw("infrastructure", "Infrastructure")
	replay := grammar.Kw("replay", "Anti-replay")
	levels := grammar.Alt{}
	for _, l := range debugLevels {
		levels = append(levels, grammar.Kw(l.word, l.help).Sets("Level", l.level))
	}
	gdoi := func(words ...grammar.Node) grammar.Node {
		return append(append(grammar.Seq{kwCrypto, kwGDOI}, words...), grammar.Opt{Node: levels})
	}
	const infra = syslog.DebugGMInfrastructure | syslog.DebugKSInfrastructure
	const replays = syslog.DebugGMReplay | syslog.DebugKSReplay
	return []debugTopic{
		{gdoi(), syslog.DebugGDOI, 0, "Crypto GDOI"},
		{gdoi(grammar.Kw("infra", "Infrastructure of key server and group member")), infra, 0, "Crypto GDOI Infrastructure"},
		{gdoi(grammar.Kw("replay", "Anti-replay of key server and group member")), replays, 0, "Crypto GDOI Replay"},
		{gdoi(gm), syslog.DebugGM, 0, "Crypto GDOI Group Member"},
		{gdoi(gm, all), syslog.DebugGM, 0, "Crypto GDOI Group Member"},
		{gdoi(gm, grammar.Kw("acls", "Access lists")), syslog.DebugGMACLs, syslog.DebugGMACLs, "Crypto GDOI Group Member ACLs"},
		{gdoi(gm, grammar.Kw("cleanup", "Cleanup")), syslog.DebugGMCleanup, syslog.DebugGMCleanup, "Crypto GDOI Group Member Cleanup"},
		{gdoi(gm, infrastructure), syslog.DebugGMInfrastructure, syslog.DebugGMInfrastructure, "Crypto GDOI Group Member Infrastructure"},
		{gdoi(gm, registration), syslog.DebugGMRegistration, syslog.DebugGMRegistration, "Crypto GDOI Group Member Registration"},
		{gdoi(gm, rekey), syslog.DebugGMRekey, syslog.DebugGMRekey, "Crypto GDOI Group Member Rekey"},
		{gdoi(gm, replay), syslog.DebugGMReplay, syslog.DebugGMReplay, "Crypto GDOI Group Member Replay"},
		{gdoi(ks), syslog.DebugKS, 0, "Crypto GDOI Key Server"},
		{gdoi(ks, all), syslog.DebugKS, 0, "Crypto GDOI Key Server"},
		{gdoi(ks, grammar.Kw("coop", "Cooperative key servers")), syslog.DebugKSCoop, syslog.DebugKSCoop, "Crypto GDOI Key Server COOP"},
		{gdoi(ks, infrastructure), syslog.DebugKSInfrastructure, syslog.DebugKSInfrastructure, "Crypto GDOI Key Server Infrastructure"},
		{gdoi(ks, registration), syslog.DebugKSRegistration, syslog.DebugKSRegistration, "Crypto GDOI Key Server Registration"},
		// `debug crypto gdoi ks rekey` typed on a member shows its own rekeys too.
		{gdoi(ks, rekey), syslog.DebugKSRekey | syslog.DebugGMRekey, syslog.DebugKSRekey, "Crypto GDOI Key Server Rekey"},
		{gdoi(ks, replay), syslog.DebugKSReplay, syslog.DebugKSReplay, "Crypto GDOI Key Server Replay"},
		{grammar.Seq{kwCrypto, grammar.Kw("isakmp", "ISAKMP Key Management")}, syslog.DebugISAKMP, syslog.DebugISAKMP, "Crypto ISAKMP"},
		{grammar.Seq{kwCrypto, grammar.Kw("ipsec", "IPSEC processing")}, syslog.DebugIPsec, syslog.DebugIPsec, "Crypto IPSEC"},
	}
}

// debug declares debug, undebug, no debug and show debugging.
func (x *execCommands) debug() {
	debug := grammar.Kw("debug", "Debugging functions")
	undebug := grammar.Alt{
		grammar.Kw("undebug", "Disable debugging functions"),
		grammar.Seq{grammar.Kw("no", "Disable debugging functions"), grammar.Kw("debug", "Debugging functions")},
	}
	x.record(debug, undebug)
	topics := x.debugTopics()
	for _, d := range topics {
		for _, on := range []bool{true, false} {
			verb, state := grammar.Node(debug), "on"
			if !on {
				verb, state = undebug, "off"
			}
			x.run(privilegedLevel, grammar.Seq{verb, d.words}, func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
				level, ok := a["Level"].(syslog.Level)
				if !ok {
					level = syslog.AllLevels
				}
				x.op.Debug(d.topic, level, on)
				_, err := fmt.Fprintf(t, "%s debugging is %s%s\n", d.name, state, ofLevels(level))
				return err
			})
		}
	}
	x.run(privilegedLevel, grammar.Seq{debug, grammar.Kw("all", "Enable all debugging")},
		func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
			const question = "This may severely impact network performance. Continue? (yes/[no]): "
			answer, err := t.Ask(ctx, question)
			if err != nil || answer == "" || !strings.HasPrefix("yes", strings.ToLower(answer)) {
				return err
			}
			x.op.Debug(syslog.DebugAll, syslog.AllLevels, true)
			_, err = fmt.Fprintln(t, "All possible debugging has been turned on")
			return err
		})
	x.run(privilegedLevel, grammar.Seq{undebug, grammar.Kw("all", "Disable all debugging")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			x.op.Debug(syslog.DebugAll, syslog.AllLevels, false)
			_, err := fmt.Fprintln(t, "All possible debugging has been turned off")
			return err
		})
	x.run(userLevel, grammar.Seq{kwShow, grammar.Kw("debugging", "State of each debugging option")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			w := &columnWriter{w: t}
			on := x.view.Debugging()
			for _, d := range topics {
				if d.shows == 0 || on.Topics()&d.shows == 0 {
					continue
				}
				if w.lines == 0 {
					w.printf("Cryptographic Subsystem:\n")
				}
				w.printf("  %s debugging is on%s\n", d.name, ofLevels(on.Levels(d.shows)))
			}
			x.showRecording(w)
			return w.err
		})
}

// ofLevels names levels that are not all: " (error, terse)".
func ofLevels(l syslog.Level) string {
	if l == syslog.AllLevels {
		return ""
	}
	var words []string
	for _, d := range debugLevels {
		if d.level != syslog.AllLevels && l&d.level != 0 {
			words = append(words, d.word)
		}
	}
	return " (" + strings.Join(words, ", ") + ")"
}
