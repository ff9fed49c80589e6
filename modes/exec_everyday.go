package modes

import (
	"context"
	"errors"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// everyday declares what is of no protocol in particular and typed every day.
func (x *execCommands) everyday() {
	x.showInterfaceScreens()
	x.showRoutes()
	x.showNeighbors()
	x.showMemberships()
	x.showResources()
	x.clock()
	x.terminals()
	x.connections()
	x.techSupport()
}

// clock declares what has to do with the time of day.
func (x *execCommands) clock() {
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("clock", "Manage the system clock"), grammar.Kw("set", "Set the time and date"),
		grammar.Arg("Time", timeOfDay, "Current Time"), grammar.Alt{
			grammar.Seq{grammar.Arg("Day", grammar.Int(1, 31), "Day of the month"), grammar.Arg("Month", month, "Month of the year")},
			grammar.Seq{grammar.Arg("Month", month, "Month of the year"), grammar.Arg("Day", grammar.Int(1, 31), "Day of the month")},
		}, grammar.Arg("Year", grammar.Int(1993, 2035), "Year")},
		func(context.Context, grammar.Terminal, grammar.Args) error {
			// Lifetimes and pseudotime run on one clock, the host's or the
			// lab's; a second one would only be told apart by its lies.
			if x.view.Version().Lab {
				return errors.New("% The clock is that of the lab, for all of its routers, and cannot be set")
			}
			return errors.New("% The clock is that of the host: set it there")
		})
	ntp := grammar.Kw("ntp", "Network time protocol")
	for _, n := range []grammar.Keyword{grammar.Kw("status", "NTP status"), grammar.Kw("associations", "NTP associations")} {
		x.show(userLevel, grammar.Seq{ntp, n}, func(_ View, _ grammar.Args, d *show.Doc) error {
			d.Data = struct{ Enabled bool }{}
			d.Line("%s", "%NTP is not enabled.")
			return nil
		})
	}
}

// months of `clock set`, and of everything else that IOS dates.
var months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}

var month = kind{placeholder: "MONTH", rank: grammar.RankTyped, samples: []string{"January", "Dec"}, parse: func(s string) (any, bool) {
	for _, m := range months {
		if short(s, strings.ToLower(m), 3) {
			return m, true
		}
	}
	return nil, false
}}

var timeOfDay = kind{placeholder: "hh:mm:ss", rank: grammar.RankTyped, samples: []string{"09:24:01", "23:59:59"}, parse: func(s string) (any, bool) {
	if len(s) < len("0:0:0") || len(s) > len("00:00:00") {
		return nil, false
	}
	field, limit := 0, []int{24, 60, 60}
	n, digits := 0, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == ':':
			if digits == 0 || digits > 2 || field > 2 || n >= limit[field] {
				return nil, false
			}
			field, n, digits = field+1, 0, 0
		case s[i] >= '0' && s[i] <= '9':
			n, digits = n*10+int(s[i]-'0'), digits+1
		default:
			return nil, false
		}
	}
	return s, field == 3
}}
