package password

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"coterie/internal/secret"
)

// ErrObscured refuses text that is not of type 7.
var ErrObscured = errors.New("invalid encrypted password")

// key7 is what type 7 adds to a password, from an offset on that stands in
// front of the text. It is the same in every router, so that type 7 hides a
// password from a glance and from nothing else.
const key7 = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87"

// offsets7 is how many offsets IOS uses when it makes a type 7 text.
const offsets7 = 16

// Obscure makes the type 7 text of a password at an offset from random.
func Obscure(password secret.Bytes, random io.Reader) (secret.Bytes, error) {
	if password.Len() == 0 || password.Len() > MaxLength {
		return secret.Bytes{}, ErrLength
	}
	var b [1]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return secret.Bytes{}, fmt.Errorf("offset: %w", err)
	}
	offset := int(b[0]) % offsets7
	text := fmt.Sprintf("%02d%s", offset, strings.ToUpper(hex.EncodeToString(shift7(password.Reveal(), offset))))
	return secret.Of(text), nil
}

// Reveal is the password of a type 7 text.
func Reveal(text secret.Bytes) (secret.Bytes, error) {
	s := text.Reveal()
	if len(s) < 4 || len(s) > 2+2*MaxLength || !digit(s[0]) || !digit(s[1]) {
		return secret.Bytes{}, ErrObscured
	}
	offset := int(s[0]-'0')*10 + int(s[1]-'0')
	out := make([]byte, hex.DecodedLen(len(s)-2))
	if _, err := hex.Decode(out, s[2:]); err != nil || offset >= len(key7) {
		return secret.Bytes{}, ErrObscured
	}
	return secret.New(shift7(out, offset)), nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// shift7 is its own inverse.
func shift7(in []byte, offset int) []byte {
	out := make([]byte, len(in))
	for i, b := range in {
		out[i] = b ^ key7[(offset+i)%len(key7)]
	}
	return out
}
