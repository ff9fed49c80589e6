package modes

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// keyTypes are the public keys that a user may log in with.
var keyTypes = []string{"ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}

// mostKeys bounds the keys of one user.
const mostKeys = 16

// badKey is the answer to a key-string that holds no key.
const badKey = Refusal("%SSH: Failed to decode the Key Value")

// pubkeyChain is `ip ssh pubkey-chain`.
func (b *builder) pubkeyChain() *grammar.Command {
	type root = runningconfig.Config
	chain := b.mode("conf-ssh-pubkey", "(conf-ssh-pubkey)")
	chain.ExitHelp = "Exit from SSH public key mode"
	user := b.mode("conf-ssh-pubkey-user", "(conf-ssh-pubkey-user)")
	user.ExitHelp, user.Parent = "Exit from SSH public key entry mode", chain
	chain.Add(&grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("username", "Configure SSH username"), grammar.Arg("Name", grammar.Word(), "SSH username").From(userNames)},
		Bind:   grammar.Object(func(c *root) *[]*runningconfig.PublicKeyUser { return &c.AAA.Keys }, "Name"),
		Enter:  user,
	})
	user.Add(b.keyString(), b.keyHash())
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("ip", wordHelp["ip"]), grammar.Kw("ssh", sshHelp), grammar.Kw("pubkey-chain", "SSH client authorized key list")},
		Bind: grammar.Custom[root]{
			OnUnset: func(c *root, _ grammar.Args) error { c.AAA.Keys = nil; return nil },
			OnLines: func(c *root, _ bool) []grammar.Line {
				if len(c.AAA.Keys) == 0 {
					return nil
				}
				return []grammar.Line{{Sub: c}}
			},
		},
		Enter: chain,
	}
}

const sshHelp = "Configure ssh options"

// keyString is the key itself, as a file of OpenSSH has it: it is kept as its
// hash, so that it prints as key-hash.
func (b *builder) keyString() *grammar.Command {
	type user = runningconfig.PublicKeyUser
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("key-string", "Set SSH key data"), grammar.Arg("Key", grammar.Block("exit"), "Key data, and exit in a line by itself")},
		Sample: []string{"key-string\n ssh-ed25519\n AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n bob@host\n exit"},
		Bind: grammar.Custom[user]{
			OnSet: func(u *user, a grammar.Args) error {
				k, ok := sshKey(a.String("Key"))
				if !ok {
					return badKey
				}
				return addKey(u, k)
			},
			OnUnset: func(u *user, a grammar.Args) error {
				if k, ok := sshKey(a.String("Key")); ok {
					removeKey(u, k)
				}
				return nil
			},
		},
	}
}

// keyHash is `key-hash TYPE HASH [COMMENT]`.
func (b *builder) keyHash() *grammar.Command {
	type user = runningconfig.PublicKeyUser
	var types grammar.Alt
	for _, t := range keyTypes {
		types = append(types, grammar.Kw(t, "Hash of a key of type "+t).Sets("Type", t))
	}
	hash := kind{placeholder: "WORD", rank: grammar.RankWord, samples: []string{"0123456789ABCDEF0123456789ABCDEF"}, parse: func(s string) (any, bool) {
		sum, err := hex.DecodeString(s)
		return strings.ToUpper(s), err == nil && len(sum) == md5.Size
	}}
	key := func(a grammar.Args) runningconfig.PublicKeyHash {
		return runningconfig.PublicKeyHash{Type: a.String("Type"), Hash: a.String("Hash"), Comment: a.String("Comment")}
	}
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("key-hash", "Set SSH key hash"), types, grammar.Arg("Hash", hash, "SSH key hash"),
			grammar.Opt{Node: grammar.Arg("Comment", grammar.Rest(), "Comment of the key")}},
		Bind: grammar.Custom[user]{
			Keys:    []string{"Type", "Hash"},
			OnSet:   func(u *user, a grammar.Args) error { return addKey(u, key(a)) },
			OnUnset: func(u *user, a grammar.Args) error { removeKey(u, key(a)); return nil },
			OnLines: func(u *user, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, k := range u.Keys {
					a := grammar.Args{"Type": k.Type, "Hash": k.Hash}
					if k.Comment != "" {
						a["Comment"] = k.Comment
					}
					out = append(out, grammar.Line{Args: a})
				}
				return out
			},
		},
	}
}

func sameKey(x, y runningconfig.PublicKeyHash) bool { return x.Type == y.Type && x.Hash == y.Hash }

func addKey(u *runningconfig.PublicKeyUser, k runningconfig.PublicKeyHash) error {
	i := slices.IndexFunc(u.Keys, func(o runningconfig.PublicKeyHash) bool { return sameKey(o, k) })
	switch {
	case i >= 0:
		u.Keys[i] = k
	case len(u.Keys) == mostKeys:
		return Refusal("%SSH: Maximum number of keys for the user is configured")
	default:
		u.Keys = append(u.Keys, k)
	}
	return nil
}

func removeKey(u *runningconfig.PublicKeyUser, k runningconfig.PublicKeyHash) {
	if u.Keys = slices.DeleteFunc(u.Keys, func(o runningconfig.PublicKeyHash) bool { return sameKey(o, k) }); len(u.Keys) == 0 {
		u.Keys = nil
	}
}

// sshKey reads `[TYPE] BASE64 [COMMENT]`, where the base64 may be cut into
// lines.
func sshKey(text string) (k runningconfig.PublicKeyHash, ok bool) {
	words := strings.Fields(text)
	if len(words) > 0 && slices.Contains(keyTypes, words[0]) {
		k.Type, words = words[0], words[1:]
	}
	for i := range words {
		blob, err := base64.StdEncoding.DecodeString(strings.Join(words[:i+1], ""))
		if err != nil {
			continue
		}
		kind, whole := keyBlob(blob)
		if !whole || k.Type != "" && k.Type != kind {
			continue
		}
		return runningconfig.PublicKeyHash{Type: kind, Hash: KeyHash(blob), Comment: strings.Join(words[i+1:], " ")}, true
	}
	return k, false
}

// KeyHash is the hash that the configuration keeps of a public key in the
// format of RFC 4253 section 6.6.
func KeyHash(blob []byte) string {
	sum := md5.Sum(blob)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// keyBlob reads the type of a public key and tells whether the blob is whole:
// strings with their lengths in front, the first of which is the type.
func keyBlob(blob []byte) (kind string, whole bool) {
	fields := 0
	for ; len(blob) >= 4; fields++ {
		n := binary.BigEndian.Uint32(blob)
		if blob = blob[4:]; uint64(n) > uint64(len(blob)) {
			return "", false
		}
		if fields == 0 {
			kind = string(blob[:n])
		}
		blob = blob[n:]
	}
	return kind, len(blob) == 0 && fields > 1 && slices.Contains(keyTypes, kind)
}
