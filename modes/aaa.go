package modes

import (
	"slices"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

const aaaHelp = "Authentication, Authorization and Accounting"

// aaa is the access control of `aaa ...`, as far as it is local: server groups
// are kept, and count as servers that do not answer.
func (b *builder) aaa() []*grammar.Command {
	kept := func(c *runningconfig.Config) *[]string { return &c.Frame.Kept }
	const (
		authentication = "Authentication configurations parameters"
		authorization  = "Authorization configurations parameters"
	)
	return []*grammar.Command{
		keep(kept, "aaa new-model", "Enable NEW access control commands and functions", single|bare|defaults|effect),
		methodList("authentication login", authentication, "Set authentication lists for logins",
			[2]string{"enable", "Use enable password for authentication"}, [2]string{"group", "Use server-group"},
			[2]string{"line", "Use line password for authentication"}, [2]string{"local", "Use local username authentication"},
			[2]string{"local-case", "Use case-sensitive local username authentication"}, [2]string{"none", "NO authentication"}),
		methodList("authentication enable", authentication, "Set authentication lists for enable",
			[2]string{"enable", "Use enable password for authentication"}, [2]string{"group", "Use server-group"},
			[2]string{"line", "Use line password for authentication"}, [2]string{"none", "NO authentication"}),
		keep(kept, "aaa authentication", authentication, 0),
		methodList("authorization exec", authorization, "For starting an exec (shell)",
			[2]string{"group", "Use server-group"}, [2]string{"if-authenticated", "Succeed if user has authenticated"},
			[2]string{"local", "Use local database"}, [2]string{"none", "No authorization (always succeeds)"}),
		keep(kept, "aaa authorization", authorization, 0),
		keep(kept, "aaa accounting", "Accounting configurations parameters", 0),
		keep(kept, "aaa session-id", "AAA Session ID", single|effect),
	}
}

// mostMethods is how many methods a list has.
const mostMethods = 4

// methodList is `aaa SERVICE {default|NAME} METHOD ...`.
func methodList(service, first, second string, words ...[2]string) *grammar.Command {
	type root = runningconfig.Config
	w := strings.Fields(service)
	var methods grammar.Alt
	for _, m := range words {
		if m[0] != "group" {
			methods = append(methods, grammar.Kw(m[0], m[1]).Sets("Methods", m[0]))
			continue
		}
		named := grammar.Convert(grammar.Word(), func(s string) (string, bool) { return "group " + s, true },
			func(s string) string {
				if name, ok := strings.CutPrefix(s, "group "); ok {
					return name
				}
				return "" // prints nothing: another method
			})
		methods = append(methods, grammar.Seq{grammar.Kw(m[0], m[1]), grammar.Alt{
			grammar.Kw("radius", "Use list of all Radius hosts").Sets("Methods", "group radius"),
			grammar.Kw("tacacs+", "Use list of all Tacacs+ hosts").Sets("Methods", "group tacacs+"),
			grammar.Arg("Methods", named, "Server-group name"),
		}})
	}
	find := func(c *root, a grammar.Args) int {
		return slices.IndexFunc(c.AAA.Methods, func(l runningconfig.MethodList) bool { return l.Service == service && l.Name == a.String("Name") })
	}
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("aaa", aaaHelp), grammar.Kw(w[0], first), grammar.Kw(w[1], second),
			grammar.Alt{
				grammar.Kw("default", "The default list").Sets("Name", "default"),
				grammar.Arg("Name", grammar.Word(), "Named list"),
			},
			grammar.Rep{Max: mostMethods, Node: methods}},
		Bind: grammar.Custom[root]{
			Keys: []string{"Name"},
			OnSet: func(c *root, a grammar.Args) error {
				l := runningconfig.MethodList{Service: service, Name: a.String("Name")}
				for _, m := range list(a, "Methods") {
					l.Methods = append(l.Methods, m.(string))
				}
				if i := find(c, a); i >= 0 {
					c.AAA.Methods[i] = l
					return nil
				}
				c.AAA.Methods = append(c.AAA.Methods, l)
				return nil
			},
			OnUnset: func(c *root, a grammar.Args) error {
				if i := find(c, a); i >= 0 {
					if c.AAA.Methods = slices.Delete(c.AAA.Methods, i, i+1); len(c.AAA.Methods) == 0 {
						c.AAA.Methods = nil
					}
				}
				return nil
			},
			OnLines: func(c *root, _ bool) []grammar.Line {
				var out []grammar.Line
				for _, l := range c.AAA.Methods {
					if l.Service != service {
						continue
					}
					var methods []any
					for _, m := range l.Methods {
						methods = append(methods, m)
					}
					out = append(out, grammar.Line{Args: grammar.Args{"Name": l.Name, "Methods": methods}})
				}
				return out
			},
		},
	}
}

