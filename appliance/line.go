package appliance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	runningconfig "coterie/running-config"
)

// Terminal lines are numbered through: con 0 is 0, aux 0 is 1, vty 0 is 2.
const (
	consoleLine    = "console"
	firstVTYNumber = 2
	defaultVTYs    = 5  // vty 0 to 4 are always there
	mostVTYs       = 16 // vty 0 to 15
)

// defaultExecTimeout is how long a line may be idle without `exec-timeout`.
const defaultExecTimeout = 10 * time.Minute

// lineName is the name of a line by its kind and number: "console", "vty 3".
func lineName(kind string, n int) string {
	if kind == "con" {
		return consoleLine
	}
	return fmt.Sprintf("%s %d", kind, n)
}

// lineNumber is where a line stands among all.
func lineNumber(name string) int {
	var n int
	if _, err := fmt.Sscanf(name, "vty %d", &n); err == nil {
		return firstVTYNumber + n
	}
	return 0
}

// lineSettings are what the configuration says of one line.
type lineSettings struct {
	Timeout       time.Duration // 0: never
	Privilege     int           // 0: not set
	Login         string        // as runningconfig.Line
	Transport     string
	Length, Width int // -1: of the terminal
	History       int // -1: default
	configured    bool
}

// settings finds what holds for a line: stanzas that overlap add up in the
// order of the configuration.
func settings(c *runningconfig.Config, kind string, n int) lineSettings {
	s := lineSettings{Timeout: defaultExecTimeout, Length: -1, Width: -1, History: -1}
	for _, l := range c.Lines {
		if l.Kind != kind || n < l.First || n > l.Last {
			continue
		}
		s.configured = true
		if d, ok := execTimeout(l.ExecTimeout); ok {
			s.Timeout = d
		}
		if l.Privilege != 0 {
			s.Privilege = l.Privilege
		}
		if l.Login != "" {
			s.Login = l.Login
		}
		if l.Transport != "" {
			s.Transport = l.Transport
		}
		for _, kept := range l.Kept {
			var v int
			switch {
			case scan(kept, "length %d", &v):
				s.Length = v
			case scan(kept, "width %d", &v):
				s.Width = v
			case scan(kept, "history size %d", &v):
				s.History = v
			case kept == "no history":
				s.History = 0
			}
		}
	}
	return s
}

func scan(line, format string, v *int) bool {
	_, err := fmt.Sscanf(line, format, v)
	return err == nil
}

// execTimeout reads the minutes and seconds of `exec-timeout`.
func execTimeout(text string) (time.Duration, bool) {
	var minutes, seconds int64
	if _, err := fmt.Sscan(text, &minutes, &seconds); err != nil {
		return 0, false
	}
	return time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second, true
}

// asks says whether the console wants to know who is there.
func (s lineSettings) asks() bool { return s.Login != "" && s.Login != "no login" }

// takes says whether callers over SSH may have the line.
func (s lineSettings) takes(protocol string) bool {
	return s.Transport == "" || s.Transport == "all" || slices.Contains(strings.Fields(s.Transport), protocol)
}

// vtys lists the virtual terminals that a caller may be given, in order.
func vtys(c *runningconfig.Config, protocol string) (out []int) {
	for n := range mostVTYs {
		s := settings(c, "vty", n)
		if (n < defaultVTYs || s.configured) && s.takes(protocol) {
			out = append(out, n)
		}
	}
	return out
}
