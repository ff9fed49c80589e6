package esp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"coterie/crypto/suite"
	"coterie/internal/secret"
	"coterie/xfrm"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stream is a reproducible source of IVs for tests.
type stream byte

func (s *stream) Read(b []byte) (int, error) {
	for i := range b {
		*s = *s*5 + 17
		b[i] = byte(*s)
	}
	return len(b), nil
}

func newSA(t testing.TB, spec xfrm.SA) *SA {
	t.Helper()
	s, err := New(spec, nil, new(stream))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A vector is an ESP packet with everything that made it: payload before
// padding, IV and next header.
type vector struct {
	name      string
	transform suite.Transform
	key, auth string
	next      byte
	payload   string
	packet    string
	ivLen     int
}

var vectors = []vector{
	{"AES-CBC-128 HMAC-SHA-256-128, address preserved, DSCP EF",
		suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256},
		"ed8bdfcba9f33f0d1c931260c4c14b9f", "1454c1cf5719f3afc0493dccfdd73e85ba418d0773779d27e7331f3ef7355da4", 4,
		sampleInner,
		`a1b2c3d400000001515185969e6cc696e931d90719f70e4b7fcca70a756f830eeb29b45d6ee57c34be25f2179405e71bef7d96f71189d42b
		cb9a4151ecf2f13eef6327e5e6bd9f065b23546604d56bf7161c98d61505a54f`, 16},
	{"the same with a 12-octet time stamp header (next header 99)",
		suite.Transform{Cipher: suite.ESPAES128, Auth: suite.ESPSHA256},
		"ed8bdfcba9f33f0d1c931260c4c14b9f", "1454c1cf5719f3afc0493dccfdd73e85ba418d0773779d27e7331f3ef7355da4", 99,
		"041103000000000000012345" + sampleInner,
		`a1b2c3d400000001515185969e6cc696e931d90719f70e4b3f719174a5e45c1ae5e12a796c06d6b231c8956ccbba4fd4389cd87d66869a6f
		cee2cd53e873bb51292209d40e7aa42fb96f2b3ae4c547e0c55a6aec0de6a0550ce132e17a4cbaf0deb8607cc7d470a7`, 16},
	{"AES-GCM-16, sender 3 in 16 bits, counter 1",
		suite.Transform{Cipher: suite.ESPGCM128},
		"b9c23afa6264e6d4315ae0be23c4512a77a4b2f6", "", 4,
		sampleInner,
		`a1b2c3d4000000010003000000000001da7c01c4c695ab2dce5a4d4691ff2926973197ed22c8e77b79c004fd37ab94bf69c7564300661e3d
		023226f3f8bf257c8837b9502e134ed2`, 8},

	// RFC 3602 section 4, cases 5 to 8: AES-CBC without integrity.
	{"RFC 3602 case 5, transport", suite.Transform{Cipher: suite.ESPAES128}, "90d382b410eeba7ad938c46cec1a82bf", "", 1,
		`08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627
		28292a2b2c2d2e2f3031323334353637`,
		`0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849a4870b66cc6b9965
		330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874aa269add047ad2d59
		13ac19b7cfbad4a6`, 16},
	{"RFC 3602 case 6, transport", suite.Transform{Cipher: suite.ESPAES128}, "90d382b410eeba7ad938c46cec1a82bf", "", 1,
		`0800b5e8a80a0500a69c083d0b660e00777777777777777777777777`,
		`000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109689bb379d2d750c0
		d915dca346a89f75`, 16},
	{"RFC 3602 case 7, tunnel", suite.Transform{Cipher: suite.ESPAES128}, "0123456789abcdef0123456789abcdef", "", 4,
		`45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d02a2040008090a0b0c0d0e0f10111213
		1415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637`,
		`0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c449225e4f3ce5ed611b0c237ca96cf74a9301
		3c1b0ea1a0cf70f8e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5c177f132ad3fbfb2
		201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d`, 16},
	{"RFC 3602 case 8, tunnel", suite.Transform{Cipher: suite.ESPAES128}, "0123456789abcdef0123456789abcdef", "", 4,
		`45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083da3de0300ffffffffffffffffffffffff
		ffffffffffffffffffffffffffffffffffffffff`,
		`000087650000000585d47224b5f3dd5d2101d4ea8dffab2215b92683819596a8047232cc00f7048fe45318e11f8a0f62
		ede3c3fc61203bb50f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3d2726d9b5ef6affc
		6d17a0decbb13892`, 16},

	// Test cases of RFC 4106 and RFC 4543 published for IPsec (GCM-ESP), those
	// with a 32-bit sequence number.
	{"GCM-ESP, 128-bit key", suite.Transform{Cipher: suite.ESPGCM128}, "feffe9928665731c6d6a8f9467308308cafebabe", "", 1,
		`4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d001000001000000000000037369700963796265
		726369747902646b0000010001`,
		`0000a5f80000000afacedbaddecaf888deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c
		3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd183b70d3aa8bc6ee4c309e9d85a41ad4a`, 8},
	{"GCM-ESP, 192-bit key", suite.Transform{Cipher: suite.ESPGCM192}, "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe", "", 1,
		`45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d07568`,
		`0000a5f80000000afacedbaddecaf888a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0
		315b27452144cc7795457b9652037f5318027b5b4cd7a636`, 8},
	{"GCM-ESP, 256-bit key", suite.Transform{Cipher: suite.ESPGCM256}, "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344", "", 1,
		`4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b401010402`,
		`4a2cbfe3000000020102030405060708ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763
		748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c4915956c96`, 8},
	{"GCM-ESP, no payload", suite.Transform{Cipher: suite.ESPGCM128}, "7d773d00c144c525ac619d18c84a3f47d9664267", "", 1,
		``, `335467aeffffffff43457e9182443bc6437f866bcb3f699fe9b0822bac961c4504bef270`, 8},
	{"GMAC-ESP", suite.Transform{Cipher: suite.ESPGMAC128}, "4c80cdefbb5d10da906ac73c3613a63422433c64", "", 1,
		`45000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364
		65666768696a6b6c6d6e6f7071727374`,
		`0000432100000007000000000000000045000030da3a00008001df3bc0a80005c0a800010800c6cd0200070061626364
		65666768696a6b6c6d6e6f707172737401020201f2a9a836e155106aa8dcd618e4099aaa`, 8},
}

