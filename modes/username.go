package modes

import (
	"slices"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// username is `username NAME [privilege N] [nopassword|password ...|secret ...]`.
// What a line does not say stays as it is.
func (b *builder) username() *grammar.Command {
	type root = runningconfig.Config
	return &grammar.Command{
		Syntax: grammar.Seq{
			grammar.Kw("username", "Establish User Name Authentication"),
			grammar.Arg("Name", grammar.Word(), "User name").From(userNames),
			grammar.Opt{Node: grammar.Seq{grammar.Kw("privilege", "Set user privilege level"),
				grammar.Arg("Privilege", grammar.Int(0, 15), "User privilege level")}},
			grammar.Opt{Node: grammar.Alt{
				grammar.Kw("nopassword", "No password is required for the user to log in").Sets("Form", "nopassword"),
				grammar.Seq{grammar.Kw("password", "Specify the password for the user").Sets("Form", "password"),
					passwordSyntax("The UNENCRYPTED (cleartext) user password")},
				grammar.Seq{grammar.Kw("secret", "Specify the secret for the user").Sets("Form", "secret"),
					secretSyntax("The UNENCRYPTED (cleartext) user secret")},
			}},
		},
		Sample: []string{
			"username bob", "username bob privilege 15", "username bob privilege 0 nopassword", "username bob privilege 1",
			"username bob password two words", "username bob privilege 7 password 0 cisco", "username bob password 7 02050D480809",
			"username bob secret cisco", "username bob secret 5 " + sampleSecret5, "username bob privilege 15 secret 8 " + sampleSecret8,
			"username bob privilege 15 secret 9 " + sampleSecret9,
		},
		Bind: grammar.Custom[root]{
			Keys:  []string{"Name"},
			OnSet: b.setUser,
			OnUnset: func(c *root, a grammar.Args) error {
				c.AAA.Users = slices.DeleteFunc(c.AAA.Users, func(u *runningconfig.User) bool { return u.Name == a.String("Name") })
				if len(c.AAA.Users) == 0 {
					c.AAA.Users = nil
				}
				return nil
			},
			OnLines: func(c *root, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, u := range c.AAA.Users {
					out = append(out, grammar.Line{Args: userArgs(u)})
				}
				return out
			},
		},
	}
}

func (b *builder) setUser(c *runningconfig.Config, a grammar.Args) error {
	u := runningconfig.User{Name: a.String("Name")}
	old := c.AAA.User(u.Name)
	if old != nil {
		u = *old
	}
	if a.Has("Privilege") {
		switch u.Privilege = a.Int("Privilege"); u.Privilege {
		case 0:
			u.Privilege = runningconfig.LevelZero
		case 1:
			u.Privilege = 0
		}
	}
	var err error
	switch a.String("Form") {
	case "nopassword":
		u.NoPassword, u.Password, u.Secret = true, runningconfig.Password{}, runningconfig.Password{}
	case "password":
		if u.Secret.Set() {
			return bothPasswords
		}
		u.NoPassword = false
		u.Password, err = b.passwordOf(c, a, u.Password)
	case "secret":
		if u.Password.Set() {
			return bothPasswords
		}
		u.NoPassword = false
		u.Secret, err = b.secretOf(c, a, u.Secret)
	}
	switch {
	case err != nil:
		return err
	case old != nil:
		*old = u
	default:
		c.AAA.Users = append(c.AAA.Users, &u)
	}
	return nil
}

func userArgs(u *runningconfig.User) grammar.Args {
	a := grammar.Args{"Name": u.Name}
	if u.Privilege != 0 {
		a["Privilege"] = u.Level()
	}
	switch {
	case u.NoPassword:
		a["Form"] = "nopassword"
	case u.Password.Set():
		a["Form"] = "password"
		passwordArgs(a, u.Password)
	case u.Secret.Set():
		a["Form"] = "secret"
		passwordArgs(a, u.Secret)
	}
	return a
}

func userNames(root any) []string {
	return namesOf(root, func(c *runningconfig.Config) []*runningconfig.User { return c.AAA.Users },
		func(u *runningconfig.User) string { return u.Name })
}
