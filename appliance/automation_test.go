package appliance

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scrapli/scrapligo/driver/network"
	"github.com/scrapli/scrapligo/driver/options"
	"github.com/scrapli/scrapligo/platform"

	"coterie/internal/testenv"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// The tools that operators have drive the device as they drive a router: with
// their drivers for IOS, and no option that a router would not need.

const keyServerFile = "testdata/key-server.cfg"

// keyServerLines are what the tools send.
func keyServerLines(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(keyServerFile)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// keyServerSections are the sections of a configuration that the file is about.
func keyServerSections(t *testing.T, config string) string {
	t.Helper()
	tree := new(runningconfig.Config)
	for _, e := range modes.Load(tree, config) {
		t.Errorf("line %d %q: %v", e.Number, e.Text, e.Err)
	}
	only := &runningconfig.Config{
		ISAKMP: tree.ISAKMP, TransformSets: tree.TransformSets, IPsecProfiles: tree.IPsecProfiles,
		Groups: tree.Groups, Interfaces: tree.Interfaces, AccessLists: tree.AccessLists,
	}
	var b strings.Builder
	if err := modes.Print(&b, only, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// arrived checks that a tool's work is in force, read back and saved.
func arrived(t *testing.T, d *remoteDevice, readBack string) {
	t.Helper()
	want := keyServerSections(t, strings.Join(keyServerLines(t), "\n"))
	saved, _ := d.Startup()
	for what, got := range map[string]string{"the configuration that was read back": readBack, "startup-config": saved} {
		if got := keyServerSections(t, got); got != want {
			t.Errorf("%s has\n%s\nwant\n%s", what, got, want)
		}
	}
}

func TestScrapli(t *testing.T) {
	d := serveSSH(t, adminText)
	host, text, _ := net.SplitHostPort(d.await(t))
	port, _ := strconv.Atoi(text)
	p, err := platform.NewPlatform("cisco_iosxe", host,
		options.WithPort(port), options.WithAuthNoStrictKey(), options.WithTransportType("standard"),
		options.WithAuthUsername("admin"), options.WithAuthPassword("admin-password"), options.WithAuthSecondary("enabled-here"))
	if err != nil {
		t.Fatal(err)
	}
	var c *network.Driver
	if c, err = p.GetNetworkDriver(); err != nil {
		t.Fatal(err)
	}
	if err := c.Open(); err != nil {
		t.Fatalf("open: %v", err)
	}
	closed := false
	defer func() {
		if !closed {
			c.Close()
		}
	}()
	if prompt, err := c.GetPrompt(); err != nil || prompt != "KS1#" {
		t.Errorf("prompt %q %v", prompt, err)
	}
	sent, err := c.SendConfigs(keyServerLines(t))
	if err != nil {
		t.Fatalf("send configuration: %v", err)
	}
	if sent.Failed != nil {
		t.Errorf("refused: %v\n%s", sent.Failed, sent.JoinedResult())
	}
	if r, err := c.SendCommand("show bogus"); err != nil || r.Failed == nil {
		t.Errorf("a wrong command: %v, failed %v", err, r)
	}
	running, err := c.SendCommand("show running-config")
	if err != nil || running.Failed != nil {
		t.Fatalf("show running-config: %v %v", err, running)
	}
	if r, err := c.SendCommand("write memory"); err != nil || !strings.Contains(r.Result, "[OK]") {
		t.Errorf("write memory: %v", err)
	}
	_, config, _ := strings.Cut(running.Result, "bytes\n")
	arrived(t, d, config)
	closed = true
	if err := c.Close(); err != nil && !errors.Is(err, io.EOF) { // EOF: `exit` was quicker than the driver
		t.Errorf("close: %v", err)
	}
}

func TestNetmiko(t *testing.T) {
	const python = "/usr/bin/python3"
	testenv.Need(t, exec.Command(python, "-W", "ignore", "-c", "import netmiko").Run() == nil, "netmiko is not installed (Debian: python3-netmiko)")
	d := serveSSH(t, adminText)
	host, port, _ := net.SplitHostPort(d.await(t))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, err := exec.CommandContext(ctx, python, "-W", "ignore", "testdata/push_with_netmiko.py", host, port, "enabled-here", keyServerFile).CombinedOutput()
	out := string(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"prompt KS1>\nprompt KS1#\nrefused []\nprompt KS1#\nbad True\n", "saved True\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	_, config, _ := strings.Cut(out, "bytes\n")
	config, _, _ = strings.Cut(config, "end of running-config")
	arrived(t, d, config)
}
