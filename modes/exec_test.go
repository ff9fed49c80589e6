package modes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/syslog"
	"coterie/netdev"
	runningconfig "coterie/running-config"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

// device is a View and an Operator of values; the zero value has nothing.
type device struct {
	noLifecycle
	name       string
	now        time.Time
	config     runningconfig.Config
	startup    string
	ike        isakmp.Snapshot
	ks         keyserver.Snapshot
	members    []member.Snapshot
	plane      xfrm.Snapshot
	interfaces []netdev.Interface
	routes     []netdev.Route
	rsa        []keys.Public
	log        LogSnapshot
	debugging  syslog.Filter
	sessions   []SessionInfo

	probes  []netdev.ProbeResult // answers, in order; then time-outs
	sent    []netdev.Probe
	onProbe func(n int)
	calls   []string // of the Operator
	fails   error
}

func (d *device) Hostname() string               { return d.name }
func (d *device) Now() time.Time                 { return d.now }
func (d *device) Booted() time.Time              { return d.now.Add(-(25*time.Hour + 3*time.Minute)) }
func (d *device) Config() *runningconfig.Config  { return &d.config }
func (d *device) Startup() (string, bool)        { return d.startup, d.startup != "" }
func (d *device) ISAKMP() isakmp.Snapshot        { return d.ike }
func (d *device) KeyServer() keyserver.Snapshot  { return d.ks }
func (d *device) Members() []member.Snapshot     { return d.members }
func (d *device) Dataplane() xfrm.Snapshot       { return d.plane }
func (d *device) Interfaces() []netdev.Interface { return d.interfaces }
func (d *device) Routes() []netdev.Route         { return d.routes }
func (d *device) RSAKeys() []keys.Public         { return d.rsa }
func (d *device) Log() LogSnapshot               { return d.log }
func (d *device) Debugging() syslog.Filter       { return d.debugging }
func (d *device) Version() Version {
	return Version{Number: "0.1.0", Go: "go1.26", Platform: "linux/amd64"}
}
func (d *device) Sessions() []SessionInfo { return d.sessions }
func (d *device) call(f string, a ...any) error {
	d.calls = append(d.calls, fmt.Sprintf(f, a...))
	return d.fails
}
func (d *device) ClearLine(_ context.Context, line string) error {
	return d.call("clear line %s", line)
}

func (d *device) ClearLogging() { d.call("clear logging") }
func (d *device) Debug(t syslog.Topic, l syslog.Level, on bool) {
	d.call("debug %#x %#x %v", uint32(t), uint8(l), on)
}
func (d *device) Reload(context.Context) error  { return d.call("reload") }
func (d *device) ClearSA(context.Context) error { return d.call("clear sa") }

func (d *device) SourceAddress(name string) (netip.Addr, bool) {
	canonical, _ := runningconfig.InterfaceName(name)
	for _, i := range d.interfaces {
		if i.Name == canonical && len(i.Addresses) > 0 {
			return i.Addresses[0].Addr(), true
		}
	}
	return netip.Addr{}, false
}

func (d *device) Probe(ctx context.Context, p netdev.Probe) (netdev.ProbeResult, error) {
	d.sent = append(d.sent, p)
	if d.onProbe != nil {
		d.onProbe(len(d.sent))
	}
	if err := ctx.Err(); err != nil {
		return netdev.ProbeResult{}, err
	}
	if n := len(d.sent); n <= len(d.probes) {
		return d.probes[n-1], nil
	}
	return netdev.ProbeResult{Outcome: netdev.ProbeTimeout}, d.fails
}

