package wire

import (
	"encoding/binary"

	"coterie/gdoi/policy"
	"coterie/internal/secret"
)

// AddKeys puts the keys of a KD payload into a policy from DecodeSA. Every SPI
// must have its keys, of the right size, and nothing may be left over; a KEK
// packet may lack the signature key (KEK.SigKey then stays empty). The keys
// are copied.
func (p *Policy) AddKeys(kd []KeyPacket) error {
	kek := false
	teks := make(map[uint32]bool)
	for _, k := range kd {
		switch k.Type {
		case KDTEK:
			if len(k.SPI) != 4 {
				return badKeys("TEK SPI of %d octets", len(k.SPI))
			}
			spi := binary.BigEndian.Uint32(k.SPI)
			i := p.tek(spi)
			if i < 0 || teks[spi] {
				return badKeys("unexpected keys for SPI 0x%X", spi)
			}
			teks[spi] = true
			if err := addTEK(&p.TEKs[i], k); err != nil {
				return err
			}
		case KDKEK:
			if p.KEK == nil || kek || string(k.SPI) != string(p.KEK.SPI[:]) {
				return badKeys("unexpected KEK")
			}
			kek = true
			if err := addKEK(p.KEK, k); err != nil {
				return err
			}
		case KDLKH:
			return badKeys("key hierarchies are not supported")
		}
	}
	if p.KEK != nil && !kek {
		return badKeys("no keys for the KEK")
	}
	for _, t := range p.TEKs {
		if !teks[t.SPI] {
			return badKeys("no keys for SPI 0x%X", t.SPI)
		}
	}
	return nil
}

func (p *Policy) tek(spi uint32) int {
	for i, t := range p.TEKs {
		if t.SPI == spi {
			return i
		}
	}
	return -1
}

func addTEK(t *policy.TEK, k KeyPacket) error {
	cipher, auth := t.Transform.Keys()
	c, _ := Find(k.Attributes, kdTEKAlgorithmKey)
	a, _ := Find(k.Attributes, kdTEKIntegrityKey)
	if len(c.Value) != cipher || len(a.Value) != auth {
		return badKeys("SPI 0x%X has keys of %d and %d octets, not %d and %d", t.SPI, len(c.Value), len(a.Value), cipher, auth)
	}
	t.CipherKey, t.AuthKey = secretCopy(c.Value), secretCopy(a.Value)
	return nil
}

func addKEK(k *policy.KEK, packet KeyPacket) error {
	v, _ := Find(packet.Attributes, kdKEKAlgorithmKey)
	iv, key := k.Cipher.BlockLen(), k.Cipher.KeyLen()
	if len(v.Value) != iv+key {
		return badKeys("KEK of %d octets, not %d", len(v.Value), iv+key)
	}
	k.IV, k.Key = secretCopy(v.Value[:iv]), secretCopy(v.Value[iv:])
	sig, ok := Find(packet.Attributes, kdKEKSigKey)
	if !ok {
		return nil
	}
	if _, err := rsaKey(sig.Value); err != nil {
		return err
	}
	k.SigKey = append([]byte(nil), sig.Value...)
	return nil
}

func secretCopy(b []byte) secret.Bytes {
	if len(b) == 0 {
		return secret.Bytes{}
	}
	return secret.New(append([]byte(nil), b...))
}
