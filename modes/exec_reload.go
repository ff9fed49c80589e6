package modes

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"coterie/cli/grammar"
)

// farthestReload is how far ahead `reload in` and `reload at` may lie.
const farthestReload = 24 * 24 * time.Hour

// reloadReason is the reason of a reload that was given none.
const reloadReason = "Reload Command"

// reloading declares `reload` and `show reload`.
func (x *execCommands) reloading() {
	word := grammar.Kw("reload", "Halt and perform a cold restart")
	reason := grammar.Opt{Node: grammar.Arg("Reason", grammar.Rest(), "Reason for reload")}
	x.run(privilegedLevel, word, func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
		if ok, err := x.offerSave(ctx, t); !ok {
			return err
		}
		if ok, err := proceed(ctx, t, "Proceed with reload? [confirm]"); !ok {
			return err
		}
		return x.op.Reload(ctx)
	})
	x.run(privilegedLevel, grammar.Seq{word, grammar.Kw("cancel", "Cancel pending reload")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			if !x.op.CancelReload() {
				_, err := fmt.Fprintln(t, "%No reload is scheduled.")
				return err
			}
			return nil
		})
	x.run(privilegedLevel, grammar.Seq{word, grammar.Kw("in", "Reload after a time interval"), grammar.Arg("Delay", delay, "Delay before reload (mmm or hhh:mm)"), reason},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			r := ScheduledReload{At: x.view.Now().Add(a["Delay"].(time.Duration)), Reason: a.String("Reason")}
			return x.schedule(ctx, t, r)
		})
	x.run(privilegedLevel, grammar.Seq{word, grammar.Kw("at", "Reload at a specific time/date"), grammar.Arg("Clock", hourMinute, "Time to reload (hh:mm)"),
		grammar.Opt{Node: grammar.Seq{grammar.Arg("Month", month, "Month of the year"), grammar.Arg("Day", grammar.Int(1, 31), "Day of the month")}}, reason},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			at := next(x.view.Now(), a["Clock"].(time.Duration), a)
			if at.Sub(x.view.Now()) > farthestReload {
				return fmt.Errorf("%% A reload cannot be more than %d days ahead", farthestReload/(24*time.Hour))
			}
			return x.schedule(ctx, t, ScheduledReload{At: at, AtClock: true, Reason: a.String("Reason")})
		})
	x.run(privilegedLevel, grammar.Seq{kwShow, grammar.Kw("reload", "Scheduled reload information")},
		func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			r, ok := x.op.ReloadScheduled()
			if !ok {
				_, err := fmt.Fprintln(t, "No reload is scheduled.")
				return err
			}
			_, err := fmt.Fprint(t, x.announce(r))
			return err
		})
}

// offerSave asks whether to save what would be lost; false is not to go on.
func (x *execCommands) offerSave(ctx context.Context, t grammar.Terminal) (bool, error) {
	if !x.op.Modified() {
		return true, nil
	}
	ok, err := confirm(ctx, t, "System configuration has been modified. Save? [yes/no]: ")
	if err == nil && ok {
		err = x.save(ctx, t, nil)
	}
	return err == nil, err
}

func (x *execCommands) schedule(ctx context.Context, t grammar.Terminal, r ScheduledReload) error {
	if ok, err := x.offerSave(ctx, t); !ok {
		return err
	}
	r.User = who(t.Session())
	if r.Reason == "" {
		r.Reason = reloadReason
	}
	fmt.Fprint(t, x.announce(r))
	if ok, err := proceed(ctx, t, "Proceed with reload? [confirm]"); !ok {
		return err
	}
	return x.op.ScheduleReload(r)
}

// announce says when a reload will be.
func (x *execCommands) announce(r ScheduledReload) string {
	in := span(r.At.Sub(x.view.Now()))
	if r.AtClock {
		return fmt.Sprintf("Reload scheduled for %s (in %s) by %s\nReload reason: %s\n", r.At.UTC().Format(clockTime), in, r.User, r.Reason)
	}
	return fmt.Sprintf("Reload scheduled in %s by %s\nReload reason: %s\n", in, r.User, r.Reason)
}

// span is a time to go, in words.
func span(d time.Duration) string {
	d = max(d.Round(time.Second), 0)
	count := func(n time.Duration, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	hours, minutes, seconds := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second
	switch {
	case hours > 0 && minutes > 0:
		return count(hours, "hour") + " and " + count(minutes, "minute")
	case hours > 0:
		return count(hours, "hour")
	case minutes > 0 && (minutes >= 5 || seconds == 0):
		return count(minutes, "minute")
	case minutes > 0:
		return count(minutes, "minute") + " and " + count(seconds, "second")
	}
	return count(seconds, "second")
}

// next is the next time that a clock shows a time of day, or does so on a date.
func next(now time.Time, clock time.Duration, a grammar.Args) time.Time {
	now = now.UTC()
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	step := func() { day = day.AddDate(0, 0, 1) }
	if a.Has("Month") {
		m, d := time.Month(1+slices.Index(months, a.String("Month"))), a.Int("Day")
		day = time.Date(now.Year(), m, d, 0, 0, 0, 0, time.UTC)
		step = func() { day = time.Date(day.Year()+1, m, d, 0, 0, 0, 0, time.UTC) }
	}
	if !day.Add(clock).After(now) {
		step()
	}
	return day.Add(clock)
}

// delay is minutes or hours:minutes, up to farthestReload.
var delay = kind{placeholder: "Delay", rank: grammar.RankTyped, samples: []string{"10", "1:30"}, parse: func(s string) (any, bool) {
	h, m, ok := strings.Cut(s, ":")
	if !ok {
		h, m = "0", s
	}
	hours, err := strconv.ParseUint(h, 10, 16)
	minutes, merr := strconv.ParseUint(m, 10, 16)
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	return d, err == nil && merr == nil && (!ok || minutes < 60) && d > 0 && d <= farthestReload
}}

// hourMinute is a time of day, hours:minutes.
var hourMinute = kind{placeholder: "hh:mm", rank: grammar.RankTyped, samples: []string{"23:45"}, parse: func(s string) (any, bool) {
	h, m, _ := strings.Cut(s, ":")
	hours, err := strconv.ParseUint(h, 10, 8)
	minutes, merr := strconv.ParseUint(m, 10, 8)
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute, err == nil && merr == nil && hours < 24 && minutes < 60
}}
