package modes

import (
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// showResources declares `show processes` and `show memory`. What they print
// is of the whole program: in a lab, of all routers together.
func (x *execCommands) showResources() {
	processes := grammar.Kw("processes", "Active process statistics")
	x.show(userLevel, grammar.Seq{processes, grammar.Opt{Node: grammar.Seq{grammar.Kw("cpu", "Show CPU use per process"),
		grammar.Opt{Node: grammar.Kw("sorted", "Sorted output based on CPU usage")}}}}, showCPU)
	x.show(userLevel, grammar.Seq{processes, grammar.Kw("memory", "Show memory use per process"),
		grammar.Opt{Node: grammar.Kw("sorted", "Sorted output based on memory used")}}, showProcessMemory)
	memory := grammar.Kw("memory", "Memory statistics")
	x.show(userLevel, grammar.Seq{memory, grammar.Opt{Node: grammar.Alt{
		grammar.Kw("statistics", "Show memory pool statistics"), grammar.Kw("summary", "Summary of memory usage per alloc PC"),
	}}}, showMemory)
}

// usage is what a process has used of a processor.
type usage struct {
	at           time.Time
	user, system time.Duration
	switches     int64 // from one thread to another
}

func (u usage) total() time.Duration { return u.user + u.system }

// usages remembers what was seen at earlier calls. The program does not
// measure itself while nobody asks.
var usages struct {
	mu   sync.Mutex
	seen []usage // oldest first
}

// spans are the columns 5Sec, 1Min and 5Min.
var spans = [3]time.Duration{5 * time.Second, time.Minute, 5 * time.Minute}

// Share is a share of the processors in percent.
type Share struct{ Total, System float64 }

// loads gives, for each span, the load since the last time that was looked at
// least so long ago; without one, since the program began.
func loads(now usage, seen []usage) (out [3]Share) {
	for i, span := range spans {
		from := usage{at: began}
		for _, u := range seen {
			if now.at.Sub(u.at) >= span {
				from = u
			}
		}
		if d := now.at.Sub(from.at) * time.Duration(runtime.GOMAXPROCS(0)); d > 0 {
			share := func(t time.Duration) float64 { return min(100, max(0, 100*float64(t)/float64(d))) }
			out[i] = Share{share(now.total() - from.total()), share(now.system - from.system)}
		}
	}
	return out
}

// began is when the program did, as near as a package can know.
var began = time.Now()

// longestMemory is how many looks are remembered.
const longestMemory = 64

// CPU is what `show processes cpu` prints.
type CPU struct {
	PID              int
	Runtime          time.Duration
	ContextSwitches  int64
	FiveSeconds      Share
	OneMinute        Share
	FiveMinutes      Share
	GarbageCollector time.Duration
}

func showCPU(_ View, _ grammar.Args, d *show.Doc) error {
	now := used()
	usages.mu.Lock()
	l := loads(now, usages.seen)
	if usages.seen = append(usages.seen, now); len(usages.seen) > longestMemory {
		usages.seen = usages.seen[1:]
	}
	usages.mu.Unlock()
	collector := time.Duration(measured("/cpu/classes/gc/total:cpu-seconds").Float64() * float64(time.Second))
	d.Data = CPU{os.Getpid(), now.total(), now.switches, l[0], l[1], l[2], collector}
	d.Line("CPU utilization for five seconds: %.0f%%/%.0f%%; one minute: %.0f%%; five minutes: %.0f%%",
		l[0].Total, l[0].System, l[1].Total, l[2].Total)
	d.Line(" PID Runtime(ms)     Invoked      uSecs   5Sec   1Min   5Min TTY Process ")
	each := int64(0)
	if now.switches > 0 {
		each = now.total().Microseconds() / now.switches
	}
	d.Line("%4d%12d%12d%11d%6.2f%%%6.2f%%%6.2f%%%4d %s", os.Getpid(), now.total().Milliseconds(), now.switches, each,
		l[0].Total, l[1].Total, l[2].Total, 0, "coterie")
	return nil
}

// measured reads one metric of the Go runtime.
func measured(name string) metrics.Value {
	s := []metrics.Sample{{Name: name}}
	metrics.Read(s)
	return s[0].Value
}

// Memory is the memory of the program, in octets.
type Memory struct {
	Total, Used, Free uint64
	Allocated, Freed  uint64 // since the program began
}

func memory() Memory {
	m := Memory{
		Total:     measured("/memory/classes/total:bytes").Uint64(),
		Allocated: measured("/gc/heap/allocs:bytes").Uint64(),
		Freed:     measured("/gc/heap/frees:bytes").Uint64(),
	}
	m.Free = measured("/memory/classes/heap/free:bytes").Uint64() + measured("/memory/classes/heap/released:bytes").Uint64() +
		measured("/memory/classes/heap/unused:bytes").Uint64()
	m.Free = min(m.Free, m.Total)
	m.Used = m.Total - m.Free
	return m
}

func showProcessMemory(_ View, _ grammar.Args, d *show.Doc) error {
	m := memory()
	d.Data = m
	d.Line("Processor Pool Total: %10d Used: %10d Free: %10d", m.Total, m.Used, m.Free)
	d.Blank()
	d.Line(" PID TTY  Allocated      Freed    Holding    Getbufs    Retbufs Process")
	d.Line("%4d%4d%11d%11d%11d%11d%11d %s", os.Getpid(), 0, m.Allocated, m.Freed, m.Allocated-m.Freed, 0, 0, "coterie")
	d.Line("                        %11d Total", m.Allocated-m.Freed)
	return nil
}

// showMemory leaves open what the Go runtime does not tell: where the memory
// begins, how little of it was ever free, and its largest piece.
func showMemory(_ View, _ grammar.Args, d *show.Doc) error {
	m := memory()
	d.Data = m
	const row = "%-9s%12v%13v%12v%12v%12v%12v"
	d.Line(row, "", "Head", "Total(b)", "Used(b)", "Free(b)", "Lowest(b)", "Largest(b)")
	d.Line(row, "Processor", "-", m.Total, m.Used, m.Free, "-", "-")
	return nil
}
