package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"coterie/cli/grammar"
)

// The device of the tests: a tree of interfaces and a few commands of each
// kind, and a journal of what the session told it.
type toyTree struct {
	Hostname   string
	Banner     string
	Interfaces []*toyInterface
}

type toyInterface struct {
	Name        string
	Address     netip.Addr
	Mask        netip.Addr
	Description string
	Shutdown    bool
}

type toyDevice struct {
	exec, config *grammar.Mode
	started      chan struct{} // `wait` runs

	mu       sync.Mutex
	tree     toyTree
	journal  []string
	sessions map[*Session]bool
}

func (d *toyDevice) Hostname() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tree.Hostname
}

func (d *toyDevice) Exec() *grammar.Mode          { return d.exec }
func (d *toyDevice) Configuration() *grammar.Mode { return d.config }

func (d *toyDevice) Edit(f func(any) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f(&d.tree)
}

func (d *toyDevice) View(f func(any)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(&d.tree)
}

func (d *toyDevice) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.journal = append(d.journal, fmt.Sprintf(format, args...))
}

func (d *toyDevice) Accepted(_ context.Context, m grammar.Match) {
	text, _ := grammar.Unparse(m.Command.Syntax, m.Args)
	if m.No {
		text = "no " + text
	}
	d.note("accepted %s", text)
}

func (d *toyDevice) LeftConfiguration(_ context.Context, s *Session) {
	d.note("left configuration: %s %q", s.Line(), s.User())
	d.log("%SYS-5-CONFIG_I: Configured from console by console")
}

func (d *toyDevice) BeforeExec(context.Context) { d.note("before exec") }

func (d *toyDevice) Opened(s *Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions[s] = true
}

func (d *toyDevice) Closed(s *Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, s)
}

// log gives a line to every session, as an appliance does: under its lock.
func (d *toyDevice) log(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := range d.sessions {
		s.Log(line)
	}
}

