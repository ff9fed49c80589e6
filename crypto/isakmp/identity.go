package isakmp

import (
	"crypto"
	"fmt"
	"slices"
	"time"

	"coterie/crypto/pki"
	"coterie/internal/syslog"
)

// proven is what an authentication has shown of the peer.
type proven struct {
	id          Identity
	certificate []byte // DER, of signatures
	trustpoint  string
	until       time.Time // the certificates hold until then; zero: no matter
	profile     string
}

// provenBySignature checks the chain, the signature over hash, and that the
// certificate proves the identity. early is what was wrong with the message
// already: a signature is verified all the same.
//
// An address that the certificate does not name, but that the message came
// from, is what IOS sends by default. It proves nothing, so the identity of
// such a peer is the subject of its certificate.
func (m *Machine) provenBySignature(sa *phaseOne, a authentication, hash []byte, early error) (proven, error) {
	var v *pki.Verified
	err := early
	if err == nil {
		v, err = m.verdicts.Verify(a.chain, sa.cred.trusted, m.now)
	}
	key := crypto.PublicKey(nil)
	if err == nil {
		key = v.Leaf.PublicKey
	} else if sa.own != nil {
		key = sa.own.Signer.Public()
	}
	if bad := verifySignature(key, sa.policy, hash, a.proof); err == nil {
		err = bad
	}
	if err != nil {
		return proven{}, err
	}
	if v.Weak && !slices.Contains(m.weak, v.Trustpoint.Name) {
		m.weak = append(m.weak, v.Trustpoint.Name)
		m.emit(Log{syslog.WeakAlgorithm.With(fmt.Sprintf("SHA-1, with which trustpoint %s signed the certificate of %v,", v.Trustpoint.Name, sa.remote.Addr()), "SHA-256")})
	}
	id, err := ParseID(a.id)
	if err != nil {
		return proven{}, err
	}
	if !pki.MatchesID(v.Leaf, id.Type, id.Data) {
		addr, ok := id.Addr()
		if !ok || addr.Unmap() != addrOf(sa.remote) {
			return proven{}, fmt.Errorf("%w %v", errIdentity, id)
		}
		id.Type, id.Data = IDDERASN1DN, append([]byte(nil), v.Leaf.RawSubject...)
		m.debugf("ISAKMP:(%d): the certificate does not name %v, the identity is its subject", sa.id, addr)
	}
	return proven{id: id, certificate: append([]byte(nil), v.Leaf.Raw...), trustpoint: v.Trustpoint.Name, until: v.Until}, nil
}
