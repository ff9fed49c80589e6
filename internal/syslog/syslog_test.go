package syslog

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var at = time.Date(2026, time.March, 1, 0, 25, 41, 123e6, time.UTC)

func TestLine(t *testing.T) {
	eastern := func(t time.Time) (time.Time, string) {
		return t.In(time.FixedZone("EST", -5*3600)), "EST"
	}
	message := ConfigI.With("console", "console")
	const text = "%SYS-5-CONFIG_I: Configured from console by console"
	for _, tt := range []struct {
		name   string
		layout *Layout
		up     time.Duration
		want   string
	}{
		{"nothing configured", nil, 0, "*Mar  1 00:25:41.123: " + text},
		{"datetime", &Layout{}, 0, "*Mar  1 00:25:41: " + text},
		{"msec", &Layout{Log: Stamp{Msec: true}}, 0, "*Mar  1 00:25:41.123: " + text},
		{"year", &Layout{Log: Stamp{Msec: true, Year: true}}, 0, "*Mar  1 2026 00:25:41.123: " + text},
		{"show-timezone", &Layout{Log: Stamp{Zone: true}}, 0, "*Mar  1 00:25:41 UTC: " + text},
		{"a zone without localtime", &Layout{Log: Stamp{Zone: true}, Local: eastern}, 0, "*Mar  1 00:25:41 UTC: " + text},
		{"localtime", &Layout{Log: Stamp{Local: true, Zone: true}, Local: eastern}, 0, "*Feb 28 19:25:41 EST: " + text},
		{"clock set", &Layout{Clock: Authoritative}, 0, "Mar  1 00:25:41: " + text},
		{"time server lost", &Layout{Clock: Unsynchronized}, 0, ".Mar  1 00:25:41: " + text},
		{"no stamp", &Layout{Log: Stamp{Kind: NoStamp}}, 0, text},
		{"sequence", &Layout{Sequence: true}, 0, "000029: *Mar  1 00:25:41: " + text},
		{"sequence without stamp", &Layout{Log: Stamp{Kind: NoStamp}, Sequence: true}, 0, "000029: " + text},
		{"debug has a stamp of its own", &Layout{Debug: Stamp{Kind: Uptime}}, 0, "*Mar  1 00:25:41: " + text},
		{"uptime", &Layout{Log: Stamp{Kind: Uptime}}, 46 * time.Second, "00:00:46: " + text},
		{"uptime of days", &Layout{Log: Stamp{Kind: Uptime}}, 26*time.Hour + 3*time.Minute, "1d02h: " + text},
		{"uptime of weeks", &Layout{Log: Stamp{Kind: Uptime}}, 24 * 24 * time.Hour, "3w3d: " + text},
		{"uptime of years", &Layout{Log: Stamp{Kind: Uptime}}, 380 * 24 * time.Hour, "1y2w: " + text},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Record{Time: at, Uptime: tt.up, Seq: 29, Layout: tt.layout, Message: message}
			if got := r.Line(); got != tt.want {
				t.Errorf("%q\nwant\n%q", got, tt.want)
			}
		})
	}
	r := Record{Time: at, Uptime: time.Hour, Layout: &Layout{Debug: Stamp{Kind: Uptime}}, Message: Debugf(DebugGMRekey, "GDOI:INFRA:x")}
	if got := r.Line(); got != "01:00:00: GDOI:INFRA:x" {
		t.Errorf("debug line %q", got)
	}
}

