package appliance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"coterie/cli"
	"coterie/cli/term"
	"coterie/internal/secret"
)

// loginTries is how often the console asks before it hangs up.
const loginTries = 3

// consoleLogin is `login` and `login local` on the console. Without either the
// console is open to whom the system lets at it.
func (a *Appliance) consoleLogin(ctx context.Context, set lineSettings, open cli.Login, r term.LineReader) (cli.Login, error) {
	if !set.asks() {
		return open, nil
	}
	if _, err := fmt.Fprint(r, "\n\nUser Access Verification\n\n"); err != nil {
		return cli.Login{}, err
	}
	for range loginTries {
		k := cli.Credentials{Line: lineName("con", 0)}
		if set.Login != "login" {
			l, err := r.ReadLine(ctx, "Username: ", term.Options{})
			if err != nil && !errors.Is(err, term.ErrInterrupt) {
				return cli.Login{}, err
			}
			if k.User = strings.TrimSpace(l.Text); k.User == "" || err != nil {
				continue
			}
		}
		password, err := r.ReadSecret(ctx, "Password: ")
		if err != nil && !errors.Is(err, term.ErrInterrupt) {
			return cli.Login{}, err
		}
		k.Password = secret.Of(password)
		login, err := a.Authenticate(ctx, k)
		if err == nil {
			fmt.Fprintln(r)
			return login, nil
		}
		fmt.Fprintf(r, "%v\n\n", err)
	}
	if set.Login == "login" {
		fmt.Fprintln(r, "% Bad passwords")
	}
	return cli.Login{}, cli.ErrDenied
}
