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

// barePeer exchanges datagrams of given lengths with the bare loop, and does
// nothing else: the loop is as busy as it can be.
type barePeer struct {
	conn    *net.UDPConn
	lengths []int // of the datagrams to come, its own and the loop's in turn
	number  byte  // of the next
	buf     [4096]byte
}

func newBarePeer(i int, to netip.AddrPort, lengths []int) (*barePeer, error) {
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: loadAddr(i).AsSlice()}, net.UDPAddrFromAddrPort(to))
	return &barePeer{conn: conn, lengths: lengths}, err
}

// bareClient is peer i from its first datagram to its last.
func bareClient(i int, to netip.AddrPort, lengths []int) error {
	p, err := newBarePeer(i, to, lengths)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	for len(p.lengths) > 0 {
		if err := p.send(); err != nil {
			return err
		}
		if err := p.receive(); err != nil {
			return err
		}
	}
	return nil
}

// bareClients are n peers from first on, in step as registerAtOnce has them.
func bareClients(first, n int, to netip.AddrPort, lengths []int) error {
	peers := make([]*barePeer, n)
	for i := range peers {
		p, err := newBarePeer(first+i, to, lengths)
		if err != nil {
			return err
		}
		defer p.conn.Close()
		peers[i] = p
	}
	for range (len(lengths) + 1) / 2 {
		for _, p := range peers {
			if err := p.send(); err != nil {
				return err
			}
		}
		for _, p := range peers {
			if err := p.receive(); err != nil {
				return err
			}
		}
	}
	return nil
}

// send sends the next datagram. Its first octet says which one it is, two more
// the length of the reply that is wanted.
func (p *barePeer) send() error {
	reply := 0
	if len(p.lengths) > 1 {
		reply = p.lengths[1]
	}
	p.buf[0], p.buf[1], p.buf[2] = p.number, byte(reply>>8), byte(reply)
	p.number++
	_, err := p.conn.Write(p.buf[:p.lengths[0]])
	return err
}

// receive waits for the reply, if there is to be one.
func (p *barePeer) receive() error {
	replies := len(p.lengths) > 1
	p.lengths = p.lengths[min(2, len(p.lengths)):]
	if !replies {
		return nil
	}
	p.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, err := p.conn.Read(p.buf[:])
	return err
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