func (d *device) Rekey(_ context.Context, g string, now bool) error {
	return d.call("rekey %q %v", g, now)
}
func (d *device) ClearGDOI(_ context.Context, g string) error { return d.call("clear gdoi %q", g) }
func (d *device) ClearKeyServer(_ context.Context, g string, what keyserver.ClearWhat) error {
	return d.call("clear ks %q %d", g, what)
}
func (d *device) ClearMember(_ context.Context, g string) error { return d.call("clear gm %q", g) }
func (d *device) ClearDataplane(_ context.Context, g string) error {
	return d.call("clear dataplane %q", g)
}
func (d *device) ClearISAKMP(_ context.Context, id uint32) error {
	return d.call("clear isakmp %d", id)
}
func (d *device) ClearCounters(_ context.Context, i string) error {
	return d.call("clear counters %q", i)
}
func (d *device) ZeroizeRSA(_ context.Context, l string) error { return d.call("zeroize %q", l) }
func (d *device) WriteStartup(context.Context) error           { return d.call("write") }
func (d *device) EraseStartup(context.Context) error           { return d.call("erase") }
func (d *device) MergeConfig(_ context.Context, text string) error {
	return d.call("merge %d", len(text))
}
func (d *device) SetDirection(_ context.Context, g string, x xfrm.Direction) error {
	return d.call("direction %q %d", g, x)
}
func (d *device) GenerateRSA(_ context.Context, l string, bits int, _, _ bool) error {
	return d.call("generate %q %d", l, bits)
}

// keyboard is a Terminal whose questions are answered by lines; what it prints
// is what a person sees, answers included.
type keyboard struct {
	bytes.Buffer
	answers []string
	session
}

func (k *keyboard) Session() grammar.Session { return &k.session }

func (k *keyboard) Ask(ctx context.Context, prompt string) (string, error) {
	k.WriteString(prompt)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if len(k.answers) == 0 {
		return "", io.EOF
	}
	a := k.answers[0]
	k.answers = k.answers[1:]
	fmt.Fprintln(k, a)
	return a, nil
}

func (k *keyboard) AskSecret(ctx context.Context, p string) (string, error) { return k.Ask(ctx, p) }
func (k *keyboard) Collect(context.Context, func(string) bool) ([]string, error) {
	return nil, io.EOF
}

// session is what terminal commands change.
type session struct {
	level, length, width, history int
	monitor                       bool
	did                           string
	line                          string
}

func (s *session) Level() int           { return s.level }
func (s *session) SetLevel(n int)       { s.level = n }
func (s *session) Configure()           { s.did = "configure" }
func (s *session) Quit()                { s.did = "quit" }
func (s *session) SetLength(n int)      { s.length = n }
func (s *session) SetWidth(n int)       { s.width = n }
func (s *session) Length() int          { return s.length }
func (s *session) Width() int           { return s.width }
func (s *session) SetMonitor(on bool)   { s.monitor = on }
func (s *session) Monitor() bool        { return s.monitor }
func (s *session) History() []string    { return []string{"enable", "show history"} }
func (s *session) SetHistorySize(n int) { s.history = n }
func (s *session) Line() string         { return s.line }
func (s *session) User() string         { return "" }

// enter runs a line and gives what it printed, an error as the last line.
func (k *keyboard) enter(ctx context.Context, d *device, line string) string {
	m, err := Exec(d, d).Parse(line, 15)
	if err == nil {
		err = m.Command.Run(ctx, k, m.Args)
	}
	if err != nil {
		fmt.Fprintln(k, err)
	}
	return k.String()
}

func typed(t testing.TB, d *device, line string, answers ...string) string {
	t.Helper()
	k := &keyboard{answers: answers, session: session{level: 15, line: "console"}}
	return k.enter(context.Background(), d, line)
}

// screen compares with testdata/screen/NAME.txt, byte for byte.
func screen(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "screen", name+".txt")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("%v; the screen is\n%s", err, got)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

func TestExecKeepsTheLaws(t *testing.T) {
	d := &device{}
	for _, err := range grammartest.Check(Exec(d, d), grammartest.Options{}) {
		t.Error(err)
	}
}

