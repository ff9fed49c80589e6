package member

import (
	"fmt"
	"slices"
	"time"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

const (
	// exactRTT is the round trip up to which a registration tells the time
	// well enough to set the clock back.
	exactRTT = time.Second
	// clockSamples is how many rekeys must agree before the clock goes back: a
	// copy may be late, never early.
	clockSamples = 4
)

// pseudoclock is the member's clock for time-based anti-replay and what the
// last rekeys said about it.
type pseudoclock struct {
	xfrm.PseudoClock
	samples []sample // oldest first
}

// sample is a pseudotime and when it arrived. The key server was at least so
// far by then.
type sample struct {
	time xfrm.Pseudotime
	at   time.Time
}

// at carries a sample on to now.
func (s sample) now(now time.Time) xfrm.Pseudotime {
	return s.time + xfrm.Pseudotime(max(now.Sub(s.at), 0).Milliseconds())
}

// set puts the clock to t.
func (c *pseudoclock) set(now time.Time, t xfrm.Pseudotime) {
	c.PseudoClock = xfrm.PseudoClock{At: t, Base: now}
}

const century = 100 * 365 * 24 * time.Hour

// apart is a minus b, within a century.
func apart(a, b xfrm.Pseudotime) time.Duration {
	const limit = int64(century / time.Millisecond)
	return time.Duration(min(max(int64(a-b), -limit), limit)) * time.Millisecond
}

// registered takes the pseudotime of PULL message 2, which arrived at now, rtt
// after message 1 left: the key server wrote it half way. It steps the clock
// at once. Where the round trip took long the answer may be anywhere within
// it: a clock that runs already then only keeps to what is certain.
func (c *pseudoclock) registered(now time.Time, t xfrm.Pseudotime, rtt time.Duration) (step time.Duration) {
	if c.Synchronized() && rtt > exactRTT {
		step, _ = c.rekeyed(now, t)
		return step
	}
	t += xfrm.Pseudotime(max(rtt, 0).Milliseconds() / 2)
	if c.Synchronized() {
		step = apart(t, c.Now(now))
	}
	c.set(now, t)
	c.samples = nil
	return step
}

// rekeyed takes the pseudotime of a rekey that arrived at now. The clock steps
// forward at once. Once clockSamples have come, it goes back by the smallest
// excess over them, slowly; excess is that, 0 before.
func (c *pseudoclock) rekeyed(now time.Time, t xfrm.Pseudotime) (step, excess time.Duration) {
	if !c.Synchronized() {
		c.set(now, t)
		return 0, 0
	}
	c.samples = append(c.samples, sample{t, now})
	if len(c.samples) > clockSamples {
		c.samples = slices.Delete(c.samples, 0, 1)
	}
	local := c.Now(now)
	if d := apart(t, local); d > 0 {
		c.set(now, t)
		return d, 0
	}
	if len(c.samples) < clockSamples {
		return 0, 0
	}
	best := t
	for _, s := range c.samples {
		best = max(best, s.now(now))
	}
	if excess = max(apart(local, best), 0); excess == 0 && c.Owed == 0 {
		return 0, 0
	}
	c.PseudoClock = xfrm.PseudoClock{At: local, Base: now, Owed: excess}
	return 0, excess
}

// replayWindow is the smallest window of a policy's current TEKs with
// time-based anti-replay, 0 when there is none.
func replayWindow(teks []policy.TEK) (w time.Duration) {
	for _, t := range teks {
		if r := t.Replay; r.Method == policy.ReplayTime && (w == 0 || r.TimeWindow < w) {
			w = r.TimeWindow
		}
	}
	return w
}

func (h *holding) replayWindow() (w time.Duration) {
	for _, t := range h.teks {
		if r := t.Replay; r.Method == policy.ReplayTime && (w == 0 || r.TimeWindow < w) {
			w = r.TimeWindow
		}
	}
	return w
}

// timed says whether a policy can be used: time-based anti-replay needs to
// know the time, and the time must leave room above. A group whose key server
// had no clock may step by decades when it gets one, by more never.
func (m *Machine) timed(now time.Time, p wire.Policy) error {
	switch {
	case p.Pseudotime == nil:
		if replayWindow(p.TEKs) > 0 && !m.clock.Synchronized() {
			return &wire.Error{Notify: wire.NotifyNoProposalChosen, Reason: "time-based anti-replay without a pseudotime"}
		}
	case *p.Pseudotime > xfrm.MaxPseudotime, m.clock.Synchronized() && apart(*p.Pseudotime, m.clock.Now(now)) >= century:
		return &wire.Error{Notify: wire.NotifyPayloadMalformed, Payload: wire.PayloadGAP, Reason: fmt.Sprintf("pseudotime %s is too far ahead", pseudoSeconds(*p.Pseudotime))}
	}
	return nil
}

// synchronize takes the pseudotime of a registration whose TEKs are held by
// now.
func (m *Machine) synchronize(now time.Time, p wire.Policy, rtt time.Duration, arrived time.Time) {
	if p.Pseudotime == nil {
		return
	}
	was := m.clock.PseudoClock
	known := was.Synchronized()
	step := m.clock.registered(arrived, *p.Pseudotime, rtt)
	m.largeStep(*p.Pseudotime, was, arrived, step)
	if w := m.replayWindow(); w > 0 && !known && rtt > exactRTT && rtt > w {
		// Half of the round trip is more than half of the window: the clock may
		// be wrong by that much.
		m.again(now.Add(soonestAgain + time.Duration(m.env.Below(int64(soonestAgain)))))
	}
}

// tell takes the pseudotime of a rekey. It is applied behind the rekey's
// policy, and the plan to register again has been drawn. A rekey that has
// replaced every TEK may have begun another epoch: what was sent in the one
// before is under keys that are gone.
func (m *Machine) tell(now time.Time, p wire.Policy, replaced bool) {
	if p.Pseudotime == nil {
		return
	}
	was := m.clock.PseudoClock
	w := m.replayWindow()
	if was.Synchronized() {
		late := apart(was.Now(now), *p.Pseudotime)
		if w > 0 && late > w && replaced {
			m.clock = pseudoclock{}
			m.clock.set(now, *p.Pseudotime)
			m.largeStep(*p.Pseudotime, was, now, -late)
			return
		}
		if w > 0 && late > w {
			m.log(syslog.PseudoTimeTooOld.With(m.group(), pseudoSeconds(was.Now(now)), pseudoSeconds(*p.Pseudotime), int(w.Seconds())))
		}
	}
	step, excess := m.clock.rekeyed(now, *p.Pseudotime)
	m.largeStep(*p.Pseudotime, was, now, step)
	if w > 0 && excess > w/2 {
		m.again(now.Add(time.Duration(m.env.Below(int64(soonestAgain)))))
	}
}

// largeStep says that the clock has been put right by more than is usual.
func (m *Machine) largeStep(t xfrm.Pseudotime, was xfrm.PseudoClock, now time.Time, step time.Duration) {
	if w := m.replayWindow(); w > 0 && step.Abs() > w/2 {
		m.log(syslog.PseudoTimeLarge.With(pseudoSeconds(t), pseudoSeconds(was.Now(now)), m.group()))
	}
}

// pseudoSeconds is a pseudotime as the log has it.
func pseudoSeconds(t xfrm.Pseudotime) string { return fmt.Sprintf("%d.%02d", t/1000, t%1000/10) }
