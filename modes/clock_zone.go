package modes

import (
	"fmt"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// months and weekdays are words of `clock summer-time`, cut short or not.
var (
	monthWord   = calendarWord("MONTH", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
	weekdayWord = calendarWord("DAY", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
)

// calendarWord is a name of at least three letters; its value has three.
func calendarWord(placeholder string, names ...string) grammar.Type {
	return kind{placeholder: placeholder, rank: grammar.RankTyped, samples: []string{names[0][:3], names[2]}, parse: func(s string) (any, bool) {
		for _, n := range names {
			if len(s) >= 3 && len(s) <= len(n) && strings.EqualFold(n[:len(s)], s) {
				return n[:3], true
			}
		}
		return nil, false
	}}
}

// turnTime is hh:mm in two arguments, which prints as IOS does: 2:00.
func turnTime(placeholder string) grammar.Type {
	return kind{placeholder: placeholder, rank: grammar.RankTyped, samples: []string{"2:00", "13:30"}, parse: func(s string) (any, bool) {
		hour, minute, ok := strings.Cut(s, ":")
		h, okH := digits(hour, 23)
		m, okM := digits(minute, 59)
		if !ok || !okH || !okM || len(minute) != 2 {
			return nil, false
		}
		return hhmm(h, m), true
	}}
}

// clockZone is `clock timezone` and `clock summer-time`.
func (b *builder) clockZone() []*grammar.Command {
	type root = runningconfig.Config
	word := grammar.Kw("clock", wordHelp["clock"])
	zone := grammar.Arg("Name", hostName, "Name of time zone")
	turn := func(prefix string, dates bool, which string) grammar.Seq {
		out := grammar.Seq{
			grammar.Arg(prefix+"Week", weekType, "Week number to "+which),
			grammar.Arg(prefix+"Weekday", weekdayWord, "Weekday to "+which),
			grammar.Arg(prefix+"Month", monthWord, "Month to "+which),
			grammar.Arg(prefix+"Time", turnTime("hh:mm"), "Time to "+which),
		}
		if dates {
			out = grammar.Seq{
				grammar.Arg(prefix+"Month", monthWord, "Month to "+which),
				grammar.Arg(prefix+"Day", grammar.Int(1, 31), "Date to "+which),
				grammar.Arg(prefix+"Year", grammar.Int(1993, 2099), "Year to "+which),
				grammar.Arg(prefix+"Time", turnTime("hh:mm"), "Time to "+which),
			}
		}
		return out
	}
	both := func(dates bool) grammar.Seq {
		out := append(turn("From", dates, "start"), turn("To", dates, "end")...)
		return append(out, grammar.Opt{Node: grammar.Arg("Offset", grammar.Int(1, 1440), "Offset to add in minutes")})
	}
	return []*grammar.Command{
		{
			Syntax: grammar.Seq{word, grammar.Kw("timezone", "Configure time zone"), grammar.OptionalUnderNo{Node: grammar.Seq{zone,
				grammar.Arg("Hours", signed, "Hours offset from UTC"),
				grammar.Opt{Node: grammar.Arg("Minutes", grammar.Int(0, 59), "Minutes offset from UTC")}}}},
			Bind: grammar.Custom[root]{
				Keys: []string{},
				OnSet: func(c *root, a grammar.Args) error {
					if !a.Has("Name") {
						return incomplete
					}
					c.Clock.Zone = runningconfig.Zone{Name: a.String("Name"), Hours: a.Int("Hours"), Minutes: a.Int("Minutes")}
					return nil
				},
				OnUnset: func(c *root, _ grammar.Args) error { c.Clock.Zone = runningconfig.Zone{}; return nil },
				OnLines: func(c *root, _ bool) []grammar.Line {
					z := c.Clock.Zone
					if z.Name == "" {
						return nil
					}
					return one(grammar.Args{"Name": z.Name, "Hours": z.Hours, "Minutes": z.Minutes})
				},
			},
		},
		{
			Syntax: grammar.Seq{word, grammar.Kw("summer-time", "Configure summer (daylight savings) time"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Arg("Name", hostName, "Name of time zone in summer"), grammar.Alt{
					grammar.Seq{grammar.Kw("date", "Configure absolute summer time").Sets("Dates", true), both(true)},
					grammar.Seq{grammar.Kw("recurring", "Configure recurring summer time").Sets("Dates", false), grammar.Opt{Node: both(false)}},
				}}}},
			Bind: summerBinding(),
			Sample: []string{"clock summer-time EDT recurring", "clock summer-time CEST recurring last Sun Mar 2:00 last Sun Oct 3:00",
				"clock summer-time X recurring 1 Sunday April 02:00 first Mon Nov 13:30 30", "clock summer-time EDT date Mar 9 2026 2:00 Nov 1 2026 2:00 60"},
		},
	}
}

func summerBinding() grammar.Binding {
	type root = runningconfig.Config
	turn := func(a grammar.Args, p string) runningconfig.Turn {
		h, m := splitTime(a.String(p + "Time"))
		return runningconfig.Turn{Week: a.String(p + "Week"), Weekday: a.String(p + "Weekday"), Month: a.String(p + "Month"),
			Day: a.Int(p + "Day"), Year: a.Int(p + "Year"), Hour: h, Minute: m}
	}
	args := func(a grammar.Args, p string, t runningconfig.Turn) {
		a[p+"Month"], a[p+"Time"] = t.Month, hhmm(t.Hour, t.Minute)
		if t.Year != 0 {
			a[p+"Day"], a[p+"Year"] = t.Day, t.Year
		} else {
			a[p+"Week"], a[p+"Weekday"] = t.Week, t.Weekday
		}
	}
	return grammar.Custom[root]{
		Keys: []string{},
		OnSet: func(c *root, a grammar.Args) error {
			if !a.Has("Name") {
				return incomplete
			}
			s := runningconfig.Summer{Name: a.String("Name"), Dates: a.Bool("Dates")}
			if a.Has("FromMonth") {
				s.From, s.To, s.Offset = turn(a, "From"), turn(a, "To"), a.Int("Offset")
			}
			c.Clock.Summer = s
			return nil
		},
		OnUnset: func(c *root, _ grammar.Args) error { c.Clock.Summer = runningconfig.Summer{}; return nil },
		OnLines: func(c *root, _ bool) []grammar.Line {
			s := c.Clock.Summer
			if s.Name == "" {
				return nil
			}
			a := grammar.Args{"Name": s.Name, "Dates": s.Dates}
			if s.From.Month != "" {
				args(a, "From", s.From)
				args(a, "To", s.To)
			}
			if s.Offset != 0 {
				a["Offset"] = s.Offset
			}
			return one(a)
		},
	}
}

// weekType is the week of a month.
var weekType = kind{placeholder: "<1-4>|first|last", rank: grammar.RankTyped, samples: []string{"1", "last"}, parse: func(s string) (any, bool) {
	switch s = strings.ToLower(s); s {
	case "1", "2", "3", "4", "first", "last":
		return s, true
	}
	return nil, false
}}

// signed is hours from UTC; its value is an int.
var signed = grammar.Int(-23, 23)

// digits is a decimal number of one or two digits.
func digits(s string, limit int) (n int, ok bool) {
	if len(s) == 0 || len(s) > 2 {
		return 0, false
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = 10*n + int(r-'0')
	}
	return n, n <= limit
}

func hhmm(hour, minute int) string { return fmt.Sprintf("%d:%02d", hour, minute) }

func splitTime(s string) (hour, minute int) {
	h, m, _ := strings.Cut(s, ":")
	hour, _ = digits(h, 23)
	minute, _ = digits(m, 59)
	return hour, minute
}
