package member

import (
	"bytes"
	"testing"
	"time"

	"coterie/crypto/isakmp"
)

// Nothing that somebody without SKEYID_a can make of an answer ends a
// registration: neither a damaged copy of it nor garbage, at either message.
func TestForgedAnswersDoNotEndRegistration(t *testing.T) {
	for _, message := range []int{2, 4} {
		l := newLab(t)
		forged := 0
		l.ks().mangle = func(n int, chain []byte) []byte {
			if n != message {
				return chain
			}
			try := l.m.try
			forge := func(first uint8, chain []byte) {
				forged++
				l.step(Phase2{isakmp.Phase2{SA: isakmp.SA{ID: l.nextSA, PRF: testPRF}, Exchange: isakmp.ExchangePull, MessageID: try.mid, First: first, Payloads: chain}})
			}
			for i := range chain {
				damaged := bytes.Clone(chain)
				damaged[i] ^= 1 << (i % 8)
				forge(8, damaged)
				forge(8, chain[:i])
			}
			for first := range 256 {
				if first != 8 {
					forge(uint8(first), chain)
				}
			}
			forge(8, nil)
			forge(8, make([]byte, 4096))
			if l.m.try != try {
				t.Fatalf("message %d: the attempt is over: %q", n, l.logs)
			}
			return chain
		}
		l.step(Configure{config()})
		l.run(time.Second)
		s := l.m.Snapshot(l.now)
		if s.Status != "Registered" || s.Attempted != 1 || s.Failed != 0 || s.Counters.HashFail != uint64(forged) || forged == 0 {
			t.Errorf("message %d: %s, %d forged, %+v", message, s.Status, forged, s.Counters)
		}
		for _, n := range l.refused {
			if n != 0 {
				t.Errorf("message %d: answered with notify %d", message, n)
			}
		}
		// One line, whatever came.
		if n := bytes.Count([]byte(join(l.logs)), []byte("GM_HASH_FAIL")); n != 1 {
			t.Errorf("message %d: %d lines", message, n)
		}
	}
}

func join(lines []string) (all string) {
	for _, s := range lines {
		all += s + "\n"
	}
	return all
}
