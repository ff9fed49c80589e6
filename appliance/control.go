package appliance

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// control owns the machines. Everything that touches them runs on its
// goroutine, in order of arrival.
type control struct {
	a     *Appliance
	inbox chan arrival
	done  chan struct{} // closed by close
	ended chan struct{} // closed when run has returned
	once  sync.Once
	work  sync.WaitGroup // jobs and sockets
	jobs  chan func()    // of the workers

	env       env.Env // of the machines
	tape      *tape   // nil: nothing is recorded
	isakmp    isakmpEngine
	keyserver keyServerEngine
	members   []*groupMember // sorted by key
	nextOwner isakmp.Owner
	workers   int
	sockets   map[Socket]*socket
	groups    map[groupJoin]*joinedGroup
	desired   *Desired
	// waiting holds the key server's outputs behind a Persist that is being
	// written: Persist before Send.
	waiting []keyserver.Output
	durable stateWriter
}

// arrival is what comes to the control goroutine: a datagram, or something to
// do.
type arrival struct {
	datagram *datagram
	do       func(now time.Time)
}

// groupMember is one member machine with the name isakmp knows it by.
type groupMember struct {
	key     xfrm.GroupKey
	vrf     string // of the registration
	owner   isakmp.Owner
	machine groupMemberEngine
	joins   []groupJoin // of multicast rekeys
	gone    bool        // stopped; dropped when drained
}

// newControl makes the machines, which draw their first random numbers here.
func newControl(a *Appliance, t *tape) *control {
	c := &control{
		a: a, inbox: make(chan arrival, 256), jobs: make(chan func(), maxQueued), done: make(chan struct{}), ended: make(chan struct{}),
		sockets: make(map[Socket]*socket), groups: make(map[groupJoin]*joinedGroup), desired: &Desired{}, tape: t,
	}
	c.env = env.Env{Rand: randomTape{a.cfg.Env.Rand, c}}
	if t == nil {
		c.env.Debug = a.log.debugs.Load // a recording has every line
	}
	c.isakmp = isakmpEngine{isakmp.New(c.env), c}
	c.keyserver = keyServerEngine{keyserver.New(c.env), c}
	c.durable.state = a.cfg.State
	return c
}

// newMember makes a member machine under a name for isakmp.
func (c *control) newMember(owner isakmp.Owner, key xfrm.GroupKey) *groupMember {
	c.tape.member(owner, key)
	machine := member.New(c.env)
	machine.NumberBy(func() uint32 { return uint32(c.isakmp.NewID()) })
	m := &groupMember{key: key, owner: owner, machine: groupMemberEngine{machine, c, owner}}
	c.members = append(c.members, m)
	slices.SortFunc(c.members, func(a, b *groupMember) int { return compareKeys(a.key, b.key) })
	return m
}

// post runs f on the control goroutine some time later; it waits for room, and
// drops f when the device is closed.
func (c *control) post(f func(now time.Time)) { c.deliver(arrival{do: f}) }

func (c *control) deliver(x arrival) {
	select {
	case c.inbox <- x: // mostly there is room, and one look is cheaper than two
		return
	default:
	}
	select {
	case c.inbox <- x:
	case <-c.done:
	}
}

// ask runs f on the control goroutine and waits for it. It returns false when
// the device is closed or ctx ends first.
func (c *control) ask(ctx context.Context, f func(now time.Time)) bool {
	ran := make(chan struct{})
	select {
	case c.inbox <- arrival{do: func(now time.Time) { f(now); close(ran) }}:
	case <-c.done:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-ran:
		return true
	case <-c.ended:
		return false
	}
}

func (c *control) close() {
	c.once.Do(func() {
		close(c.done)
		<-c.ended
		for _, s := range c.sockets {
			s.conn.Close()
		}
		for _, g := range c.groups {
			if g.conn != nil {
				g.conn.Close()
			}
		}
		c.work.Wait()
		c.settle()
	})
}

// run is the control goroutine.
func (c *control) run() {
	defer close(c.ended)
	clock := c.a.cfg.Clock
	timer := clock.NewTimer(time.Hour)
	defer timer.Stop()
	armed := clock.Now().Add(time.Hour)
	for {
		// What has arrived goes first, without looking at clocks in between.
		for range cap(c.inbox) {
			select {
			case x := <-c.inbox:
				c.take(clock.Now(), x)
				continue
			default:
			}
			break
		}
		now := clock.Now()
		next := c.next()
		if next.IsZero() {
			next = now.Add(time.Hour)
		}
		// A timer that goes off too early costs one look, arming it again and
		// again costs more.
		if next.Before(armed) || !armed.After(now) {
			timer.Reset(clock.Wall(max(next.Sub(now), 0)))
			armed = next
		}
		select {
		case x := <-c.inbox:
			c.take(clock.Now(), x)
		case <-timer.C:
			armed = time.Time{}
			c.tick(clock.Now())
			c.drain(clock.Now())
		case <-c.done:
			return
		}
	}
}

