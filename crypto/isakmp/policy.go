package isakmp

import (
	"encoding/binary"
	"slices"
	"time"

	"coterie/crypto/suite"
)

// Attributes of a phase-1 transform (RFC 2409 appendix A).
const (
	attrEncryption   = 1
	attrHash         = 2
	attrAuth         = 3
	attrGroup        = 4
	attrGroupType    = 5
	attrLifeType     = 11
	attrLifeDuration = 12
	attrKeyLength    = 14
)

const (
	encryptionDES  = 1
	encryption3DES = 5
	encryptionAES  = 7

	groupTypeECP = 2 // 1 is MODP

	lifeSeconds   = 1
	lifeKilobytes = 2
)

// DefaultLifetime is that of a policy, or of an offer, that names none.
const DefaultLifetime = 86400 * time.Second

var hashNumbers = map[suite.Hash]uint16{suite.MD5: 1, suite.SHA1: 2, suite.SHA256: 4, suite.SHA384: 5, suite.SHA512: 6}

// usable are the policies that this machine can negotiate with the credentials
// it has for a peer, in their order. The most that fit a message is the payload
// limit. lacking are the methods of policies for which there is no credential.
func usable(policies []Policy, cred credentials) (out []Policy, lacking []Auth) {
	for _, p := range policies {
		if !p.Cipher.Known() || !p.Hash.Known() || !p.Group.Known() {
			continue
		}
		if p.Lifetime <= 0 {
			p.Lifetime = DefaultLifetime
		}
		served := cred.serve(p)
		if len(served) == 0 && !slices.Contains(lacking, p.Auth) {
			lacking = append(lacking, p.Auth)
		}
		out = append(out, served[:min(len(served), maxOffers-len(out))]...)
	}
	return out, lacking
}

// maxOffers keeps our SA payload within what a responder keeps of it: 20
// transforms of at most 44 octets.
const maxOffers = 20

// attributes writes a policy as IOS orders it.
func (p Policy) attributes() []Attribute {
	encryption, keyLength := uint16(encryptionAES), true
	switch p.Cipher {
	case suite.DES:
		encryption, keyLength = encryptionDES, false
	case suite.TripleDES:
		encryption, keyLength = encryption3DES, false
	}
	list := []Attribute{Basic(attrEncryption, encryption)}
	if keyLength {
		list = append(list, Basic(attrKeyLength, uint16(p.Cipher.KeyBits())))
	}
	seconds := binary.BigEndian.AppendUint32(nil, uint32(p.Lifetime/time.Second))
	return append(list,
		Basic(attrHash, hashNumbers[p.Hash]),
		Basic(attrAuth, p.method()),
		Basic(attrGroup, uint16(p.Group)),
		Basic(attrLifeType, lifeSeconds),
		Variable(attrLifeDuration, seconds))
}

