package appliance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"coterie/cli/term"
)

const setupIntroduction = `
         --- System Configuration Dialog ---

`

const setupHelp = `
Use ctrl-c to abort configuration dialog at any prompt.
Default settings are in square brackets '[]'.


Configuring global parameters:

`

const secretHelp = `
  The enable secret is a password used to protect access to
  privileged EXEC and configuration modes. This password, after
  entered, becomes encrypted in the configuration.
`

const userHelp = `
  SSH stays shut until somebody can log in.
`

const setupMenu = `
[0] Go to the IOS command prompt without saving this config.
[1] Return back to the setup without saving this config.
[2] Save this configuration to nvram and exit.

`

// errSetupEnded is Ctrl-C in the dialog.
var errSetupEnded = errors.New("configuration dialog ended")

// firstBoot asks the questions of a device without a configuration: there is
// no default password. Leaving the dialog leaves everything as it is.
func (a *Appliance) firstBoot(ctx context.Context, r term.LineReader) {
	if _, saved := a.Startup(); saved || !a.blank.Load() || a.CanLogin() || !r.Interactive() {
		return
	}
	io.WriteString(r, setupIntroduction)
	d := &setup{ctx: ctx, r: r}
	if !d.yes("Would you like to enter the initial configuration dialog? [yes/no]: ") || d.err != nil {
		fmt.Fprintln(r)
		return
	}
	for {
		script := d.questions(a.Hostname())
		if d.err != nil {
			break
		}
		fmt.Fprintf(r, "\nThe following configuration command script was created:\n\n%s\n%s", d.shown(script), setupMenu)
		switch d.ask("Enter your selection [2]: ", "2") {
		case "0":
			return
		case "1":
			continue
		}
		if d.err == nil {
			d.err = a.MergeConfig(ctx, script)
			a.blank.Store(false)
		}
		if d.err == nil {
			fmt.Fprintln(r, "Building configuration...")
			d.err = a.WriteStartup(ctx)
		}
		if d.err == nil {
			fmt.Fprintln(r, "[OK]\nUse the enabled mode 'configure' command to modify this configuration.")
		}
		break
	}
	if d.err != nil && !errors.Is(d.err, io.EOF) && ctx.Err() == nil {
		fmt.Fprintf(r, "\n%v\n", d.err)
	}
	fmt.Fprintln(r)
}

// setup is the dialog; after the first error it asks nothing more.
type setup struct {
	ctx     context.Context
	r       term.LineReader
	secrets []string
	err     error
}

func (d *setup) failed(err error) bool {
	if errors.Is(err, term.ErrInterrupt) || errors.Is(err, term.ErrEscape) {
		err = errSetupEnded
	}
	if d.err == nil {
		d.err = err
	}
	return d.err != nil
}

func (d *setup) ask(prompt, fallback string) string {
	if d.err != nil {
		return fallback
	}
	l, err := d.r.ReadLine(d.ctx, prompt, term.Options{})
	if d.failed(err) {
		return fallback
	}
	if text := strings.TrimSpace(l.Text); text != "" {
		return text
	}
	return fallback
}

func (d *setup) yes(prompt string) bool {
	for d.err == nil {
		switch answer := strings.ToLower(d.ask(prompt, "")); {
		case answer == "":
		case strings.HasPrefix("yes", answer):
			return true
		case strings.HasPrefix("no", answer):
			return false
		}
		if d.err == nil {
			io.WriteString(d.r, "% Please answer 'yes' or 'no'.\n")
		}
	}
	return false
}

// secret asks twice for a password.
func (d *setup) secret(prompt string) string {
	for d.err == nil {
		first, err := d.r.ReadSecret(d.ctx, "  "+prompt+": ")
		if d.failed(err) {
			break
		}
		if reason := unusable(first); reason != "" {
			fmt.Fprintln(d.r, "% "+reason)
			continue
		}
		again, err := d.r.ReadSecret(d.ctx, "  Confirm "+strings.ToLower(prompt[len("Enter "):])+": ")
		if d.failed(err) {
			break
		}
		if first == again {
			d.secrets = append(d.secrets, first)
			return first
		}
		fmt.Fprintln(d.r, "% They do not match")
	}
	return ""
}

// shortestSecret is how many characters the dialog asks for.
const shortestSecret = 8

// unusable is why a line of configuration could not carry a password.
func unusable(password string) string {
	switch {
	case len(password) < shortestSecret:
		return fmt.Sprintf("Please use at least %d characters", shortestSecret)
	case strings.TrimSpace(password) != password:
		return "Please use a password without blanks at its ends"
	}
	return ""
}

// questions gives the configuration that the answers make.
func (d *setup) questions(host string) string {
	d.secrets = nil
	io.WriteString(d.r, setupHelp)
	name := d.ask("  Enter host name ["+host+"]: ", host)
	io.WriteString(d.r, secretHelp)
	enable := d.secret("Enter enable secret")
	io.WriteString(d.r, userHelp)
	user := d.ask("  Enter user name [admin]: ", "admin")
	password := d.secret("Enter password")
	return "hostname " + name + "\n" +
		"enable secret 0 " + enable + "\n" +
		"username " + user + " privilege 15 secret 0 " + password + "\n" +
		"line vty 0 4\n" +
		" login local\n" +
		" transport input ssh\n"
}

// shown is the script without its passwords.
func (d *setup) shown(script string) string {
	for _, s := range d.secrets {
		script = strings.ReplaceAll(script, "secret 0 "+s+"\n", "secret 0 <hidden>\n")
	}
	return script
}
