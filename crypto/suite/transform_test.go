package suite

import "testing"

func TestTransforms(t *testing.T) {
	for _, x := range []struct {
		cipher, auth, screen, words  string
		key, authKey, iv, icv, align int
		counter, gmac                bool
	}{
		{"esp-aes", "esp-sha-hmac", "esp-aes esp-sha-hmac", "esp-aes esp-sha-hmac", 16, 20, 16, 12, 16, false, false},
		{"esp-aes 128", "esp-md5-hmac", "esp-aes esp-md5-hmac", "esp-aes esp-md5-hmac", 16, 16, 16, 12, 16, false, false},
		{"esp-aes 192", "esp-sha384-hmac", "esp-192-aes esp-sha384-hmac", "esp-aes 192 esp-sha384-hmac", 24, 48, 16, 24, 16, false, false},
		{"esp-aes 256", "esp-sha512-hmac", "esp-256-aes esp-sha512-hmac", "esp-aes 256 esp-sha512-hmac", 32, 64, 16, 32, 16, false, false},
		{"esp-256-aes", "esp-sha256-hmac", "esp-256-aes esp-sha256-hmac", "esp-aes 256 esp-sha256-hmac", 32, 32, 16, 16, 16, false, false},
		{"esp-3des", "esp-sha-hmac", "esp-3des esp-sha-hmac", "esp-3des esp-sha-hmac", 24, 20, 8, 12, 8, false, false},
		{"esp-des", "esp-md5-hmac", "esp-des esp-md5-hmac", "esp-des esp-md5-hmac", 8, 16, 8, 12, 8, false, false},
		{"esp-null", "esp-sha-hmac", "esp-null esp-sha-hmac", "esp-null esp-sha-hmac", 0, 20, 0, 12, 4, false, false},
		{"esp-aes", "", "esp-aes", "esp-aes", 16, 0, 16, 0, 16, false, false},
		{"esp-gcm", "", "esp-gcm", "esp-gcm", 20, 0, 8, 16, 4, true, false},
		{"esp-gcm 256", "", "esp-gcm 256", "esp-gcm 256", 36, 0, 8, 16, 4, true, false},
		{"esp-gmac 192", "", "esp-gmac 192", "esp-gmac 192", 28, 0, 8, 16, 4, true, true},
	} {
		tr, ok := ParseTransform(x.cipher, x.auth)
		if !ok {
			t.Errorf("%s %s is refused", x.cipher, x.auth)
			continue
		}
		key, auth := tr.Keys()
		got := []any{tr.String(), tr.Words(), key, auth, tr.IVLen(), tr.ICVLen(), tr.Align(), tr.CounterMode(), tr.GMAC()}
		want := []any{x.screen, x.words, x.key, x.authKey, x.iv, x.icv, x.align, x.counter, x.gmac}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: got %v, want %v", tr, got, want)
				break
			}
		}
		h, err := tr.NewHMAC(fixed(auth, 1))
		check(t, err)
		if (h == nil) != (auth == 0) {
			t.Errorf("%s: HMAC %v", tr, h)
		}
		if x.counter {
			aead, salt, err := tr.NewAEAD(fixed(key, 1))
			check(t, err)
			if aead.Overhead() != tr.ICVLen() || salt[0] != fixed(key, 1)[key-4] {
				t.Errorf("%s: overhead %d, salt %x", tr, aead.Overhead(), salt)
			}
			if _, err := tr.NewBlock(fixed(key, 1)); err == nil {
				t.Errorf("%s as CBC", tr)
			}
			continue
		}
		b, err := tr.NewBlock(fixed(key, 1))
		check(t, err)
		if b != nil && b.BlockSize() != tr.IVLen() {
			t.Errorf("%s: block %d", tr, b.BlockSize())
		}
	}
}

func TestTransformsRefused(t *testing.T) {
	for _, x := range [][2]string{
		{"esp-gcm", "esp-sha-hmac"}, {"esp-gmac 256", "esp-md5-hmac"}, {"esp-null", ""}, {"", "esp-sha-hmac"}, {"", ""},
		{"esp-aes 512", "esp-sha-hmac"}, {"esp-aes", "esp-crc-hmac"}, {"esp-aes", "none"},
	} {
		if tr, ok := ParseTransform(x[0], x[1]); ok {
			t.Errorf("%q gave %v", x, tr)
		}
	}
	if (Transform{}).Validate() == nil || (Transform{ESPAES128, 99}).Validate() == nil {
		t.Error("an unknown transform is valid")
	}
}
