package keyserver

import (
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
)

// longLifetime is where a lifetime is long: keys that live longer need AES, and
// members that speak our extensions, because a foreign one may not expect it.
const longLifetime = 24 * time.Hour

// long tells whether a configuration has a long lifetime.
func long(c Group) bool {
	if rekeyable(c) && c.Rekey.Lifetime > longLifetime {
		return true
	}
	for _, sa := range c.SAs {
		if sa.Lifetime > longLifetime {
			return true
		}
	}
	return false
}

// lacking names, in the words of the log, what the group uses and a peer does
// not understand; "": nothing.
func (g *group) lacking(foreign bool, capabilities uint32) string {
	switch {
	case capabilities&isakmp.CapTBAR == 0 && (timed(g.force) || g.timed()):
		return "Time Based Anti-Replay"
	case foreign && long(g.force):
		return "Long SA Lifetime"
	}
	return ""
}

// dropIncapable stops rekeying members that would drop most of what is sent
// under the policy in force: they register again and are told why not.
func (m *Machine) dropIncapable(now time.Time, g *group) {
	if !timed(g.force) && !long(g.force) {
		return
	}
	m.unkey(now, g, func(r *record) bool { return r.keyed && g.lacking(r.Foreign, r.caps) != "" })
}

// strongEnough tells why a key of a long life must not be used; "": it may.
func strongEnough(c Group) string {
	if rekeyable(c) && c.Rekey.Lifetime > longLifetime && c.Rekey.Cipher.Weak() {
		return "a rekey lifetime of more than a day needs rekey algorithm aes"
	}
	for _, sa := range c.SAs {
		if sa.Lifetime > longLifetime && sa.Transform.Cipher < suite.ESPAES128 {
			return "a lifetime of more than a day needs a transform with AES"
		}
		if sa.Replay.Method == policy.ReplayTime && sa.Transform.Auth == suite.ESPAuthNone && !sa.Transform.CounterMode() {
			return "replay time needs a transform with integrity"
		}
	}
	return ""
}