// take gives what has arrived to the machines and performs their outputs.
func (c *control) take(now time.Time, x arrival) {
	if d := x.datagram; d != nil {
		c.datagram(now, d.vrf, d.local, d.remote, d.data)
		c.drain(now)
		d.release()
		return
	}
	x.do(now)
	c.drain(now)
}

// next is the earliest deadline of all machines.
func (c *control) next() time.Time {
	earliest := c.isakmp.Next()
	take := func(t time.Time) {
		if !t.IsZero() && (earliest.IsZero() || t.Before(earliest)) {
			earliest = t
		}
	}
	take(c.keyserver.Next())
	if !c.durable.writing && !c.durable.flushing {
		take(c.durable.due)
	}
	for _, m := range c.members {
		take(m.machine.Next())
	}
	return earliest
}

func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

func (c *control) tick(now time.Time) {
	if due(c.isakmp.Next(), now) {
		c.isakmp.Step(now, isakmp.Tick{})
	}
	if due(c.keyserver.Next(), now) {
		c.keyserver.Step(now, keyserver.Tick{})
	}
	c.flush(now)
	for _, m := range c.members {
		if due(m.machine.Next(), now) {
			m.machine.Step(now, member.Tick{})
		}
	}
}

// drain performs outputs until no machine has any.
func (c *control) drain(now time.Time) {
	defer c.tape.drain(now)()
	for {
		busy := false
		for _, o := range c.isakmp.Drain() {
			busy = true
			c.fromISAKMP(now, o)
		}
		for _, o := range c.keyserver.Drain() {
			busy = true
			c.waiting = append(c.waiting, o)
		}
		done := 0
		for ; done < len(c.waiting) && !c.durable.writing; done++ {
			busy = true
			c.fromKeyServer(now, c.waiting[done])
		}
		c.waiting = slices.Delete(c.waiting, 0, done)
		for _, m := range c.members {
			for _, o := range m.machine.Drain() {
				busy = true
				if !c.fromMember(now, m, o) {
					break // a failed Install drops what was to follow it
				}
			}
		}
		c.members = slices.DeleteFunc(c.members, func(m *groupMember) bool { return m.gone })
		if !busy {
			return
		}
	}
}

// datagram demultiplexes what arrived on UDP 848: exchange 33 by KEK SPI to
// the members, 35 to the key server, all else to isakmp. The machines copy what
// they keep of data, members but for a rekey that they look at for longer.
func (c *control) datagram(now time.Time, vrf string, local, remote netip.AddrPort, data []byte) {
	if len(data) < 28 {
		c.isakmp.Step(now, isakmp.Datagram{VRF: vrf, Local: local, Remote: remote, Data: data}) // counted there
		return
	}
	switch data[18] {
	case isakmp.ExchangePush:
		spi, data := [16]byte(data[:16]), bytes.Clone(data)
		for _, m := range c.members {
			if slices.Contains(m.machine.KEKSPIs(), spi) {
				m.machine.Step(now, member.Push{Local: local, Remote: remote, Data: data})
				c.drain(now)
			}
		}
	case isakmp.ExchangePushAck:
		c.keyserver.Step(now, keyserver.Ack{Local: local, Remote: remote, Data: data})
	default:
		c.isakmp.Step(now, isakmp.Datagram{VRF: vrf, Local: local, Remote: remote, Data: data})
	}
}

func (c *control) owner(o isakmp.Owner) *groupMember {
	for _, m := range c.members {
		if m.owner == o {
			return m
		}
	}
	return nil
}