func TestPacket(t *testing.T) {
	r := Record{Time: at, Seq: 29, Message: ConfigI.With("console", "console")}
	s := Sender{Facility: FacilityCode(""), Host: "R1", Number: 29}
	origin, session := s, s
	origin.Origin, session.Session = "R1", `a"]\b`
	long := Record{Time: at, Message: NoEffect.With(strings.Repeat("é", 2000), "has")}
	for _, tt := range []struct {
		name   string
		record Record
		format Format
		sender Sender
		want   string
	}{
		{"IOS", r, FormatIOS, s, "<189>29: *Mar  1 00:25:41.123: %SYS-5-CONFIG_I: Configured from console by console"},
		{"IOS with origin", r, FormatIOS, origin, "<189>29: R1: *Mar  1 00:25:41.123: %SYS-5-CONFIG_I: Configured from console by console"},
		{"IOS with session", r, FormatIOS, session, `<189>29: [syslog@9 s_id="a\"\]\\b"]: *Mar  1 00:25:41.123: %SYS-5-CONFIG_I: Configured from console by console`},
		{"RFC 3164", r, FormatBSD, s, "<189>Mar  1 00:25:41 R1 SYS: %SYS-5-CONFIG_I: Configured from console by console"},
		{"RFC 5424", r, FormatSyslog, s, `<189>1 2026-03-01T00:25:41.123Z R1 SYS - CONFIG_I [meta sequenceId="29"][timeQuality tzKnown="0" isSynced="0"] %SYS-5-CONFIG_I: Configured from console by console`},
		{"RFC 5424 debug", Record{Time: at, Layout: &Layout{Clock: Authoritative}, Message: Debugf(DebugISAKMP, "ISAKMP:x")}, FormatSyslog, Sender{Facility: 0, Number: 1 << 31}, `<7>1 2026-03-01T00:25:41.123Z - DEBUG - - [meta sequenceId="1"][timeQuality tzKnown="1" isSynced="1"] ISAKMP:x`},
		{"RFC 5424 session", r, FormatSyslog, session, `<189>1 2026-03-01T00:25:41.123Z R1 SYS - CONFIG_I [meta sequenceId="29"][timeQuality tzKnown="0" isSynced="0"][syslog@9 s_id="a\"\]\\b"] %SYS-5-CONFIG_I: Configured from console by console`},
		{"a host name with a blank", r, FormatBSD, Sender{Facility: 23, Host: "R 1\n<1>"}, "<189>Mar  1 00:25:41 R_1_<1> SYS: %SYS-5-CONFIG_I: Configured from console by console"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, string(tt.record.Packet(tt.format, tt.sender))); d != "" {
				t.Error(d)
			}
		})
	}
	for f, limit := range map[Format]int{FormatIOS: maxBSD, FormatBSD: maxBSD, FormatSyslog: maxSyslog} {
		if p := long.Packet(f, s); len(p) > limit || !utf8.Valid(p) {
			t.Errorf("format %d: a long message is %d octets, valid UTF-8: %v", f, len(p), utf8.Valid(p))
		}
	}
	if p := string(long.Packet(FormatSyslog, s)); !strings.Contains(p, "] \xef\xbb\xbf%PARSER") {
		t.Errorf("no BOM before UTF-8: %.120q", p)
	}
}

// hostile are texts that a peer may send as its name.
var hostile = []string{
	"R1\n*Mar  1 00:25:41.123: %SYS-5-CONFIG_I: Configured", "a\r\nb", "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u009b31m", "\x00\x7f",
	"abc\u202edcba\u202c", "\u2066x\u2069\u200f\u061c", "zero\u200bwidth\u200d\ufeff", "line\u2028paragraph\u2029next\u0085nel", "\xff\xfe\xc3", "\xed\xa0\x80",
	"\U000e0041tag", "\ue000private", "e\u0301\u0301\u0301\u0301", strings.Repeat("x", 1<<20), strings.Repeat("\u202e", 1<<16), "%s%n%d", "\x1bP+q\x1b\\",
}

// fit is what every line must be.
func fit(t *testing.T, what, s string) {
	t.Helper()
	if len(s) > 2048 {
		t.Errorf("%s: %d octets", what, len(s))
	}
	if !utf8.ValidString(s) {
		t.Errorf("%s: invalid UTF-8: %.80q", what, s)
	}
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2000 && r < 0x2010 || r >= 0x2028 && r < 0x2030 || r >= 0x2060 && r < 0x2070 ||
			r == 0x61c || r == 0xfeff || r == utf8.RuneError || r >= 0xe000 && r < 0xf900 || r >= 0xe0000 || r >= 0x300 && r < 0x370 {
			t.Errorf("%s: %U in %.80q", what, r, s)
			return
		}
	}
}

func TestHostileText(t *testing.T) {
	for _, h := range hostile {
		for _, m := range []Message{KSBadID.With(h, "10.0.0.1", h), Debugf(DebugISAKMP, "ISAKMP: peer %s", h), ConfigI.With(h, h)} {
			r := Record{Time: at, Message: m}
			fit(t, "line", r.Line())
			for _, f := range []Format{FormatIOS, FormatBSD, FormatSyslog} {
				fit(t, "packet", string(r.Packet(f, Sender{Host: h, Origin: h, Session: h})))
			}
		}
	}
	if got := (Message{Line: "Zürich ✓"}).Text(); got != "Zürich ✓" {
		t.Errorf("harmless text became %q", got)
	}
	if got := printable("abcdefgh", 6); got != "abc..." {
		t.Errorf("cut to %q", got)
	}
	if got := printable("äbcd", 5); got != "äbcd" {
		t.Errorf("what fits became %q", got)
	}
}

func FuzzText(f *testing.F) {
	for _, h := range hostile[:len(hostile)-4] {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := Record{Time: at, Message: KSBadID.With(s, s, s)}
		if line := r.Line(); len(line) > 2048 || strings.ContainsAny(line, "\n\r\x1b\x9b") || !utf8.ValidString(line) {
			t.Errorf("%q", line)
		}
		for _, format := range []Format{FormatIOS, FormatBSD, FormatSyslog} {
			if p := r.Packet(format, Sender{Host: s, Origin: s, Session: s}); len(p) > 2048 || !utf8.Valid(p) || strings.ContainsAny(string(p), "\n\r\x1b") {
				t.Errorf("%q", p)
			}
		}
	})
}