// Lines as engineers type them, and what they are short for.
func TestExecAbbreviations(t *testing.T) {
	d := &device{}
	m := Exec(d, d)
	for short, long := range map[string]string{
		"sh cry gdoi gm":             "show crypto gdoi gm",
		"sh cry gdoi ks mem summary": "show crypto gdoi ks members summary",
		"sh cry gkm":                 "show crypto gkm",
		"sh cry isa sa":              "show crypto isakmp sa",
		"sh cry ips sa":              "show crypto ipsec sa",
		"sh run int e0/0":            "show running-config interface Ethernet0/0",
		"sh run":                     "show running-config",
		"sh start":                   "show startup-config",
		"sh ip int br":               "show ip interface brief",
		"sh ip ro":                   "show ip route",
		"sh log":                     "show logging",
		"sh ver":                     "show version",
		"sh cl":                      "show clock",
		"sh deb":                     "show debugging",
		"ping 192.168.33.33 so lo0":  "ping 192.168.33.33 source Loopback0",
		"ping 192.168.33.33 so loopback 0 rep 20": "ping 192.168.33.33 source Loopback0 repeat 20",
		"wr":                                     "write",
		"wr mem":                                 "write memory",
		"wr t":                                   "write terminal",
		"copy run start":                         "copy running-config startup-config",
		"conf t":                                 "configure terminal",
		"en":                                     "enable",
		"disa":                                   "disable",
		"term len 0":                             "terminal length 0",
		"term mon":                               "terminal monitor",
		"u all":                                  "undebug all",
		"un all":                                 "undebug all",
		"no deb all":                             "no debug all",
		"deb cry gdoi gm rek":                    "debug crypto gdoi gm rekey",
		"clear cry gdoi":                         "clear crypto gdoi",
		"cry gdoi gm group 1234 ips dir inb opt": "crypto gdoi gm group 1234 ipsec direction inbound optional",
		"crypto gdoi ks rek rep":                 "crypto gdoi ks rekey replace-now",
		"trace 4.4.4.4 so e0/0":                  "traceroute 4.4.4.4 source Ethernet0/0",
	} {
		a, err := m.Parse(short, 15)
		if err != nil {
			t.Errorf("%q: %v", short, err)
			continue
		}
		b, err := m.Parse(long, 15)
		if err != nil {
			t.Errorf("%q: %v", long, err)
			continue
		}
		if a.Command != b.Command || !cmp.Equal(a.Args, b.Args, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })) {
			t.Errorf("%q is not %q: %v, %v", short, long, a.Args, b.Args)
		}
	}
}

// What acts on keys, files and sessions is for privileged users only.
func TestPrivilege(t *testing.T) {
	d := &device{}
	m := Exec(d, d)
	for line, want := range map[string]bool{
		"enable": true, "ping 1.1.1.1": true, "show version": true, "show crypto gdoi": true, "exit": true, "traceroute 1.1.1.1": true,
		"show running-config": false, "write": false, "clear crypto gdoi": false, "crypto gdoi ks rekey": false, "ping": false,
		"debug crypto isakmp": false, "configure terminal": false, "reload": false, "show crypto isakmp key": false, "show startup-config": false,
	} {
		if _, err := m.Parse(line, userLevel); (err == nil) != want {
			t.Errorf("%q as a user: %v", line, err)
		}
	}
}

