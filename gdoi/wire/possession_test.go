package wire

import (
	"testing"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
	"coterie/gdoi/policy"
)

// Proof of possession (CERT and POP of RFC 3547 messages 3 and 4) let a third
// party bind somebody else's certificate to its own registration; RFC 6407 has
// dropped it. What a peer sends of it is passed over, and we send none.
func TestProofOfPossession(t *testing.T) {
	const pop = 19 // its payload type in RFC 3547
	prf := hmacPRF(suite.SHA256, []byte("SKEYID_a"))
	ni, nr := make([]byte, NonceSize), make([]byte, NonceSize)
	first, chain, err := seal(prf, 9, [][]byte{ni, nr}, payloadList{
		{Type: isakmp.PayloadCert, Body: []byte{4, 1, 2, 3}}, {Type: pop, Body: make([]byte, 128)}, {Type: isakmp.PayloadSignature, Body: make([]byte, 128)},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParsePull3(prf, 9, ni, nr, first, chain)
	if err != nil || m.Info != nil || len(m.GAP) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
	info := &Info{Version: "1.0.27", Hostname: "R2"}
	var ours []uint8
	for _, build := range []func() (uint8, []byte, error){
		func() (uint8, []byte, error) {
			return BuildPull1(prf, 9, Pull1{Nonce: ni, ID: GroupIdentity(policy.GroupID{Number: 1}), Info: info})
		},
		func() (uint8, []byte, error) {
			return BuildPull3(prf, 9, ni, nr, Pull3{GAP: SenderIDRequest(2), Info: info})
		},
	} {
		first, chain, err := build()
		if err != nil {
			t.Fatal(err)
		}
		list, err := isakmp.Payloads(first, chain)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			ours = append(ours, p.Type)
			if p.Type == isakmp.PayloadCert || p.Type == isakmp.PayloadSignature || p.Type == pop {
				t.Errorf("we send payload %d", p.Type)
			}
		}
	}
	if len(ours) < 5 {
		t.Errorf("payloads %v", ours)
	}
}
