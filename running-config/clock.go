package runningconfig

import "time"

// Clock is `clock timezone` and `clock summer-time`.
type Clock struct {
	Zone   Zone
	Summer Summer
}

// Zone is `clock timezone NAME H [M]`; an empty name is UTC.
type Zone struct {
	Name    string
	Hours   int // from UTC, -23 ... 23
	Minutes int // in the direction of the hours
}

// Offset is how much the zone is ahead of UTC.
func (z Zone) Offset() time.Duration {
	m := z.Minutes
	if z.Hours < 0 {
		m = -m
	}
	return time.Duration(z.Hours)*time.Hour + time.Duration(m)*time.Minute
}

// Summer is `clock summer-time NAME recurring`, or one summer with `date`; an
// empty name is none.
type Summer struct {
	Name  string
	Dates bool // From and To are dates of one year
	// From is in standard time, To in summer time. Zero Month in a recurring
	// one: the rule of the United States.
	From, To Turn
	Offset   int // minutes, 0: 60
}

// Turn is when summer time begins or ends.
type Turn struct {
	Week         string // "1" ... "4", "first", "last"; recurring
	Weekday      string // "Sun"; recurring
	Day, Year    int    // of a date
	Month        string // "Mar"
	Hour, Minute int
}

// usual is the rule that `recurring` alone means.
var usual = [2]Turn{
	{Week: "2", Weekday: "Sun", Month: "Mar", Hour: 2},
	{Week: "1", Weekday: "Sun", Month: "Nov", Hour: 2},
}

// Set tells whether local time differs from UTC, if only by its name.
func (c Clock) Set() bool { return c.Zone.Name != "" || c.Summer.Name != "" }

// Local is the time in the configured zone and the zone's name then.
func (c Clock) Local(t time.Time) (time.Time, string) {
	name, offset := c.Zone.Name, c.Zone.Offset()
	if name == "" {
		name = "UTC"
	}
	local := t.UTC().Add(offset)
	if c.Summer.in(local) {
		more := time.Duration(c.Summer.Offset) * time.Minute
		if more == 0 {
			more = time.Hour
		}
		name, offset = c.Summer.Name, offset+more
	}
	return t.In(time.FixedZone(name, int(offset.Seconds()))), name
}

// in tells whether it is summer at a standard time, which is given as UTC.
func (s Summer) in(standard time.Time) bool {
	if s.Name == "" {
		return false
	}
	from, to := s.From, s.To
	if !s.Dates && from.Month == "" {
		from, to = usual[0], usual[1]
	}
	more := time.Duration(s.Offset) * time.Minute
	if more == 0 {
		more = time.Hour
	}
	begin := from.at(standard.Year())
	end := to.at(standard.Year()).Add(-more)
	if s.Dates || begin.Before(end) {
		return !standard.Before(begin) && standard.Before(end)
	}
	return !standard.Before(begin) || standard.Before(end) // in the south
}

// at is the turn in a year, or in its own.
func (t Turn) at(year int) time.Time {
	month := time.Month(1 + index(months, t.Month))
	day := t.Day
	switch {
	case t.Year != 0:
		year = t.Year
	case t.Week == "last":
		next := time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
		last := next.AddDate(0, 0, -1)
		back := (int(last.Weekday()) - index(weekdays, t.Weekday) + 7) % 7
		day = last.Day() - back
	default:
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		day = 1 + (index(weekdays, t.Weekday)-int(first.Weekday())+7)%7
		if n := index([]string{"1", "2", "3", "4"}, t.Week); t.Week != "first" {
			day += 7 * n
		}
	}
	return time.Date(year, month, day, t.Hour, t.Minute, 0, 0, time.UTC)
}

var (
	months   = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
)

func index(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return 0
}
