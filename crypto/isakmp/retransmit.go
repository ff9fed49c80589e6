package isakmp

import (
	"time"
)

// The side that waits for an answer repeats its last datagram, bit for bit, at
// 10, 20 and 30 s, and gives up at 40 s.
const (
	retransmitInterval = 10 * time.Second
	transmissions      = 4 // the first one included
)

// retransmission is one datagram that waits for its answer. Its zero value
// waits for nothing.
type retransmission struct {
	timer *timer
	start time.Time
	sent  int
}

func (r *retransmission) active() bool { return r.timer != nil }

func (m *Machine) stopRetransmission(r *retransmission) {
	m.timers.stop(r.timer)
	r.timer = nil
}

// transmit sends data now and again until the retransmission is stopped;
// failed is called when the last copy stayed unanswered. paused, when not nil
// and true, skips a copy: the answer is being looked at.
func (m *Machine) transmit(r *retransmission, sa *phaseOne, data []byte, paused func() bool, failed func()) {
	m.stopRetransmission(r)
	r.start, r.sent = m.now, 1
	m.sendSA(sa, data)
	var fire func()
	arm := func() {
		at := r.start.Add(time.Duration(r.sent) * retransmitInterval)
		if !at.After(m.now) { // the host slept: no burst afterwards
			r.start = m.now.Add(-time.Duration(r.sent-1) * retransmitInterval)
			at = m.now.Add(retransmitInterval)
		}
		r.timer = new(timer)
		m.timers.set(r.timer, at, fire)
	}
	fire = func() {
		r.timer = nil
		if r.sent == transmissions {
			failed()
			return
		}
		r.sent++
		if paused == nil || !paused() {
			m.count.Retransmitted++
			m.sendSA(sa, data)
		}
		arm()
	}
	arm()
}
