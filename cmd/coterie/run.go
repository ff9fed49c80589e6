package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"coterie/appliance"
	"coterie/cli/sshd"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/netdev/linux"
	"coterie/xfrm"
)

// runOptions are the flags of `coterie run`.
type runOptions struct {
	config, state, ssh, dataplane string
	names                         map[string]string // IOS name to Linux name

	masters []secret.Bytes // what is saved is sealed under the first

	// network makes the device's network; tests have their own.
	network func(runOptions) (netdev.Stack, error)
}

const runUsage = `Usage: coterie run [-config FILE] [-state DIR] [-ssh ADDR]
                   [-map IOSNAME=LINUXNAME ...] [-dataplane auto|user|kernel]

Runs one appliance on this host until SIGTERM or SIGINT. It boots from the
startup-config of its state directory, or from FILE when it has none yet, and
touches only interfaces that the configuration names. Its log goes to standard
error; 'coterie console' attaches to its console.

`

func runRun(ctx context.Context, args []string, _ *os.File, stdout, stderr io.Writer) int {
	o := runOptions{names: make(map[string]string), network: hostNetwork}
	fs := flag.NewFlagSet("coterie run", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.config, "config", "", "configuration `FILE` of a device that has not saved one")
	fs.StringVar(&o.state, "state", defaultState(), "`DIR` for what the device saves, its keys included")
	fs.StringVar(&o.ssh, "ssh", "", "serve SSH at `ADDR`, such as :22 or 127.0.0.1:2222; it stays shut until somebody can log in")
	fs.StringVar(&o.dataplane, "dataplane", "auto", "what encrypts packets: auto, user or kernel")
	fs.Func("map", "call the Linux interface by this name: `IOSNAME=LINUXNAME`; repeatable", o.mapName)
	fs.Usage = func() {
		io.WriteString(stderr, runUsage)
		fs.PrintDefaults()
	}
	if status, ok := parse(fs, args); !ok {
		return status
	}
	for _, arg := range fs.Args() {
		if err := o.mapName(arg); err != nil {
			fmt.Fprintf(stderr, "coterie run: %q: %v\n", arg, err)
			return exitUsage
		}
	}
	if err := o.check(); err != nil {
		fmt.Fprintf(stderr, "coterie run: %v\n", err)
		return exitUsage
	}
	if err := forbidCore(); err != nil {
		fmt.Fprintf(stderr, "coterie run: %v\n", err)
		return exitFailed
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	defer stop()
	if err := o.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "coterie run: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func (o *runOptions) mapName(text string) error {
	ios, linux, ok := strings.Cut(text, "=")
	if !ok || ios == "" || linux == "" {
		return errors.New("want IOSNAME=LINUXNAME")
	}
	if before, ok := o.names[ios]; ok {
		return fmt.Errorf("%s is %s already", ios, before)
	}
	o.names[ios] = linux
	return nil
}

func (o *runOptions) check() error {
	if o.ssh != "" {
		if _, err := net.ResolveTCPAddr("tcp", o.ssh); err != nil {
			return fmt.Errorf("-ssh: %w", err)
		}
	}
	switch o.dataplane {
	case "auto", "user", "kernel":
		return nil
	}
	return fmt.Errorf("-dataplane is auto, user or kernel, not %q", o.dataplane)
}

// defaultState is where a device keeps what it saves.
func defaultState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "coterie")
	}
	home, err := os.UserHomeDir()
	if err != nil || os.Geteuid() == 0 {
		return "/var/lib/coterie"
	}
	return filepath.Join(home, ".local", "state", "coterie")
}

// hostNetwork is that of this host.
func hostNetwork(o runOptions) (netdev.Stack, error) {
	return linux.New(linux.Config{Map: o.names})
}

// encryption is the data plane of the flag.
func (o *runOptions) encryption() (xfrm.Dataplane, error) {
	if o.dataplane != "auto" {
		return nil, fmt.Errorf("-dataplane %s: there is no such data plane in this version; auto runs a key server without one", o.dataplane)
	}
	return xfrm.NewNone(), nil
}

