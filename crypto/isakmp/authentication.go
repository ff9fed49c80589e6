package isakmp

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"coterie/crypto/pki"
	"coterie/internal/syslog"
)

// Why a peer is not who it should be. They reach our log only: towards the peer
// every one of them is the same silence.
var (
	errHash     = errors.New("HASH does not verify")
	errIdentity = errors.New("the certificate does not prove the identity")
	errProfile  = errors.New("the ISAKMP profile wants another key")
)

// prove makes the payloads of message 5 or 6 that prove us: ID and HASH at
// once, or ID, CERTs and SIG when the signature is there.
func (m *Machine) prove(sa *phaseOne, id, hash []byte, send func([]Payload)) {
	list := []Payload{{Type: PayloadID, Body: id}}
	if !sa.policy.signs() {
		send(append(list, Payload{Type: PayloadHash, Body: hash}))
		return
	}
	own := sa.own
	if own == nil { // the configuration cannot change it any more; it was there
		m.failPhaseOne(sa)
		return
	}
	for _, der := range own.Chain[:min(len(own.Chain), pki.MaxChain)] {
		list = append(list, Payload{Type: PayloadCert, Body: Certificate{encodingX509Signature, der}.Append(nil)})
	}
	m.compute(sa, sign(own, sa.policy, hash), func(result any) {
		sig, ok := result.([]byte)
		if !ok {
			m.debugf("ISAKMP:(%d): signature failed: %v", sa.id, result)
			m.failPhaseOne(sa)
			return
		}
		send(append(list, Payload{Type: PayloadSignature, Body: sig}))
	})
}

// authentication is message 5 or 6.
type authentication struct {
	id    []byte // body of the ID payload as received
	proof []byte // body of HASH or SIG
	chain [][]byte
	list  []Payload
	next  []byte // the IV behind it
}

// openAuthentication decrypts message 5 or 6.
func (m *Machine) openAuthentication(sa *phaseOne, msg message) (a authentication, err error) {
	plain, ok := sa.keys.decrypt(sa.iv, msg.body)
	if !ok {
		return a, malformed("%d octets of ciphertext", len(msg.body))
	}
	a.next = sa.keys.lastBlock(msg.body)
	if a.list, err = m.payloads(msg.Next, plain); err != nil {
		return a, err
	}
	if a.id, err = only(a.list, PayloadID); err != nil {
		return a, err
	}
	if !sa.policy.signs() {
		if a.proof, err = only(a.list, PayloadHash); err == nil {
			a.proof, err = ParseHash(sa.policy.Hash, a.proof)
		}
		return a, err
	}
	if a.proof, err = only(a.list, PayloadSignature); err != nil {
		return a, err
	}
	a.chain, err = certificates(a.list)
	return a, err
}

// authenticate takes message 5 or 6 and checks who sent it; want is HASH_I or
// HASH_R over an ID body. What is wrong costs a peer the same work and the same
// silence whatever it is: a message that cannot be read is compared too.
func (m *Machine) authenticate(sa *phaseOne, msg message, want func(id []byte) []byte) (authentication, bool) {
	if !msg.encrypted() {
		m.count.Malformed++
		return authentication{}, false
	}
	a, err := m.openAuthentication(sa, msg)
	hash := want(a.id)
	var peer proven
	if sa.policy.signs() {
		peer, err = m.provenBySignature(sa, a, hash, err)
	} else {
		if !hmac.Equal(hash, a.proof) && err == nil {
			err = errHash
		}
		if err == nil {
			peer.id, err = ParseID(a.id)
		}
	}
	if err == nil {
		err = m.checkProfile(sa, &peer)
	}
	if err != nil {
		m.authFail(sa, err)
		return a, false
	}
	sa.peerID, sa.certificate, sa.profile = peer.id, peer.certificate, peer.profile
	if !peer.until.IsZero() {
		sa.expires = peer.until
	}
	return a, true
}

// checkProfile finds the profile of the peer by its proven identity and holds
// the keys used against it: main mode had to choose them by address.
func (m *Machine) checkProfile(sa *phaseOne, peer *proven) error {
	p := m.cfg.profile(sa.vrf, sa.local.Addr(), peer.id)
	if p == nil {
		return nil
	}
	peer.profile = p.Name
	switch {
	case sa.policy.signs():
		if p.Trustpoint != "" && p.Trustpoint != peer.trustpoint {
			return fmt.Errorf("%w: trustpoint %s", errProfile, p.Trustpoint)
		}
	case p.Keyring != "":
		psk, ok := m.cfg.ringPSK(p.Keyring, sa.vrf, sa.local.Addr(), sa.remote.Addr())
		if !ok || !psk.Equal(sa.cred.psk) {
			return fmt.Errorf("%w: keyring %s", errProfile, p.Keyring)
		}
	}
	return nil
}

// authFail is the one answer to whatever is wrong with message 5 or 6: a count,
// lines for the operator, silence towards the peer, and no change.
func (m *Machine) authFail(sa *phaseOne, cause error) {
	m.count.AuthFail++
	m.debugf("ISAKMP:(%d): authentication of %v failed: %v", sa.id, sa.remote.Addr().Unmap(), cause)
	if sa.policy.signs() && !errors.Is(cause, ErrMalformed) {
		m.logRefused(sa, cause)
		m.logPeer(sa.peer, syslog.IKMPInvalidCertificate, addrOf(sa.remote), cause)
		m.logOnce(sa.peer, syslog.IKMPModeFailure, "Main")
	} else {
		m.logOnce(sa.peer, syslog.IKMPBadMessage)
	}
}

// logRefused is the line of IOS about a certificate whose time is over or that
// is revoked.
func (m *Machine) logRefused(sa *phaseOne, cause error) {
	var r *pki.RefusedError
	switch {
	case !errors.As(cause, &r):
	case errors.Is(r, pki.ErrRevoked):
		m.logPeer(sa.peer, syslog.PKIRevoked, r.Serial)
	case errors.Is(r, pki.ErrExpired):
		m.logPeer(sa.peer, syslog.PKIInvalid, r.Serial, r.When.UTC().Format(time.RFC3339))
	default:
		m.logPeer(sa.peer, syslog.PKINotYetValid, r.Serial, r.When.UTC().Format(time.RFC3339))
	}
}

// addrOf is an address as lines print it.
func addrOf(a netip.AddrPort) netip.Addr { return a.Addr().Unmap() }
