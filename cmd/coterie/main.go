// Command coterie is a key server and group member of a group-encrypted VPN
// (GET VPN, GDOI, RFC 6407) that looks and types like an IOS router.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A subcommand parses its own arguments and returns the exit status.
type subcommand struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int
}

var subcommands = []subcommand{
	{"lab", "bring up a whole network in this process and open a console", runLab},
	{"run", "run one appliance on this host", runRun},
	{"console", "attach to the console of a running appliance", runConsole},
	{"check", "parse configuration files and print their canonical form", runCheck},
	{"db", "check, back up or restore the database of a key server", runDB},
	{"replay", "compute a recording again and compare", runReplay},
	{"version", "print the version", runVersion},
}

// Exit statuses: 0 success, 1 a command or a line failed, 2 wrong usage.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	code := dispatch(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// parse reads the flags of a subcommand. It is over, with the status, unless ok.
func parse(fs *flag.FlagSet, args []string) (status int, ok bool) {
	switch err := fs.Parse(args); {
	case err == nil:
		return exitOK, true
	case errors.Is(err, flag.ErrHelp):
		return exitOK, false
	}
	return exitUsage, false
}

func dispatch(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		usage(stdout)
		return exitOK
	}
	for _, c := range subcommands {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdin, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "coterie: unknown command %q; 'coterie help' lists them\n", args[0])
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, `Coterie is a key server and group member of a group-encrypted VPN (GET VPN,
GDOI, RFC 6407) that looks and types like an IOS router.

Usage:

    coterie COMMAND [arguments]

Commands:

`)
	for _, c := range subcommands {
		fmt.Fprintf(w, "    %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
'coterie COMMAND -help' explains one. Try this first:

    coterie lab
`)
}
