package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The rows are what real key servers showed: lifetime, retransmission and the
// "time to rekey" that gives the margin.
func TestKeyServerMarginsAsMeasured(t *testing.T) {
	const unicast, multicast = true, false
	tests := []struct {
		name          string
		margin        func(life, retransmit time.Duration, count, members int, unicast bool) time.Duration
		life          time.Duration
		retransmit    time.Duration
		count, member int
		unicast       bool
		want          time.Duration
	}{
		{"KEK 360 s, 10 x 2, 305 left and 80 to rekey", KEKMargin, 360 * time.Second, 10 * time.Second, 2, 1, unicast, 225 * time.Second},
		{"KEK 1200 s, 10 x 3, 787 left and 552 to rekey", KEKMargin, 1200 * time.Second, 10 * time.Second, 3, 2, unicast, 235 * time.Second},
		{"KEK 1 day, default retransmission", KEKMargin, 24 * time.Hour, 10 * time.Second, 2, 4, unicast, (4320 + 1728 + 25) * time.Second},
		{"KEK 2 h", KEKMargin, 2 * time.Hour, 10 * time.Second, 2, 4, unicast, (360 + 144 + 25) * time.Second},
		{"KEK 300 s, multicast", KEKMargin, 300 * time.Second, 10 * time.Second, 2, 4, multicast, 200 * time.Second},
		{"TEK 600 s, 10 x 3", TEKMargin, 600 * time.Second, 10 * time.Second, 3, 2, unicast, 125 * time.Second},
		{"TEK 900 s, 60 x 3", TEKMargin, 900 * time.Second, 60 * time.Second, 3, 2, unicast, 275 * time.Second},
		{"TEK 120 s keeps some of its life", TEKMargin, 120 * time.Second, 10 * time.Second, 2, 2, unicast, 90 * time.Second},
		{"TEK 1 h", TEKMargin, time.Hour, 10 * time.Second, 2, 4, unicast, (180 + 72 + 25) * time.Second},
		{"TEK 1 h, no members", TEKMargin, time.Hour, 10 * time.Second, 2, 0, unicast, (180 + 72 + 20) * time.Second},
		{"TEK 1 h, 50 members are one batch", TEKMargin, time.Hour, 10 * time.Second, 2, 50, unicast, (180 + 72 + 25) * time.Second},
		{"TEK 1 h, 51 members are two", TEKMargin, time.Hour, 10 * time.Second, 2, 51, unicast, (180 + 72 + 30) * time.Second},
		{"TEK 1 h, multicast counts nobody", TEKMargin, time.Hour, 10 * time.Second, 2, 10000, multicast, 252 * time.Second},
		{"TEK 1 day", TEKMargin, 24 * time.Hour, 10 * time.Second, 2, 10000, unicast, (4320 + 1728 + 20 + 1000) * time.Second},
	}
	for _, tt := range tests {
		if got := tt.margin(tt.life, tt.retransmit, tt.count, tt.member, tt.unicast); got != tt.want {
			t.Errorf("%s: margin %v, want %v", tt.name, got, tt.want)
		}
	}
}

// Seconds before the end of the TEK at which members of real groups were seen
// to register again: 600 s 60, 61, 64; 900 s 72; 3600 s 183.
func TestReRegisterMargin(t *testing.T) {
	for _, tt := range []struct{ life, least, most, seen time.Duration }{
		{600 * time.Second, 60 * time.Second, 72 * time.Second, 64 * time.Second},
		{900 * time.Second, 60 * time.Second, 78 * time.Second, 72 * time.Second},
		{3600 * time.Second, 180 * time.Second, 252 * time.Second, 183 * time.Second},
		{24 * time.Hour, 4320 * time.Second, 6048 * time.Second, 5000 * time.Second},
	} {
		least, most := ReRegisterMargin(tt.life, 0), ReRegisterMargin(tt.life, tt.life)
		if least != tt.least || most != tt.most {
			t.Errorf("life %v: [%v, %v], want [%v, %v]", tt.life, least, most, tt.least, tt.most)
		}
		if tt.seen < least || tt.seen > most {
			t.Errorf("life %v: %v was seen and is outside [%v, %v]", tt.life, tt.seen, least, most)
		}
	}
}

func TestShortenedLife(t *testing.T) {
	for _, tt := range []struct{ remaining, configured, want time.Duration }{
		{1800 * time.Second, 3600 * time.Second, 180 * time.Second}, // 5 %
		{500 * time.Second, 600 * time.Second, 90 * time.Second},    // at least 90 s
		{50 * time.Second, 600 * time.Second, 50 * time.Second},     // never longer than it had
		{48 * time.Hour, 30 * 24 * time.Hour, time.Hour},            // at most an hour
		{0, 600 * time.Second, 0},
	} {
		if got := ShortenedLife(tt.remaining, tt.configured); got != tt.want {
			t.Errorf("%v left of %v: %v, want %v", tt.remaining, tt.configured, got, tt.want)
		}
	}
}

func lifetimes(least int) *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(least, 2592000).Draw(t, "life")) * time.Second
	})
}

// The key server rekeys before its members lose patience: that is what its
// margin contains theirs for.
func TestKeyServerComesFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		life := lifetimes(120).Draw(t, "tek")
		retransmit := time.Duration(rapid.IntRange(10, 60).Draw(t, "retransmit")) * time.Second
		count := rapid.IntRange(1, 10).Draw(t, "count")
		members := rapid.IntRange(0, 10000).Draw(t, "members")
		unicast := rapid.Bool().Draw(t, "unicast")
		jitter := time.Duration(rapid.Int64Range(0, int64(life)).Draw(t, "jitter"))
		tek := TEKMargin(life, retransmit, count, members, unicast)
		if tek < ReRegisterMargin(life, jitter) {
			t.Fatalf("TEK of %v: rekeyed %v before its end, members register again %v before", life, tek, ReRegisterMargin(life, jitter))
		}
		if tek >= life {
			t.Fatalf("TEK of %v is rekeyed %v before its end", life, tek)
		}
		if kek := KEKMargin(life, retransmit, count, members, unicast); kek < 200*time.Second || kek < tek {
			t.Fatalf("KEK margin %v below that of a TEK, %v, or below 200 s", kek, tek)
		}
		if more := TEKMargin(life, retransmit, count, members+50, unicast); unicast && more != tek+5*time.Second && more > tek {
			t.Fatalf("a batch more changes the margin from %v to %v", tek, more)
		}
	})
}

func TestShortenedLifeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		configured := lifetimes(120).Draw(t, "configured")
		remaining := time.Duration(rapid.Int64Range(0, int64(configured)).Draw(t, "remaining"))
		got := ShortenedLife(remaining, configured)
		if got > remaining || got > max(90*time.Second, time.Hour) || got < min(remaining, 90*time.Second) {
			t.Fatalf("%v left of %v: %v", remaining, configured, got)
		}
	})
}

func TestExpires(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got := (KEK{Created: made, Lifetime: time.Hour}).Expires(); !got.Equal(made.Add(time.Hour)) {
		t.Error(got)
	}
	if got := (TEK{Created: made, Lifetime: time.Minute}).Expires(); !got.Equal(made.Add(time.Minute)) {
		t.Error(got)
	}
}