func newToy() *toyDevice {
	d := &toyDevice{sessions: map[*Session]bool{}, started: make(chan struct{}, 9)}
	d.tree.Hostname = "R2"
	kw, arg := grammar.Kw, grammar.Arg
	prompt := func(s string) func(any, []grammar.Frame) string {
		return func(any, []grammar.Frame) string { return s }
	}

	show := kw("show", "Show running system information")
	print := func(text string) func(context.Context, grammar.Terminal, grammar.Args) error {
		return func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
			_, err := io.WriteString(t, text)
			return err
		}
	}
	d.exec = &grammar.Mode{Name: "exec"}
	d.exec.Add(
		&grammar.Command{Level: 1, Syntax: grammar.Seq{show, kw("clock", "Display the system clock")},
			Run: print("09:24:01.123 UTC Sat Nov 21 2026\n")},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{show, kw("groups", "Display groups")},
			Run: print("GROUP INFORMATION\n\n    Group Name               : G1\n    Group Identity           : 1\n" +
				"KEK POLICY:\n    Lifetime (secs)          : 84190\n    Key Size                 : 128\n\nTEK POLICY:\n    spi: 0x1\n")},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{show, kw("numbers", "Display many lines"), arg("N", grammar.Int(1, 1000), "How many")},
			Run: func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
				for i := range a.Int("N") {
					if _, err := fmt.Fprintf(t, "line %d\n", i+1); err != nil {
						d.note("show stopped at line %d", i+1)
						return err
					}
				}
				return nil
			}},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{show, kw("history", "Display the session command history")},
			Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
				_, err := io.WriteString(t, "  "+strings.Join(t.Session().History(), "\n  ")+"\n")
				return err
			}},
		&grammar.Command{Level: 15, Syntax: grammar.Seq{kw("configure", "Enter configuration mode"), kw("terminal", "Configure from the terminal")},
			Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { t.Session().Configure(); return nil }},
		&grammar.Command{Level: 1, Syntax: kw("enable", "Turn on privileged commands"),
			Run: func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
				if secret, err := t.AskSecret(ctx, "Password: "); err != nil {
					return err
				} else if secret != "cisco" {
					return errors.New("Bad secrets")
				}
				t.Session().SetLevel(15)
				return nil
			}},
		&grammar.Command{Level: 1, Syntax: kw("disable", "Turn off privileged commands"),
			Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { t.Session().SetLevel(1); return nil }},
		&grammar.Command{Level: 1, Syntax: kw("exit", "Exit from the EXEC"),
			Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error { t.Session().Quit(); return nil }},
		&grammar.Command{Level: 15, Syntax: grammar.Seq{kw("copy", "Copy from one file to another"), arg("From", grammar.Word(), "Source"), arg("To", grammar.Word(), "Destination")},
			Run: func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
				name, err := t.Ask(ctx, "Destination filename [startup-config]? ")
				if err != nil {
					return err
				}
				if name == "bad" {
					return errors.New("%Error opening nvram:bad (No such file)")
				}
				_, err = fmt.Fprintf(t, "Building configuration...\n[OK]\n")
				return err
			}},
		&grammar.Command{Level: 15, Syntax: grammar.Seq{kw("import", "Import a key")},
			Run: func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
				lines, err := t.Collect(ctx, func(l string) bool { return l == "quit" })
				if err == nil {
					_, err = fmt.Fprintf(t, "%% %d lines\n", len(lines))
				}
				return err
			}},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{kw("wait", "Wait for an interrupt")},
			Run: func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
				io.WriteString(t, "Type escape sequence to abort.\n..")
				d.started <- struct{}{}
				<-ctx.Done()
				io.WriteString(t, "\nSuccess rate is 0 percent (0/2)\n")
				return nil
			}},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{kw("fail", "Fail")},
			Run: func(context.Context, grammar.Terminal, grammar.Args) error {
				return errors.New("no group is registered")
			}},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{kw("terminal", "Set terminal line parameters"), kw("length", "Set number of lines on a screen"), arg("N", grammar.Int(0, 512), "Number of lines")},
			Run: func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
				t.Session().SetLength(a.Int("N"))
				return nil
			}},
		&grammar.Command{Level: 1, Syntax: grammar.Seq{kw("connect", "Change the console")},
			Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
				t.Session().(*Session).Escape()
				return nil
			}},
		&grammar.Command{Level: 1, Syntax: kw("say", "Log a line"),
			Run: func(_ context.Context, t grammar.Terminal, _ grammar.Args) error {
				io.WriteString(t, "half a row")
				d.log("%TOY-6-SAID: hello")
				io.WriteString(t, "the other\n")
				return nil
			}},
	)

	iface := &grammar.Mode{Name: "config-if", Prompt: prompt("(config-if)"), ExitHelp: "Exit from interface configuration mode"}
	d.config = &grammar.Mode{Name: "config", Prompt: prompt("(config)")}
	iface.Parent = d.config
	d.config.Add(
		&grammar.Command{Syntax: grammar.Seq{kw("hostname", "Set system's network name"), arg("", grammar.Word(), "This system's network name")},
			Bind: grammar.Leaf(func(c *toyTree) *string { return &c.Hostname })},
		&grammar.Command{Syntax: grammar.Seq{kw("banner", "Define a login banner"), kw("motd", "Set Message of the Day banner"),
			arg("", grammar.Banner(), "c banner-text c, where 'c' is a delimiting character")},
			Bind: grammar.Leaf(func(c *toyTree) *string { return &c.Banner })},
		&grammar.Command{Syntax: grammar.Seq{kw("interface", "Select an interface to configure"), arg("Name", grammar.Word(), "Interface name")},
			Enter: iface, Bind: grammar.Object(func(c *toyTree) *[]*toyInterface { return &c.Interfaces }, "Name"), Immediate: true},
		&grammar.Command{Syntax: grammar.Seq{kw("crypto", "Encryption module"), kw("key", "Long term key operations"), kw("generate", "Generate new keys")},
			Run: func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
				bits, err := t.Ask(ctx, "How many bits in the modulus [2048]: ")
				if err == nil {
					_, err = fmt.Fprintf(t, "%% Generating %s bit RSA keys, keys will be non-exportable...\n", bits)
				}
				return err
			}},
	)
	iface.Add(
		&grammar.Command{Syntax: grammar.Seq{kw("ip", "Interface Internet Protocol config commands"), kw("address", "Set the IP address of an interface"),
			arg("Address", grammar.IPv4(), "IP address"), arg("Mask", grammar.Mask(), "IP subnet mask")},
			Bind: grammar.Leaf(func(c *toyInterface) *toyInterface { return c })},
		&grammar.Command{Syntax: grammar.Seq{kw("description", "Interface specific description"), arg("", grammar.Rest(), "Up to 240 characters")},
			Bind: grammar.Leaf(func(c *toyInterface) *string { return &c.Description })},
		&grammar.Command{Syntax: kw("shutdown", "Shutdown the selected interface"),
			Bind: grammar.Leaf(func(c *toyInterface) *bool { return &c.Shutdown })},
	)
	return d
}

// until waits for a condition that another goroutine brings about.
func until(f func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if f() {
			return true
		}
	}
	return false
}