// parsePolicy reads a transform. It is false for whatever this machine does
// not negotiate: another authentication, an unknown algorithm or attribute, an
// attribute given twice.
func parsePolicy(t Transform) (Policy, bool) {
	if t.ID != transformKeyIKE {
		return Policy{}, false
	}
	var values [attrKeyLength + 1]uint64
	var given [attrKeyLength + 1]bool
	lifeType := uint64(lifeSeconds)
	for _, a := range t.Attributes {
		v, ok := a.Uint()
		if !ok {
			return Policy{}, false
		}
		switch a.Type {
		case attrLifeType: // each Life Type governs the duration behind it
			lifeType = v
			continue
		case attrLifeDuration:
			if lifeType == lifeKilobytes {
				continue // no volume limit here
			}
		case attrEncryption, attrHash, attrAuth, attrGroup, attrGroupType, attrKeyLength:
		default:
			return Policy{}, false
		}
		if given[a.Type] {
			return Policy{}, false
		}
		values[a.Type], given[a.Type] = v, true
	}
	auth, curve, ok := byMethod(values[attrAuth])
	if !ok || lifeType != lifeSeconds && lifeType != lifeKilobytes {
		return Policy{}, false
	}
	p := Policy{Auth: auth, Curve: curve, Group: suite.Group(values[attrGroup]), Lifetime: DefaultLifetime}
	bits, sized := values[attrKeyLength], given[attrKeyLength]
	switch values[attrEncryption] {
	case encryptionDES:
		p.Cipher = suite.DES
	case encryption3DES:
		p.Cipher = suite.TripleDES
	case encryptionAES:
		if !sized {
			bits = 128
		}
		switch bits {
		case 128:
			p.Cipher = suite.AES128
		case 192:
			p.Cipher = suite.AES192
		case 256:
			p.Cipher = suite.AES256
		}
		sized = false
	}
	for h, n := range hashNumbers { // at most one matches
		if values[attrHash] == uint64(n) {
			p.Hash = h
		}
	}
	if values[attrGroup] > 0xffff || sized || !p.Cipher.Known() || !p.Hash.Known() || !p.Group.Known() {
		return Policy{}, false
	}
	if kind := values[attrGroupType]; given[attrGroupType] && (kind == groupTypeECP) != p.Group.ECP() || kind > groupTypeECP {
		return Policy{}, false
	}
	if seconds := values[attrLifeDuration]; given[attrLifeDuration] {
		if seconds == 0 {
			return Policy{}, false
		}
		// A life longer than any policy's is cut to ours in any case.
		p.Lifetime = time.Duration(min(seconds, uint64(10*DefaultLifetime/time.Second))) * time.Second
	}
	return p, true
}

// same tells whether two policies agree in all but priority and lifetime.
func (p Policy) same(q Policy) bool {
	return p.Auth == q.Auth && p.Curve == q.Curve && p.Cipher == q.Cipher && p.Hash == q.Hash && p.Group == q.Group
}

// offer is the SA body of message 1.
func offer(policies []Policy, doi uint32) ([]byte, error) {
	p := Proposal{Number: 1, Protocol: ProtoISAKMP}
	for i, q := range policies {
		p.Transforms = append(p.Transforms, Transform{Number: uint8(i + 1), ID: transformKeyIKE, Attributes: q.attributes()})
	}
	return SAPayload{DOI: doi, Situation: situation(doi), Proposals: []Proposal{p}}.Append(nil)
}

// situation is SIT_IDENTITY_ONLY in the IPsec DOI (RFC 2407 section 4.2.1), and
// zero in the GDOI one (RFC 6407 section 5.2).
func situation(doi uint32) uint32 {
	if doi == DOIIPsec {
		return 1
	}
	return 0
}

// acceptable insists on one ISAKMP proposal in a DOI and situation we know.
func (sa SAPayload) acceptable() bool {
	return sa.DOI <= DOIGDOI && sa.Situation <= 1 && len(sa.Proposals) == 1 &&
		sa.Proposals[0].Protocol == ProtoISAKMP && len(sa.Proposals[0].SPI) <= 16
}

// choose compares an offer with our policies, ours by priority first, as IOS
// does. The shorter lifetime holds. The answer echoes the transform unchanged.
func choose(policies []Policy, offered SAPayload) (Policy, SAPayload, bool) {
	for _, ours := range policies {
		for _, t := range offered.Proposals[0].Transforms {
			p, ok := parsePolicy(t)
			if !ok || !p.same(ours) {
				continue
			}
			ours.Lifetime = min(ours.Lifetime, p.Lifetime)
			answer := offered
			answer.Proposals = []Proposal{offered.Proposals[0]}
			answer.Proposals[0].Transforms = []Transform{t}
			return ours, answer, true
		}
	}
	return Policy{}, SAPayload{}, false
}

// chosen reads an answer to our offer: exactly one of its transforms.
func chosen(offers []Policy, answer SAPayload) (Policy, bool) {
	if !answer.acceptable() || len(answer.Proposals[0].Transforms) != 1 {
		return Policy{}, false
	}
	p, ok := parsePolicy(answer.Proposals[0].Transforms[0])
	if !ok {
		return Policy{}, false
	}
	for _, ours := range offers {
		if p.same(ours) {
			ours.Lifetime = min(ours.Lifetime, p.Lifetime)
			return ours, true
		}
	}
	return Policy{}, false
}