// help is what `?` says of the words behind a line.
func TestDirectionHelp(t *testing.T) {
	d := &device{}
	h, err := Exec(d, d).Help("crypto gdoi gm group 1234 ipsec direction inbound ", 15, nil)
	want := grammar.Help{Entries: []grammar.HelpEntry{
		{Word: "only", Help: "IPsec SA will accept both cipher/plain text and will forward the\n               packet in clear."},
		{Word: "optional", Help: "IPsec SA will accept both cipher/plain text and will encrypt the\n                 packet before forwarding it out"},
	}}
	if diff := cmp.Diff(want, h); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestDialogs(t *testing.T) {
	const proceedAll = "% The Key Server and Group Member will destroy created and downloaded policies.\n" +
		"% All Group Members are required to re-register.\n\nAre you sure you want to proceed ? [yes/no]: "
	const removalNow = "% This GM-Removal immediate message will cleanup all GMs downloaded policies\n% This will cause all GMs to re-register.\n" +
		"Are you sure you want to proceed? ? [yes/no]: "
	const policyOnly = "% The Key Server will destroy created policies.\n% All Group Members are required to re-register.\n\nAre you sure you want to proceed ? [yes/no]: "
	const removal = "% This GM-Removal message will shorten all GMs' key lifetimes and cause them to re-register before keys expiry.\n" +
		"Are you sure you want to proceed? ? [yes/no]: "
	for _, c := range []struct {
		line    string
		answers []string
		want    string
		calls   []string
	}{
		{"clear crypto gdoi", []string{"yes"}, proceedAll + "yes\n", []string{`clear gdoi ""`}},
		{"clear crypto gkm group G", []string{"no"}, proceedAll + "no\n", nil},
		{"clear crypto gdoi", []string{"what", "y"}, proceedAll + "what\n% Please answer 'yes' or 'no'.\nAre you sure you want to proceed ? [yes/no]: y\n", []string{`clear gdoi ""`}},
		{"clear crypto gdoi group G ks members", []string{"yes"}, removal + "yes\nSending GM-Removal message to group G...\n", []string{`clear ks "G" 1`}},
		{"clear crypto gdoi ks members now", []string{"yes"}, removalNow + "yes\nSending GM-Removal message to group A...\nSending GM-Removal message to group G...\n", []string{`clear ks "" 2`}},
		{"clear crypto gdoi ks members", []string{"no"}, removal + "no\n", nil},
		{"clear crypto gdoi ks members counters", nil, "", []string{`clear ks "" 6`}},
		{"clear crypto gdoi ks policy", []string{"y"}, policyOnly + "y\n", []string{`clear ks "" 3`}},
		{"clear crypto gdoi group G ks replay", []string{"y"}, policyOnly + "y\n", []string{`clear ks "G" 4`}},
		{"clear crypto gdoi ks replay counter", nil, "", []string{`clear ks "" 5`}},
		{"clear crypto gdoi group G gm", []string{"y"}, "% The Group Member will destroy downloaded policies and re-register.\n\nAre you sure you want to proceed ? [yes/no]: y\n", []string{`clear gm "G"`}},
		{"clear crypto gdoi dataplane counters", nil, "", []string{`clear dataplane ""`}},
		{"clear crypto isakmp", nil, "", []string{"clear isakmp 0"}},
		{"clear crypto isakmp 1002", nil, "", []string{"clear isakmp 1002"}},
		{"clear crypto sa", nil, "", []string{"clear sa"}},
		{"clear crypto session", nil, "", []string{"clear isakmp 0", "clear sa"}},
		{"clear logging", []string{""}, "Clear logging buffer [confirm]\n", []string{"clear logging"}},
		{"clear logging", []string{"n"}, "Clear logging buffer [confirm]n\n", nil},
		{"clear counters", []string{"y"}, "Clear \"show interface\" counters on all interfaces [confirm]y\n", []string{`clear counters ""`}},
		{"clear counters e0/0", []string{""}, "Clear \"show interface\" counters on this interface [confirm]\n", []string{`clear counters "Ethernet0/0"`}},
		{"crypto gdoi ks rekey", nil, "", []string{`rekey "" false`}},
		{"crypto gkm ks rekey group G replace-now", nil, "", []string{`rekey "G" true`}},
		{"crypto gdoi gm group 1234 ipsec direction inbound only", nil, "", []string{`direction "1234" 1`}},
		{"crypto gdoi gm group G ipsec direction both", nil, "", []string{`direction "G" 0`}},
		{"write", nil, "Building configuration...\n[OK]\n", []string{"write"}},
		{"copy running-config startup-config", []string{""}, "Destination filename [startup-config]? \nBuilding configuration...\n[OK]\n", []string{"write"}},
		{"erase startup-config", []string{""}, "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]\n[OK]\nErase of nvram: complete\n", []string{"erase"}},
		{"write erase", []string{"n"}, "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]n\n", nil},
		{"reload", []string{"no", ""}, "System configuration has been modified. Save? [yes/no]: no\nProceed with reload? [confirm]\n", []string{"reload"}},
		{"reload", []string{"yes", "n"}, "System configuration has been modified. Save? [yes/no]: yes\nBuilding configuration...\n[OK]\nProceed with reload? [confirm]n\n", []string{"write"}},
		{"debug crypto gdoi gm rekey detail", nil, "Crypto GDOI Group Member Rekey debugging is on (detail)\n", []string{"debug 0x4 0x8 true"}},
		{"no debug crypto isakmp", nil, "Crypto ISAKMP debugging is off\n", []string{"debug 0x1 0x1f false"}},
		{"undebug all", nil, "All possible debugging has been turned off\n", []string{"debug 0x1fff 0x1f false"}},
	} {
		d := &device{ks: keyserver.Snapshot{Groups: []keyserver.GroupSnapshot{{Config: keyserver.Group{Name: "A"}, HasKEK: true}, {Config: keyserver.Group{Name: "G"}, HasKEK: true}}}, startup: "hostname "}
		if got := typed(t, d, c.line, c.answers...); got != c.want {
			t.Errorf("%s %q:\n%s\nwant\n%s", c.line, c.answers, got, c.want)
		}
		if diff := cmp.Diff(c.calls, d.calls); diff != "" {
			t.Errorf("%s %q: %s", c.line, c.answers, diff)
		}
	}
}

// A failure of the operator is what the user reads, and nothing claims success.
func TestOperatorFails(t *testing.T) {
	for _, line := range []string{"write", "crypto gdoi ks rekey", "clear crypto sa", "clear crypto isakmp", "clear crypto session"} {
		d := &device{fails: errors.New("% it does not work")}
		if got := typed(t, d, line); !strings.HasSuffix(got, "% it does not work\n") || strings.Contains(got, "OK") {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestSessionCommands(t *testing.T) {
	d := &device{}
	for line, want := range map[string]session{
		"terminal length 0":        {level: 15, line: "vty 0"},
		"terminal length 40":       {level: 15, line: "vty 0", length: 40},
		"terminal width 132":       {level: 15, line: "vty 0", width: 132},
		"terminal monitor":         {level: 15, line: "vty 0", monitor: true},
		"terminal history size 50": {level: 15, line: "vty 0", history: 50},
		"disable":                  {level: 1, line: "vty 0"},
		"disable 7":                {level: 7, line: "vty 0"},
		"enable":                   {level: 15, line: "vty 0"},
		"configure terminal":       {level: 15, line: "vty 0", did: "configure"},
		"exit":                     {level: 15, line: "vty 0", did: "quit"},
		"logout":                   {level: 15, line: "vty 0", did: "quit"},
	} {
		k := &keyboard{session: session{level: 15, line: "vty 0"}}
		if got := k.enter(context.Background(), d, line); got != "" || k.session != want {
			t.Errorf("%s: %q, %+v", line, got, k.session)
		}
	}
	for line, want := range map[string]string{
		"show privilege":   "Current privilege level is 15\n",
		"show history":     "  enable\n  show history\n",
		"terminal monitor": "% Console already monitors\n",
	} {
		if got := typed(t, d, line); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
	if got := typed(t, d, "configure", ""); got != "Configuring from terminal, memory, or network [terminal]? \n" {
		t.Errorf("%q", got)
	}
}

// screens is the exec grammar of this file's families: without those that act
// on files, on lines and on the life of a configuration.
func screens(d *device) *grammar.Mode {
	x := &execCommands{view: d, op: d, mode: &grammar.Mode{Name: "exec"}}
	x.session()
	x.probes()
	x.crypto()
	x.clear()
	x.debug()
	x.showSystem()
	x.showIP()
	x.showGDOI()
	x.showCrypto()
	return x.mode
}

func sampleLines(c *grammar.Command) ([]string, error) { return grammartest.Samples(c) }

// No line makes the parser, `?` or a command panic, whatever the device has.
func FuzzExec(f *testing.F) {
	for _, c := range screens(&device{}).Commands {
		lines, err := sampleLines(c)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range lines {
			f.Add(line)
		}
	}
	type one struct {
		d           *device
		all, showed *grammar.Mode
	}
	var devices []one
	for _, d := range []*device{{}, fullDevice()} {
		devices = append(devices, one{d, Exec(d, d), screens(d)})
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, o := range devices {
			d := o.d
			o.all.Parse(line, 15)
			o.all.Help(line, 15, &d.config)
			m, err := o.showed.Parse(line, 15)
			if err != nil {
				continue
			}
			d.sent, d.calls = nil, nil
			ctx, cancel := context.WithCancel(context.Background())
			d.onProbe = func(n int) {
				if n >= 300 {
					cancel()
				}
			}
			k := &keyboard{answers: slices.Repeat([]string{"yes"}, 3), session: session{level: 15}}
			err = m.Command.Run(ctx, k, m.Args)
			if cancel(); err == nil && len(d.sent) > 300 {
				t.Errorf("%q goes on after an interrupt: %d probes", line, len(d.sent))
			}
		}
	})
}
