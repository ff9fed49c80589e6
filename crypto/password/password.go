// Package password holds the forms in which a router stores passwords: hashes
// that can only be checked (types 5, 8 and 9), an obfuscation that anybody can
// undo (type 7), and sealing under a master key (type 6). Type 0 is the
// password itself.
//
// Types 5, 7, 8 and 9 are those of IOS, character for character, so that lines
// of an existing configuration work. The form of type 6 is this package's own;
// see Master.
package password

import (
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"

	"coterie/internal/secret"
)

// Type is the number in front of a stored password: `enable secret 9 ...`.
type Type int

// Types of stored passwords.
const (
	Clear    Type = 0 // as typed
	MD5      Type = 5 // salted MD5, 1000 rounds; weak
	Sealed   Type = 6 // encrypted under a master key
	Obscured Type = 7 // reversible without any key
	SHA256   Type = 8 // PBKDF2 with HMAC-SHA-256, 20000 rounds
	Scrypt   Type = 9 // scrypt with N 16384, r 1, p 1
)

// Hashed tells types that are checked and never turned back.
func (t Type) Hashed() bool { return t == MD5 || t == SHA256 || t == Scrypt }

// MaxLength is the longest password in octets. Longer ones are refused when
// they are configured and match nothing, so that no peer buys work with length.
const MaxLength = 127

// Errors of this package.
var (
	ErrHash   = errors.New("not a valid encrypted secret")
	ErrLength = fmt.Errorf("password is empty or longer than %d octets", MaxLength)
	ErrType   = errors.New("password type is not a hash")
)

// Parameters of the hashes, fixed by IOS.
const (
	rounds8    = 20000
	cost9      = 16384
	sumLength  = 32 // octets of types 8 and 9
	saltLength = 14 // characters of types 8 and 9
	salt5      = 4  // characters that IOS makes for type 5; up to 8 are read
	maxSalt5   = 8
	text5      = 22 // characters of a type 5 sum
)

// alphabet is that of crypt(3), in whose order types 8 and 9 do base64.
const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

var encoding = base64.NewEncoding(alphabet).WithPadding(base64.NoPadding)

// Hash is a stored password of type 5, 8 or 9. Printing one shows nothing of
// it. The zero Hash matches no password.
type Hash struct {
	kind Type
	salt string
	sum  string // as encoded
}

// New hashes a password with a salt from random.
func New(kind Type, password secret.Bytes, random io.Reader) (Hash, error) {
	if password.Len() == 0 || password.Len() > MaxLength {
		return Hash{}, ErrLength
	}
	n := saltLength
	if kind == MD5 {
		n = salt5
	}
	salt := make([]byte, n)
	if _, err := io.ReadFull(random, salt); err != nil {
		return Hash{}, fmt.Errorf("salt: %w", err)
	}
	for i, b := range salt {
		salt[i] = alphabet[b&63]
	}
	h := Hash{kind: kind, salt: string(salt)}
	var ok bool
	if h.sum, ok = h.compute(password.Reveal()); !ok {
		return Hash{}, ErrType
	}
	return h, nil
}

// ParseHash reads the text behind the type number: `$9$SALT$SUM`.
func ParseHash(kind Type, text secret.Bytes) (Hash, error) {
	if !kind.Hashed() {
		return Hash{}, ErrType
	}
	if text.Len() > 80 { // longer than any of them
		return Hash{}, ErrHash
	}
	f := strings.Split(string(text.Reveal()), "$")
	if kind == MD5 {
		if len(f) != 4 || f[0] != "" || f[1] != "1" || len(f[2]) > maxSalt5 || f[2] == "" || !plain(f[2]) || len(f[3]) != text5 || !plain(f[3]) {
			return Hash{}, ErrHash
		}
		return Hash{kind, f[2], f[3]}, nil
	}
	if len(f) != 4 || f[0] != "" || f[1] != strconv.Itoa(int(kind)) || len(f[2]) != saltLength || !plain(f[2]) {
		return Hash{}, ErrHash
	}
	if sum, err := encoding.Strict().DecodeString(f[3]); err != nil || len(sum) != sumLength {
		return Hash{}, ErrHash
	}
	return Hash{kind, f[2], f[3]}, nil
}

