package member

import (
	"errors"
	"fmt"
	"slices"

	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

// refusal is policy that the filters of this member exclude.
type refusal struct {
	reason  *wire.Error
	message syslog.Message
}

func (r *refusal) Error() string { return r.reason.Error() }

// Unwrap leads to the notify that answers it.
func (r *refusal) Unwrap() error { return r.reason }

// acceptable checks what RFC 6407 leaves to the member: `client rekey
// encryption`, `client rekey hash` and `client transform-sets`.
func (m *Machine) acceptable(p wire.Policy) error {
	refuse := func(msg syslog.Message, format string, args ...any) error {
		return &refusal{&wire.Error{Notify: wire.NotifyNoProposalChosen, Reason: fmt.Sprintf(format, args...)}, msg}
	}
	if k := p.KEK; k != nil {
		msg := syslog.GMRekeyCipherHash.With(m.group())
		if len(m.cfg.RekeyCiphers) > 0 && !slices.Contains(m.cfg.RekeyCiphers, k.Cipher) {
			return refuse(msg, "rekey cipher %s is not acceptable", k.Cipher.RekeyWords())
		}
		if len(m.cfg.RekeyHashes) > 0 && !slices.Contains(m.cfg.RekeyHashes, k.SigHash) {
			return refuse(msg, "rekey hash %s is not acceptable", k.SigHash.Words())
		}
	}
	for _, t := range p.TEKs {
		if len(m.cfg.Transforms) > 0 && !slices.Contains(m.cfg.Transforms, t.Transform) {
			name := transformName(t.Transform)
			return refuse(syslog.GMRekeyTransform.With(name, m.group()), "transform %s is not acceptable", name)
		}
	}
	return nil
}

// filtered logs what a filter has refused; it says whether one has.
func (m *Machine) filtered(err error) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return false
	}
	m.log(r.message)
	return true
}