func TestBucket(t *testing.T) {
	b := PerSecond(10)
	passed := func(now time.Time, n int) (out int) {
		for range n {
			if b.Allow(now) {
				out++
			}
		}
		return out
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 10}, {50 * time.Millisecond, 0}, {100 * time.Millisecond, 1}, {600 * time.Millisecond, 5}, {time.Hour, 10}, {time.Minute, 10}} {
		if got := passed(at.Add(tt.after), 100); got != tt.want {
			t.Errorf("after %v %d messages passed, want %d", tt.after, got, tt.want)
		}
	}
	if (&Bucket{}).Allow(at) {
		t.Error("the zero value lets something pass")
	}
}

// A peer that repeats itself is heard five times, and then once in ten seconds;
// a thousand peers together no more than the whole allows.
func TestGuard(t *testing.T) {
	var g Guard
	passed := func(now time.Time, n int, m func(i int) Message) (out int) {
		for i := range n {
			if g.Allow(now, m(i)) {
				out++
			}
		}
		return out
	}
	one := func(int) Message { return IKMPBadMessage.With("10.0.0.66") }
	if got := passed(at, 1000, one); got != guardBurst {
		t.Errorf("%d passed at once", got)
	}
	if got := passed(at.Add(guardEvery), 1000, one); got != 1 {
		t.Errorf("%d passed after %v", got, guardEvery)
	}
	if !g.Allow(at.Add(guardEvery), IKMPNoSA.With("10.0.0.66")) || !g.Allow(at.Add(guardEvery), IKMPBadMessage.With("10.0.0.67")) {
		t.Error("another event, or another peer, is limited")
	}
	for range 1000 {
		if !g.Allow(at, ConfigI.With("console", "console")) || !g.Allow(at, Debugf(DebugISAKMP, "x")) {
			t.Fatal("what no peer causes is limited")
		}
	}
	later := at.Add(time.Hour)
	flood := func(i int) Message { return IKMPBadMessage.With(fmt.Sprint("spoofed ", i)) }
	if got := passed(later, 100000, flood); got != guardAll {
		t.Errorf("%d of a flood passed", got)
	}
	if len(g.peers) > guardPeers {
		t.Errorf("%d peers are remembered", len(g.peers))
	}
	if got := passed(later.Add(time.Hour), 10, flood); got != 10 {
		t.Errorf("%d of 10 passed an hour after a flood", got)
	}
}

func TestFilter(t *testing.T) {
	var f Filter
	f.Set(DebugGMRekey|DebugKSRekey, LevelError|LevelEvent, true)
	f.Set(DebugKSRekey, LevelError, false)
	for _, tt := range []struct {
		m    Message
		want bool
	}{
		{DebugAt(DebugGMRekey, LevelError, "x"), true},
		{DebugAt(DebugGMRekey, LevelDetail, "x"), false},
		{DebugAt(DebugKSRekey, LevelError, "x"), false},
		{DebugAt(DebugKSRekey, LevelEvent, "x"), true},
		{DebugAt(DebugISAKMP, LevelEvent, "x"), false},
		{Message{Debug: DebugGMRekey}, true}, // without a level
	} {
		if got := f.Wants(tt.m); got != tt.want {
			t.Errorf("%+v: %v", tt.m, got)
		}
	}
	if got := f.Topics(); got != DebugGMRekey|DebugKSRekey {
		t.Errorf("topics %#x", got)
	}
	if got := f.Levels(DebugGMRekey); got != LevelError|LevelEvent {
		t.Errorf("levels %#x", got)
	}
}

// Every event is well formed: one line, as many verbs as it has words for them.
func TestCatalogue(t *testing.T) {
	mnemonic := regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	seen := map[string]bool{}
	for _, e := range Events() {
		name := fmt.Sprintf("%%%s-%d-%s", e.Facility, e.Severity, e.Mnemonic)
		if !mnemonic.MatchString(e.Facility) || !mnemonic.MatchString(e.Mnemonic) || e.Severity < 0 || e.Severity > 7 {
			t.Errorf("%s is not a name", name)
		}
		if seen[e.Facility+e.Mnemonic] {
			t.Errorf("%s is declared twice", name)
		}
		seen[e.Facility+e.Mnemonic] = true
		if plain := printable(e.Format, maxText); plain != e.Format {
			t.Errorf("%s has unprintable text", name)
		}
		if verbs := strings.Count(e.Format, "%"); e.peer > verbs {
			t.Errorf("%s: argument %d of %d is its peer", name, e.peer, verbs)
		}
	}
}