// run boots the device, and boots it again after each `reload`, until ctx ends.
func (o runOptions) run(ctx context.Context, stdout, stderr io.Writer) error {
	appliance.TuneCollector()
	text, err := o.text()
	if err != nil {
		return err
	}
	state, err := appliance.OpenDirectory(o.state)
	if err != nil {
		return err
	}
	defer state.Close()
	if o.masters, err = masterKeys(o.state, true); err != nil {
		return err
	}
	if o.ssh != "" { // better now than when the first user is configured
		l, err := net.Listen("tcp", o.ssh)
		if err != nil {
			return fmt.Errorf("-ssh: %w", err)
		}
		l.Close()
	}
	for {
		again, err := o.power(ctx, state, text, stdout, stderr)
		if err != nil || !again {
			return err
		}
	}
}

// text is the configuration of -config.
func (o runOptions) text() (string, error) {
	if o.config == "" {
		return "", nil
	}
	b, err := os.ReadFile(o.config)
	if err != nil {
		return "", fmt.Errorf("-config: %w", err)
	}
	return string(b), nil
}

// power is the time between switching the device on and off; again says that
// it shall be switched on once more.
func (o runOptions) power(ctx context.Context, state *appliance.Directory, text string, stdout, stderr io.Writer) (again bool, err error) {
	plane, err := o.encryption()
	if err != nil {
		return false, err
	}
	stack, err := o.network(o)
	if err != nil {
		return false, errors.Join(fmt.Errorf("network: %w", err), plane.Close())
	}
	database, err := appliance.OpenState(o.state, o.masters[0])
	if err != nil {
		return false, errors.Join(err, stack.Close(), plane.Close())
	}
	defer database.Close()
	reload := make(chan struct{})
	var once sync.Once
	a, err := appliance.New(appliance.Config{
		Name: "Router", Stack: stack, Dataplane: plane, Clock: new(env.Clock), Env: env.System(),
		Files: state, State: database, Masters: o.masters, Version: version(), Reload: func() { once.Do(func() { close(reload) }) },
	})
	if err != nil {
		return false, errors.Join(err, stack.Close(), plane.Close())
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	var log sync.Mutex
	defer a.Subscribe(func(r syslog.Record) {
		log.Lock()
		defer log.Unlock()
		fmt.Fprintln(stderr, r.Line())
	})()

	console, err := listenConsole(o.state)
	if err != nil {
		return false, err
	}
	o.boot(ctx, a, text, stderr)
	if s, ok := stack.(interface{ Sweep() error }); ok {
		if err := s.Sweep(); err != nil {
			fmt.Fprintf(stderr, "coterie run: leftovers of an earlier run: %v\n", err)
		}
	}
	defer a.ServeConsole(console, sshd.Owner)()
	if o.ssh != "" {
		defer a.ServeSSH(a, sshd.Limits{}, func() (net.Listener, error) { return net.Listen("tcp", o.ssh) })()
	}
	fmt.Fprintf(stdout, "%s runs; its console: coterie console -state %s\n", a.Hostname(), o.state)
	select {
	case <-ctx.Done():
		return false, nil
	case <-reload:
		return ctx.Err() == nil, nil
	}
}

// boot loads the configuration and reports what is wrong with it.
func (o runOptions) boot(ctx context.Context, a *appliance.Appliance, text string, stderr io.Writer) {
	file := cmp.Or(o.config, "-config")
	if _, saved := a.Startup(); saved {
		file = filepath.Join(o.state, "startup-config")
		if o.config != "" {
			fmt.Fprintf(stderr, "coterie run: %s is there, so that %s is not read\n", file, o.config)
		}
	}
	for _, e := range a.Boot(ctx, text) {
		reportLine(stderr, file, e)
	}
}

// listenConsole opens the console's socket. The lock of the directory says
// that one that lies there is nobody's.
func listenConsole(state string) (net.Listener, error) {
	name := appliance.ConsoleSocket(state)
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("console: %w", err)
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("console: %w", err), l.Close())
	}
	return l, nil
}