// plain tells whether s has characters of the alphabet only.
func plain(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// Type is the type of the hash.
func (h Hash) Type() Type { return h.kind }

// Text is what stands behind the type number in a configuration.
func (h Hash) Text() secret.Bytes {
	id := strconv.Itoa(int(h.kind))
	if h.kind == MD5 {
		id = "1"
	}
	return secret.Of("$" + id + "$" + h.salt + "$" + h.sum)
}

// Format prints <hidden> in every format.
func (h Hash) Format(f fmt.State, verb rune) { secret.Bytes{}.Format(f, verb) }

// Verify tells whether password is the one that was hashed. Its time depends
// on the type and the length of password, never on how much of it is right.
func (h Hash) Verify(password secret.Bytes) bool {
	if password.Len() > MaxLength {
		return false
	}
	sum, ok := h.compute(password.Reveal())
	return ok && subtle.ConstantTimeCompare([]byte(sum), []byte(h.sum)) == 1
}

// compute is the encoded sum of a password under the salt.
func (h Hash) compute(password []byte) (string, bool) {
	switch h.kind {
	case MD5:
		return crypt5(password, []byte(h.salt)), true
	case SHA256:
		sum, err := pbkdf2.Key(sha256.New, string(password), []byte(h.salt), rounds8, sumLength)
		return encoding.EncodeToString(sum), err == nil
	case Scrypt:
		sum, err := scrypt.Key(password, []byte(h.salt), cost9, 1, 1, sumLength)
		return encoding.EncodeToString(sum), err == nil
	}
	return "", false
}

// Check tells whether password is what text of a type other than 6 stands for.
func Check(kind Type, text, password secret.Bytes) bool {
	switch kind {
	case Clear:
		return equal(text, password)
	case Obscured:
		plain, err := Reveal(text)
		return err == nil && equal(plain, password)
	}
	h, err := ParseHash(kind, text)
	return err == nil && h.Verify(password)
}

// equal compares without telling the length either. An empty password is none.
func equal(a, b secret.Bytes) bool {
	x, y := sha256.Sum256(a.Reveal()), sha256.Sum256(b.Reveal())
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && a.Len() > 0
}

// crypt5 is the MD5 crypt of FreeBSD: a digest over password, salt and a
// digest of both, then 1000 rounds that mix them in an order set by the round.
func crypt5(password, salt []byte) string {
	d := md5.New()
	d.Write(password)
	d.Write(salt)
	d.Write(password)
	inner := d.Sum(nil)

	d.Reset()
	d.Write(password)
	d.Write([]byte("$1$"))
	d.Write(salt)
	for n := len(password); n > 0; n -= md5.Size {
		d.Write(inner[:min(n, md5.Size)])
	}
	for n := len(password); n > 0; n >>= 1 {
		if n&1 == 1 {
			d.Write([]byte{0})
		} else {
			d.Write(password[:1])
		}
	}
	sum := d.Sum(nil)
	for i := range 1000 {
		first, last := sum, password
		if i&1 == 1 {
			first, last = password, sum
		}
		d.Reset()
		d.Write(first)
		if i%3 != 0 {
			d.Write(salt)
		}
		if i%7 != 0 {
			d.Write(password)
		}
		d.Write(last)
		sum = d.Sum(nil)
	}
	var out []byte
	put := func(v uint32, n int) {
		for range n {
			out = append(out, alphabet[v&63])
			v >>= 6
		}
	}
	for i := range 5 {
		j, k := i+6, i+12
		if i == 4 {
			k = 5
		}
		put(uint32(sum[i])<<16|uint32(sum[j])<<8|uint32(sum[k]), 4)
	}
	put(uint32(sum[11]), 2)
	return string(out)
}
