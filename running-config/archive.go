package runningconfig

import (
	"cmp"
	"slices"
)

// Archive is `archive`: where copies of the running configuration go, and the
// log of configuration lines. It is nil while the section is absent.
type Archive struct {
	Path        string // path URL: the copies are named PATH-N; $h is the host name, $t the time
	Maximum     int    // copies that are kept, 1 to 14; 0: 10
	TimePeriod  int    // minutes between copies, 1 to 525600; 0: none
	WriteMemory bool   // a copy with each write memory
	Log         *ConfigLog
}

// ConfigLog is `log config` of the archive.
type ConfigLog struct {
	Enable bool
	Size   int  // lines that are kept, 1 to 1000; 0: 100
	Notify bool // notify syslog
	// HideKeys is hidekeys. Secrets do not go into the log either way.
	HideKeys bool
}

// Defaults of the archive.
const (
	DefaultArchives  = 10
	DefaultConfigLog = 100 // lines
)

// Copies is the number of copies kept.
func (a *Archive) Copies() int {
	if a == nil {
		return DefaultArchives
	}
	return cmp.Or(a.Maximum, DefaultArchives)
}

// Lines is the number of configuration lines that are kept; 0 while the log
// is off.
func (a *Archive) Lines() int {
	if a == nil || a.Log == nil || !a.Log.Enable {
		return 0
	}
	return cmp.Or(a.Log.Size, DefaultConfigLog)
}

// KeepNumbers gives the entries of access lists the sequence numbers that they
// have in old, as far as their order allows: the text of a configuration does
// not tell them. An entry that is new gets a number between its neighbours;
// where there is none, the list is numbered by tens.
func (c *Config) KeepNumbers(old *Config) {
	lists := make(map[string]*AccessList, len(old.AccessLists))
	for _, l := range old.AccessLists {
		lists[l.Name] = l
	}
	for _, l := range c.AccessLists {
		if o := lists[l.Name]; o != nil && o.Extended == l.Extended {
			l.keepNumbers(o)
		}
	}
}

// numberStep is the distance of the numbers that IOS gives.
const numberStep = 10

func (l *AccessList) keepNumbers(old *AccessList) {
	had := make(map[string]int, len(old.Entries))
	for _, e := range old.Entries {
		had[e.key()] = e.Sequence
	}
	// The numbers to keep are the longest rising sequence of them: by the
	// smallest end of a sequence of each length.
	number := make([]int, len(l.Entries))
	var ends []int
	before := make([]int, len(l.Entries))
	for i, e := range l.Entries {
		number[i] = had[e.key()]
		if number[i] == 0 {
			continue
		}
		n, _ := slices.BinarySearchFunc(ends, number[i], func(at, v int) int { return cmp.Compare(number[at], v) })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	kept := make([]bool, len(l.Entries))
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			kept[i] = true
		}
	}
	if !fill(number, kept) {
		return // numbered by tens already
	}
	for i := range l.Entries {
		l.Entries[i].Sequence = number[i]
	}
	l.Renumbered()
}

// key is an entry without its number, for comparison.
func (e ACE) key() string { return e.Remark + "\x00" + e.text() }

// fill numbers what is not kept between what is; false when there is no room.
func fill(number []int, kept []bool) bool {
	last := 0
	for i := 0; i < len(number); {
		if kept[i] {
			last = number[i]
			i++
			continue
		}
		end := i
		for end < len(number) && !kept[end] {
			end++
		}
		step := numberStep
		if end < len(number) {
			step = min(step, (number[end]-last)/(end-i+1))
		}
		if step == 0 {
			return false
		}
		for ; i < end; i++ {
			last += step
			number[i] = last
		}
	}
	return true
}
