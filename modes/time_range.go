package modes

import (
	"fmt"
	"strconv"
	"strings"

	"coterie/cli/grammar"
)

// minuteOfDay is hh:mm.
var minuteOfDay = kind{placeholder: "hh:mm", rank: grammar.RankTyped, samples: []string{"8:00", "23:59"}, parse: func(s string) (any, bool) {
	hour, minute, ok := strings.Cut(s, ":")
	h, err1 := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	return fmt.Sprintf("%d:%02d", h, m), ok && err1 == nil && err2 == nil && len(minute) == 2 && h < 24 && m < 60
}}

// monthNames is a month in full or by any prefix of three letters or more.
var monthName = kind{placeholder: "MONTH", rank: grammar.RankTyped, samples: []string{"January", "December"}, parse: func(s string) (any, bool) {
	for _, m := range []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"} {
		if len(s) >= 3 && len(s) <= len(m) && strings.EqualFold(m[:len(s)], s) {
			return m, true
		}
	}
	return nil, false
}}

// weekdays are the days that `periodic` takes, as they print.
func weekdays(name string) grammar.Node {
	return choice(name, "Friday", "Friday", "Monday", "Monday", "Saturday", "Saturday", "Sunday", "Sunday", "Thursday", "Thursday",
		"Tuesday", "Tuesday", "Wednesday", "Wednesday")
}

// timeRange is `time-range`. An access list that refers to one is no part of a
// group's policy, so it is stored only.
func (b *builder) timeRange() *grammar.Command {
	m := b.mode("config-time-range", "(config-time-range)")
	m.ExitHelp = "Exit from time-range configuration mode"
	moment := func(prefix string) grammar.Seq {
		return grammar.Seq{grammar.Arg(prefix+"Time", minuteOfDay, prefix+"ing time"), grammar.Arg(prefix+"Day", grammar.Int(1, 31), "Day of the month"),
			grammar.Arg(prefix+"Month", monthName, "Month of the year"), grammar.Arg(prefix+"Year", grammar.Int(1993, 2035), "Year")}
	}
	m.Add(
		store(stanzaText, single, grammar.Seq{grammar.Kw("absolute", "Absolute time and date"),
			grammar.Opt{Node: append(grammar.Seq{grammar.Kw("start", "Starting time and date")}, moment("Start")...)},
			grammar.Opt{Node: append(grammar.Seq{grammar.Kw("end", "Ending time and date")}, moment("End")...)}}),
		store(stanzaText, 0, grammar.Seq{grammar.Kw("periodic", "Periodic time and date"), grammar.Alt{
			grammar.Kw("daily", "Every day of the week").Sets("Days", "daily"),
			grammar.Kw("weekdays", "Monday thru Friday").Sets("Days", "weekdays"),
			grammar.Kw("weekend", "Saturday and Sunday").Sets("Days", "weekend"),
			grammar.Rep{Node: weekdays("Day"), Max: 7},
		}, grammar.Arg("From", minuteOfDay, "Starting time"), grammar.Kw("to", "Ending day and time"),
			grammar.Opt{Node: weekdays("Last")}, grammar.Arg("To", minuteOfDay, "Ending time (stays valid until the end of this minute)")}),
	)
	return heading(globalSections, grammar.Seq{grammar.Kw("time-range", "Define time range entries"),
		grammar.Arg("Name", grammar.Word(), "Time range name").From(timeRangeNames)}, m, nil, "Name")
}
