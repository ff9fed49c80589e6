package runningconfig

import (
	"slices"

	"coterie/internal/secret"
)

// AAA is local authentication and authorization: who may log in, what guards
// the privilege levels, and which commands have moved to another level.
type AAA struct {
	Users      []*User         // in order of entry
	Secrets    []EnableSecret  // enable secret, by level
	Passwords  []EnableSecret  // enable password, by level
	Methods    []MethodList    // aaa authentication, aaa authorization
	Privileges []PrivilegeLine // privilege exec level ...
	MinLength  int             // security passwords min-length; 0: none
	Block      LoginBlock
	LoginDelay int  // login delay, s; 0: 1
	SealKeys   bool // password encryption aes
	Obscure    bool // service password-encryption
	NoObscure  bool // the same with `no`, as typed
	// Keys are those of `ip ssh pubkey-chain`, by user in order of entry.
	Keys []*PublicKeyUser
}

// Password is a password as the configuration holds it. Type is the number of
// its form, 0, 5, 6, 7, 8 or 9; Text is what stands behind the number.
type Password struct {
	Type int
	Text secret.Bytes
}

// Set tells whether there is a password.
func (p Password) Set() bool { return p.Text.Len() > 0 }

// LevelZero is the Privilege of `privilege 0`, which differs from none given.
const LevelZero = -1

// User is `username NAME ...`. At most one of NoPassword, Password and Secret
// is set; a user with none of them cannot log in with a password.
type User struct {
	Name       string
	Privilege  int // 1 to 15, LevelZero; 0: 1
	NoPassword bool
	Password   Password // type 0 or 7
	Secret     Password // type 5, 8 or 9
}

// Level is the privilege level of the user, 0 to 15.
func (u *User) Level() int {
	switch u.Privilege {
	case 0:
		return 1
	case LevelZero:
		return 0
	}
	return u.Privilege
}

// EnableSecret guards a privilege level, 1 to 15.
type EnableSecret struct {
	Level    int
	Password Password
}

// MethodList is one `aaa authentication login NAME METHOD ...`.
type MethodList struct {
	Service string // "authentication login", "authentication enable", "authorization exec"
	Name    string // "default"
	Methods []string
}

// PrivilegeLine is `privilege MODE [all] level N COMMAND`.
type PrivilegeLine struct {
	Mode    string // "exec", "configure", "interface", "line"
	All     bool   // every command that begins so
	Level   int
	Command string
}

// LoginBlock is `login block-for SECONDS attempts N within SECONDS`.
type LoginBlock struct {
	Seconds, Attempts, Within int // all zero: not configured
}

// PublicKeyUser is `username NAME` of `ip ssh pubkey-chain`.
type PublicKeyUser struct {
	Name string
	Keys []PublicKeyHash
}

// PublicKeyHash is `key-hash TYPE HASH [COMMENT]`: HASH is the MD5 of the key
// in the format of RFC 4253 section 6.6, in upper-case hexadecimal, as IOS
// keeps it.
type PublicKeyHash struct {
	Type, Hash, Comment string
}

// User finds a user by name, or nil.
func (a *AAA) User(name string) *User {
	if i := slices.IndexFunc(a.Users, func(u *User) bool { return u.Name == name }); i >= 0 {
		return a.Users[i]
	}
	return nil
}

// Enable is what guards a level: the secret, or else the password.
func (a *AAA) Enable(level int) (p Password, ok bool) {
	for _, list := range [][]EnableSecret{a.Secrets, a.Passwords} {
		for _, s := range list {
			if s.Level == level {
				return s.Password, true
			}
		}
	}
	return Password{}, false
}

// List finds a method list, or nil.
func (a *AAA) List(service, name string) []string {
	for _, l := range a.Methods {
		if l.Service == service && l.Name == name {
			return l.Methods
		}
	}
	return nil
}

// NewModel is `aaa new-model`.
func (c *Config) NewModel() bool { return slices.Contains(c.Frame.Kept, "aaa new-model") }
