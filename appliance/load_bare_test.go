package appliance

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"net"
	"net/netip"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
)

// bareClient exchanges datagrams of given lengths with the bare loop, and does
// nothing else: the loop is as busy as it can be.
func bareClient(i int, to netip.AddrPort, lengths []int) error {
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: loadAddr(i).AsSlice()}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 4096)
	for n := 0; n < len(lengths); n += 2 {
		// The third octet says which reply is wanted, two more its length.
		reply := 0
		if n+1 < len(lengths) {
			reply = lengths[n+1]
		}
		buf[0], buf[1], buf[2] = byte(n/2), byte(reply>>8), byte(reply)
		if _, err := conn.Write(buf[:lengths[n]]); err != nil {
			return err
		}
		if reply == 0 {
			return nil
		}
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Read(buf); err != nil {
			return err
		}
	}
	return nil
}

// bareServer does the crypto of each message and answers.
func bareServer(conn *net.UDPConn, s loadSuite) {
	group, h := s.policy.Group, s.policy.Hash
	peer, err := group.GenerateKey(random(group.RandomLen()))
	if err != nil {
		panic(err)
	}
	ke := peer.Public() // of every member; ours is new each time
	type state struct {
		block     cipher.Block
		a, iv     []byte
		gxi, gxr  []byte
		ni, nr    []byte
		lastBlock []byte
	}
	states := make(map[netip.AddrPort]*state)
	secretKey := random(32)
	psk := []byte("MYGDOIPSK")
	cookies := random(16)
	var sign func(hash []byte)
	if s.policy.Auth == isakmp.RSASig {
		sign = bareSignatures()
	}
	buf, out := make([]byte, 4096), make([]byte, 4096)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		in := append([]byte(nil), buf[:n]...)
		reply := out[:int(in[1])<<8|int(in[2])]
		st := states[from]
		sealed := func(b []byte, encrypt bool) {
			b = b[28 : 28+(len(b)-28)/aes.BlockSize*aes.BlockSize]
			if encrypt {
				cipher.NewCBCEncrypter(st.block, st.iv).CryptBlocks(b, b)
			} else {
				cipher.NewCBCDecrypter(st.block, st.iv).CryptBlocks(b, b)
			}
		}
		switch in[0] {
		case 0: // SA: our cookie
			h.HMAC(secretKey, cookies, in[:28])
			states[from] = &state{ni: random(20)}
		case 1: // KE, Ni: g^xy and the keys
			key, err := group.GenerateKey(random(group.RandomLen()))
			if err != nil {
				panic(err)
			}
			shared, err := key.Shared(ke)
			if err != nil {
				panic(err)
			}
			st.gxi, st.gxr, st.nr = ke, key.Public(), random(20)
			id := h.HMAC(psk, st.ni, st.nr)
			d := h.HMAC(id, shared, cookies, []byte{0})
			st.a = h.HMAC(id, d, shared, cookies, []byte{1})
			e := h.HMAC(id, st.a, shared, cookies, []byte{2})
			if st.block, err = aes.NewCipher(e[:16]); err != nil {
				panic(err)
			}
			st.iv = h.Sum(st.gxi, st.gxr)[:16]
		case 2: // ID, HASH_I; ID, HASH_R
			sealed(in, false)
			h.HMAC(st.a, st.gxi, st.gxr, cookies, in[:40], in[:12])
			hash := h.HMAC(st.a, st.gxr, st.gxi, cookies, in[:40], in[:12])
			if sign != nil {
				sign(hash)
			}
			sealed(reply, true)
			st.lastBlock = reply[len(reply)-16:]
		case 3, 4: // HASH(1), HASH(2); HASH(3), HASH(4)
			if in[0] == 3 {
				st.iv = h.Sum(st.lastBlock, in[:4])[:16]
			}
			sealed(in, false)
			h.HMAC(st.a, in[:4], st.ni, in[28:])
			h.HMAC(st.a, in[:4], st.ni, st.nr, reply[28:])
			sealed(reply, true)
		}
		conn.WriteToUDPAddrPort(reply, from)
		if in[0] == 4 {
			delete(states, from)
		}
	}
}

// bareSignatures makes what two certificates of RSA-2048 cost: the authority's
// signature over the peer's and the peer's over its hash are checked, and our
// own is made.
func bareSignatures() func(hash []byte) {
	var pairs [3]*rsa.PrivateKey
	for i := range pairs {
		var err error
		if pairs[i], err = keys.Generate(2048); err != nil {
			panic(err)
		}
	}
	authority, peer, own := pairs[0], pairs[1], pairs[2]
	tbs := random(600)
	digest := sha256.Sum256(tbs)
	certificate, err := rsa.SignPKCS1v15(nil, authority, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	proof, err := rsa.SignPKCS1v15(nil, peer, 0, digest[:])
	if err != nil {
		panic(err)
	}
	return func(hash []byte) {
		sum := sha256.Sum256(tbs)
		if err := rsa.VerifyPKCS1v15(&authority.PublicKey, crypto.SHA256, sum[:], certificate); err != nil {
			panic(err)
		}
		if err := rsa.VerifyPKCS1v15(&peer.PublicKey, 0, digest[:], proof); err != nil {
			panic(err)
		}
		if _, err := rsa.SignPKCS1v15(nil, own, 0, hash); err != nil {
			panic(err)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
