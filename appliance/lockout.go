package appliance

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"coterie/cli"
	runningconfig "coterie/running-config"
)

// Limits of failed logins while `login block-for` is not configured: for each
// user and for each source.
const (
	defaultAttempts = 3
	defaultWithin   = time.Minute
)

// mostCounted bounds the users and sources that are counted. Beyond it, those
// who have failed longest ago are forgotten first.
const mostCounted = 4096

// lockout counts failed logins. Its zero value is ready.
type lockout struct {
	mu       sync.Mutex
	failures map[string][]time.Time // of "user ..." and "source ...", oldest first
	all      []time.Time            // of `login block-for`, oldest first
	quiet    time.Time              // nobody logs in until then
}

// names are what credentials count against. A user stands there as a digest: a
// peer may offer names as long as a packet, and thousands of them are kept.
func names(k cli.Credentials) [2]string {
	user := sha256.Sum256([]byte(k.User))
	return [2]string{"user " + string(user[:]), "source " + from(k).String()}
}

// begin admits an attempt. It counts as failed until it succeeds, so that many
// at once are no way around the limit.
func (l *lockout) begin(now time.Time, block runningconfig.LoginBlock, k cli.Credentials) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if block.Attempts > 0 {
		return !now.Before(l.quiet)
	}
	l.quiet = time.Time{}
	for _, n := range names(k) {
		if len(recent(l.failures[n], now, defaultWithin)) >= defaultAttempts {
			return false
		}
	}
	if l.failures == nil {
		l.failures = make(map[string][]time.Time)
	}
	for _, n := range names(k) {
		l.failures[n] = append(recent(l.failures[n], now, defaultWithin), now)
	}
	l.trim(now)
	return true
}

// recent are the times within a span before now.
func recent(times []time.Time, now time.Time, span time.Duration) []time.Time {
	i, _ := slices.BinarySearchFunc(times, now.Add(-span), func(t, edge time.Time) int {
		if t.After(edge) {
			return 1
		}
		return -1
	})
	return times[i:]
}

// trim forgets what no longer counts, once there is much of it.
func (l *lockout) trim(now time.Time) {
	if len(l.failures) <= mostCounted {
		return
	}
	type last struct {
		name string
		at   time.Time
	}
	var left []last
	for n, times := range l.failures {
		if times = recent(times, now, defaultWithin); len(times) == 0 {
			delete(l.failures, n)
		} else {
			left = append(left, last{n, times[len(times)-1]})
		}
	}
	slices.SortFunc(left, func(a, b last) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	for _, x := range left[:max(0, len(left)-mostCounted*3/4)] {
		delete(l.failures, x.name)
	}
}

// succeeded forgets the failures of who has logged in.
func (l *lockout) succeeded(k cli.Credentials) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range names(k) {
		delete(l.failures, n)
	}
}

// failed counts an attempt for `login block-for`. When it is one too many, it
// returns for how long quiet mode begins, and what was left of the time in
// which failures add up.
func (l *lockout) failed(now time.Time, block runningconfig.LoginBlock, k cli.Credentials) (quiet, left time.Duration) {
	if block.Attempts == 0 || console(k) {
		return 0, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.quiet) {
		return 0, 0 // it was let in before
	}
	within := time.Duration(block.Within) * time.Second
	l.all = append(recent(l.all, now, within), now)
	if len(l.all) < block.Attempts {
		return 0, 0
	}
	left = within - now.Sub(l.all[0])
	quiet = time.Duration(block.Seconds) * time.Second
	l.all, l.quiet = nil, now.Add(quiet)
	return quiet, left
}