// passwordEncryption is `service password-encryption`; its work is done by
// Protect.
func (b *builder) passwordEncryption() *grammar.Command {
	type root = runningconfig.Config
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("service", serviceHelp), grammar.Kw("password-encryption", "Encrypt system passwords")},
		Switch: true,
		Bind: grammar.Custom[root]{
			OnSet:     func(c *root, _ grammar.Args) error { c.AAA.Obscure, c.AAA.NoObscure = true, false; return nil },
			OnUnset:   func(c *root, _ grammar.Args) error { c.AAA.Obscure, c.AAA.NoObscure = false, true; return nil },
			OnDefault: func(c *root, _ grammar.Args) error { c.AAA.Obscure, c.AAA.NoObscure = false, false; return nil },
			OnLines: func(c *root, _ bool) []grammar.Line {
				if c.AAA.Obscure || c.AAA.NoObscure {
					return []grammar.Line{{No: !c.AAA.Obscure}}
				}
				return nil
			},
		},
	}
}

// passwordRules is what the configuration asks of passwords and of logging in.
func (b *builder) passwordRules() (before, after []*grammar.Command) {
	type root = runningconfig.Config
	kept := func(c *runningconfig.Config) *[]string { return &c.Frame.Kept }
	before = []*grammar.Command{{
		Syntax: grammar.Seq{grammar.Kw("security", "Infra Security CLIs"), grammar.Kw("passwords", "Password security CLIs"),
			grammar.Kw("min-length", "Minimum length of passwords"), grammar.Arg("", grammar.Int(1, 16), "Minimum length for all user/enable passwords")},
		Bind: leaf(func(c *root) *int { return &c.AAA.MinLength }, 0),
	}}
	login := grammar.Kw("login", wordHelp["login"])
	after = []*grammar.Command{
		{
			Syntax: grammar.Seq{login, grammar.Kw("block-for", "Set quiet-mode active time period"), grammar.OptionalUnderNo{Node: grammar.Seq{
				grammar.Arg("Seconds", grammar.Int(1, 65535), "Time period in seconds"),
				grammar.Kw("attempts", "Set max number of fail attempts"), grammar.Arg("Attempts", grammar.Int(1, 65535), "Fail attempts max value"),
				grammar.Kw("within", "Watch period for fail attempts"), grammar.Arg("Within", grammar.Int(1, 65535), "Time period in seconds"),
			}}},
			Bind: grammar.Leaf(func(c *root) *runningconfig.LoginBlock { return &c.AAA.Block }),
		},
		{
			Syntax: grammar.Seq{login, grammar.Kw("delay", "Set delay between successive fail login"),
				grammar.Arg("", grammar.Int(1, 10), "Time period in seconds")},
			Bind: leaf(func(c *root) *int { return &c.AAA.LoginDelay }, 0),
		},
		// Both are logged in any case.
		keep(kept, "login on-failure", "Set options for failed login attempt", both|single|effect),
		keep(kept, "login on-success", "Set options for successful login attempt", both|single|effect),
		keep(kept, "login quiet-mode", "Set quiet-mode options", single),
		{
			Syntax: grammar.Seq{grammar.Kw("password", wordHelp["password"]), grammar.Kw("encryption", "Encrypt keyword for encrypting passwords"),
				grammar.Kw("aes", "Enable stronger (AES) password encryption")},
			Bind: flag(func(c *root) *bool { return &c.AAA.SealKeys }),
		},
	}
	return before, after
}