func (c *control) fromISAKMP(now time.Time, o isakmp.Output) {
	switch o := o.(type) {
	case isakmp.Send:
		c.send(o.VRF, o.Local, o.Remote, o.Data)
	case isakmp.Compute:
		if t := c.tape; t != nil && t.play != nil {
			t.play.jobs[o.ID] = o.Job
			return
		}
		c.compute(o.Job, func(now time.Time, d env.JobDone) { c.isakmp.Step(now, isakmp.Done{JobDone: d}) })
	case isakmp.PhaseOneUp:
		if m := c.owner(o.Owner); m != nil {
			m.machine.Step(now, member.PhaseOneUp{PhaseOneUp: o})
		}
	case isakmp.PhaseOneFailed:
		if m := c.owner(o.Owner); m != nil {
			m.machine.Step(now, member.PhaseOneFailed{PhaseOneFailed: o})
		}
	case isakmp.Phase2:
		if !o.SA.Initiator {
			c.keyserver.Step(now, keyserver.Phase2{Phase2: o})
		} else if m := c.owner(o.Owner); m != nil {
			m.machine.Step(now, member.Phase2{Phase2: o})
		} else {
			c.isakmp.Step(now, isakmp.Refuse{SA: o.SA.ID, MessageID: o.MessageID})
		}
	case isakmp.Phase2Failed:
		if m := c.owner(o.Owner); m != nil {
			m.machine.Step(now, member.Phase2Failed{Phase2Failed: o})
		}
	case isakmp.Notified:
		// What a peer does not know is told of the SAs of members, whoever opened
		// the ISAKMP SA.
		if !o.SA.Initiator && o.Type != isakmp.NotifyInvalidSPI {
			c.keyserver.Step(now, keyserver.Notified{Notified: o})
			return
		}
		for _, m := range c.members {
			m.machine.Step(now, member.Notified{Notified: o})
		}
	case isakmp.KeyLog:
		if k := c.a.cfg.KeyLog; k != nil {
			k.PhaseOne(o.InitiatorCookie, o.Key)
		}
	case isakmp.Log:
		c.tape.logged(o.Message)
		c.a.log.add(o.Message)
	}
}

func (c *control) fromKeyServer(now time.Time, o keyserver.Output) {
	switch o := o.(type) {
	case keyserver.Send:
		c.send("", o.Local, o.Remote, o.Data)
	case keyserver.ToISAKMP:
		c.isakmp.Step(now, o.Input)
	case keyserver.Compute:
		if c.tape != nil && c.tape.play != nil {
			return // its result is in the recording
		}
		c.compute(o.Job, func(now time.Time, d env.JobDone) { c.keyserver.Step(now, keyserver.Done{JobDone: d}) })
	case keyserver.Persist:
		c.persist(now, o)
	case keyserver.PersistLater:
		c.persistLater(now, o)
	case keyserver.PlainPush:
		if k := c.a.cfg.KeyLog; k != nil {
			k.PlainPush(o.Local, o.Remote, o.Data)
		}
	case keyserver.Log:
		c.tape.logged(o.Message)
		c.a.logFromEngine(o.Message)
	}
}

// fromMember performs one output; false says that the rest of the drain is void.
func (c *control) fromMember(now time.Time, m *groupMember, o member.Output) bool {
	switch o := o.(type) {
	case member.ToISAKMP:
		c.isakmp.Step(now, owned(o.Input, m.owner))
	case member.Install:
		err := c.a.cfg.Dataplane.SetGroup(o.Group)
		c.tape.installed(o.Group, err)
		m.machine.Step(now, member.Installed{Number: o.Number, Err: err})
		return err == nil
	case member.Remove:
		c.tape.removed(o.Key)
		c.a.cfg.Dataplane.RemoveGroup(o.Key)
	case member.Join:
		c.join(m, o.Group)
	case member.Send:
		c.send(m.vrf, o.Local, o.Remote, o.Data)
	case member.Log:
		c.tape.logged(o.Message)
		c.a.log.add(o.Message)
	}
	return true
}

// owned fills in who speaks to isakmp.
func owned(in isakmp.Input, owner isakmp.Owner) isakmp.Input {
	switch in := in.(type) {
	case isakmp.Connect:
		in.Owner = owner
		return in
	case isakmp.Exchange2:
		in.Owner = owner
		return in
	case isakmp.Abandon:
		in.Owner = owner
		return in
	}
	return in
}

// logFromEngine holds the notice of a policy change back while a session is
// still in configuration mode: IOS says it on leaving.
func (a *Appliance) logFromEngine(m syslog.Message) {
	if m.Event == syslog.PolicyChange {
		a.mu.Lock()
		if a.editing {
			text := m.Text()
			if !slices.ContainsFunc(a.held, func(h syslog.Message) bool { return h.Text() == text }) {
				a.held = append(a.held, m)
			}
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
	a.log.add(m)
}
