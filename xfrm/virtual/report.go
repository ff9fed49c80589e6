package virtual

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"coterie/xfrm"
)

const (
	reportInterval = 30 * time.Second // between two events of one kind and source
	reportBacklog  = 64               // events waiting for their reader; more are lost
	reportSources  = 1024             // remembered at once
)

// A reporter passes events on, few enough to log.
type reporter struct {
	events chan xfrm.Event
	mu     sync.Mutex
	last   map[reportKey]time.Time
	closed bool
}

type reportKey struct {
	kind xfrm.EventKind
	src  netip.Addr
	spi  uint32 // of NumbersLow, which has no source
}

func newReporter() *reporter {
	return &reporter{events: make(chan xfrm.Event, reportBacklog), last: map[reportKey]time.Time{}}
}

func (d *Dataplane) report(e xfrm.Event) { d.reports.report(e, d.clock.Now()) }

func (r *reporter) report(e xfrm.Event, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := reportKey{kind: e.Kind, src: e.Src}
	if e.Kind == xfrm.NumbersLow {
		k.spi = e.SPI
	}
	if at, ok := r.last[k]; r.closed || ok && now.Sub(at) < reportInterval {
		return
	}
	if len(r.last) >= reportSources {
		maps.DeleteFunc(r.last, func(_ reportKey, at time.Time) bool { return now.Sub(at) >= reportInterval })
		if len(r.last) >= reportSources {
			return // a flood from many sources says nothing new
		}
	}
	select {
	case r.events <- e:
		r.last[k] = now
	default:
	}
}

func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.events)
	}
}
