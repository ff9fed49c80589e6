package appliance

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"coterie/gdoi/keyserver"
	"coterie/internal/store"
	"coterie/internal/syslog"
)

const (
	// latest is how long records of PersistLater wait for company.
	latest = time.Second
	// againLater is how long they wait after a write has failed, and
	// quietState how long nothing is said of another failure.
	againLater = 5 * time.Second
	quietState = 10 * time.Minute
)

// stateWriter is what the control goroutine knows of the state: at most one
// write is under way, and it runs elsewhere.
type stateWriter struct {
	state State
	// writing: a Persist is, or waits its turn, and the outputs behind it wait.
	// Nothing waits for a flush, so that what a recording has does not depend on
	// when one ends.
	writing  bool
	flushing bool
	turn     func()                         // the write that waits for the flush to end
	later    map[[2]string]keyserver.Record // not written yet, by group and key
	due      time.Time                      // of later; zero: there is nothing
	failed   bool                           // the last write
	said     time.Time                      // when that was logged
}

func compareText(a, b string) int { return strings.Compare(a, b) }

func compareRecords(a, b keyserver.Record) int {
	return cmp.Or(compareText(a.Group, b.Group), compareText(a.Key, b.Key))
}

// restore gives the key server what was stored, before its configuration.
func (c *control) restore() {
	records, elapsed, err := c.durable.state.Load()
	in := keyserver.Restore{Records: records, Elapsed: elapsed}
	if err != nil {
		in.Records = nil
		if !errors.Is(err, store.ErrNew) { // a new device has lost nothing
			in.Lost = err.Error()
		}
	}
	if len(in.Records) == 0 && in.Lost == "" {
		return
	}
	c.post(func(now time.Time) { c.keyserver.Step(now, in) })
}

// persist writes records; the key server's further outputs wait for it, and
// are dropped if it fails. What was to be written later goes with it.
func (c *control) persist(now time.Time, p keyserver.Persist) {
	c.tape.persisted(p.Records)
	c.durable.writing = true
	if c.tape != nil && c.tape.play != nil {
		return
	}
	write := func() {
		for _, r := range p.Records {
			delete(c.durable.later, [2]string{r.Group, r.Key}) // it is older
		}
		later := c.durable.take()
		c.write(slices.Concat(later, p.Records), func(now time.Time, err error) {
			c.durable.writing = false
			if err != nil {
				c.forget()
				c.durable.giveBack(now, later)
			}
			c.keyserver.Step(now, keyserver.Persisted{Number: p.Number, Err: err})
		})
	}
	if c.durable.flushing {
		c.durable.turn = write
		return
	}
	write()
}

// forget drops the outputs that waited for a write that has failed. Records
// that may be written later still are.
func (c *control) forget() {
	for _, o := range c.waiting {
		if l, ok := o.(keyserver.PersistLater); ok {
			c.persistLater(c.a.cfg.Clock.Now(), l)
		}
	}
	c.waiting = nil
}

// persistLater keeps records for a write that comes within a second.
func (c *control) persistLater(now time.Time, p keyserver.PersistLater) {
	c.tape.persisted(p.Records)
	if c.tape != nil && c.tape.play != nil {
		return
	}
	d := &c.durable
	if d.later == nil {
		d.later = make(map[[2]string]keyserver.Record)
	}
	for _, r := range p.Records {
		d.later[[2]string{r.Group, r.Key}] = r
	}
	if d.due.IsZero() {
		d.due = now.Add(latest)
	}
}

// take empties later.
func (d *stateWriter) take() []keyserver.Record {
	out := make([]keyserver.Record, 0, len(d.later))
	for _, r := range d.later {
		out = append(out, r)
	}
	d.later, d.due = nil, time.Time{}
	return out
}

// flush writes what has waited long enough.
func (c *control) flush(now time.Time) {
	d := &c.durable
	if d.writing || d.flushing || !due(d.due, now) {
		return
	}
	d.flushing = true
	list := d.take()
	c.write(list, func(now time.Time, err error) {
		d.flushing = false
		if err != nil {
			d.giveBack(now, list)
		}
		if turn := d.turn; turn != nil {
			d.turn = nil
			turn()
		}
	})
}

// giveBack keeps records that could not be written, where nothing newer has
// come, for another attempt.
func (d *stateWriter) giveBack(now time.Time, list []keyserver.Record) {
	if d.later == nil {
		d.later = make(map[[2]string]keyserver.Record)
	}
	for _, r := range list {
		name := [2]string{r.Group, r.Key}
		if _, newer := d.later[name]; !newer {
			d.later[name] = r
		}
	}
	if len(d.later) > 0 {
		d.due = now.Add(againLater)
	}
}

// write runs one write elsewhere and brings its result back.
func (c *control) write(list []keyserver.Record, done func(time.Time, error)) {
	c.work.Go(func() {
		err := c.durable.state.Write(keyserver.Stamp(c.a.cfg.Clock.Now(), list))
		c.post(func(now time.Time) {
			c.written(now, err)
			done(now, err)
		})
	})
}

// written raises an alarm when the disk begins to fail, and says when it is
// over.
func (c *control) written(now time.Time, err error) {
	d := &c.durable
	switch {
	case err != nil && (!d.failed || now.Sub(d.said) >= quietState):
		d.said = now
		c.a.log.add(syslog.KSStateNotWritten.With(err))
	case err == nil && d.failed:
		c.a.log.add(syslog.KSStateWritten.With())
	}
	d.failed = err != nil
}

// settle writes what is left when the device is switched off in an orderly
// way. Nothing else runs any more.
func (c *control) settle() {
	if list := c.durable.take(); len(list) > 0 {
		c.durable.state.Write(keyserver.Stamp(c.a.cfg.Clock.Now(), list))
	}
}