// sampleInner is an echo from 10.1.1.1 to 10.2.2.2, DSCP EF.
const sampleInner = "45b80024123400003f0151e80a0101010a02020208006668000100016162636465666768"

func (v vector) sa(t *testing.T) (*SA, []byte) {
	packet := unhex(t, v.packet)
	return newSA(t, xfrm.SA{
		SPI:       uint32(packet[0])<<24 | uint32(packet[1])<<16 | uint32(packet[2])<<8 | uint32(packet[3]),
		Transform: v.transform,
		CipherKey: secret.New(unhex(t, v.key)), AuthKey: secret.New(unhex(t, v.auth)),
	}), packet
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			s, want := v.sa(t)
			payload := unhex(t, v.payload)

			got := make([]byte, len(want))
			copy(got, want[:8+v.ivLen])
			copy(got[8+v.ivLen:], payload)
			w := s.take()
			s.protect(w, got, len(payload), v.next)
			if !bytes.Equal(got, want) {
				t.Errorf("protect\n got %x\nwant %x", got, want)
			}
			plain, next, err := s.unprotect(w, got)
			if err != nil || next != v.next || !bytes.Equal(plain, payload) {
				t.Errorf("unprotect: %x, next %d, %v", plain, next, err)
			}
		})
	}
}

// TestSealVector seals the sample through the public entry: the outer header,
// the sequence number and the IV of a counter mode are those of the vector.
func TestSealVector(t *testing.T) {
	v := vectors[2]
	s, want := v.sa(t)
	inner := unhex(t, sampleInner)
	buf := append(make([]byte, Headroom), inner...)
	buf = append(buf, make([]byte, Tailroom)...)

	if _, err := s.Seal(buf, Headroom, Headroom+len(inner), 0); !errors.Is(err, ErrNoSenderID) {
		t.Fatalf("without a sender ID: %v", err)
	}
	s.SetSender(3, 16)
	got, err := s.Seal(buf, Headroom, Headroom+len(inner), 0)
	if err != nil {
		t.Fatal(err)
	}
	// version 4, no options; EF; 92 octets; ID = sequence + SPI; TTL 63; ESP.
	outer := unhex(t, "45b8005cc3d500003f32"+"9fdd"+"0a0101010a020202")
	if !bytes.Equal(got[:20], outer) {
		t.Errorf("outer header\n got %x\nwant %x", got[:20], outer)
	}
	if !bytes.Equal(got[20:], want) {
		t.Errorf("packet\n got %x\nwant %x", got[20:], want)
	}
	back, _, err := s.Open(got, 0)
	if err != nil || !bytes.Equal(back, inner) {
		t.Errorf("opened %x, %v", back, err)
	}
	if c := s.Counters(); c.Encrypt != 1 || c.Decrypt != 1 || c.Refused[ErrNoSenderID] != 1 {
		t.Errorf("counters %+v", c)
	}
}
