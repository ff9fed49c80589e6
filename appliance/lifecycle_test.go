package appliance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"coterie/appliance"
	"coterie/cli"
	"coterie/internal/env"
	"coterie/modes"
	netvirtual "coterie/netdev/virtual"
	xfrmvirtual "coterie/xfrm/virtual"

	"github.com/google/go-cmp/cmp"
)

// disk is Files in memory that can be full.
type disk struct {
	mu    sync.Mutex
	files map[string][]byte
	full  bool
}

func (d *disk) Read(name string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	data, ok := d.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return bytes.Clone(data), nil
}

func (d *disk) Write(name string, data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return &fs.PathError{Op: "write", Path: "/var/lib/" + name, Err: errors.New("no space left on device")}
	}
	d.files[name] = bytes.Clone(data)
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.files[name]; !ok {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *disk) List() (out []appliance.FileInfo, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, data := range d.files {
		out = append(out, appliance.FileInfo{Name: name, Size: int64(len(data)), Modified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	}
	return out, nil
}

func (d *disk) Space() (total, free int64) { return 1 << 20, 1000 }

// router is a device with a console.
type router struct {
	*appliance.Appliance
	t       *testing.T
	disk    *disk
	console *cli.Session
	reloads atomic.Int32
}

// boot starts a router with one interface.
func boot(t *testing.T, d *disk, text string) *router {
	t.Helper()
	clock := new(env.Clock)
	stack, err := netvirtual.New(netvirtual.Config{Name: "R1", Clock: clock, Rand: rand.Reader,
		Interfaces: []netvirtual.Port{{Name: "Ethernet0/0", MAC: [6]byte{2, 0, 0, 0, 0, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	plane := xfrmvirtual.New(clock, rand.Reader)
	stack.SetTap(plane)
	r := &router{t: t, disk: d}
	r.Appliance, err = appliance.New(appliance.Config{Name: "R1", Stack: stack, Dataplane: plane, Clock: clock,
		Env: env.System(), Files: d, Reload: func() { r.reloads.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Boot(context.Background(), text) {
		t.Logf("line %d %q: %v", e.Number, e.Text, e.Err)
	}
	r.console = r.open("console", "")
	return r
}

func (r *router) open(line, user string) *cli.Session {
	return cli.New(cli.Config{Device: r.Appliance, Line: line, User: user, Level: 15})
}

// close ends the router; its disk stays.
func (r *router) close() {
	r.console.Close()
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
	synctest.Wait()
}

// enter types a line with the answers of its dialog and returns the screen.
func (r *router) enter(line string, answers ...string) string {
	r.t.Helper()
	return enter(r.t, r.console, line, answers...)
}

func enter(t *testing.T, s *cli.Session, line string, answers ...string) string {
	t.Helper()
	var out strings.Builder
	input := cli.Lines(answers)
	s.Execute(context.Background(), line, &out, &input)
	if len(input) > 0 {
		t.Errorf("%s: not asked for %q:\n%s", line, input, out.String())
	}
	return out.String()
}

// want types a line and compares the screen.
func (r *router) want(line, screen string, answers ...string) {
	r.t.Helper()
	if diff := cmp.Diff(screen, r.enter(line, answers...)); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}

// configure types lines in configuration mode.
func (r *router) configure(lines ...string) {
	r.t.Helper()
	for _, line := range slices.Concat([]string{"configure terminal"}, lines, []string{"end"}) {
		if out := r.enter(line); strings.Contains(out, "%") {
			r.t.Errorf("%s: %s", line, out)
		}
	}
}

// has tells whether the running configuration has a line.
func (r *router) has(line string) bool {
	r.t.Helper()
	return strings.Contains(r.enter("show running-config"), "\n"+line+"\n")
}

// logged counts the log lines that contain a text.
func (r *router) logged(text string) (n int) {
	for _, rec := range r.Log().Records {
		if strings.Contains(rec.Text(), text) {
			n++
		}
	}
	return n
}

const configuration = `hostname R1
interface Ethernet0/0
 description WAN
 ip address 10.0.0.1 255.255.255.0
ip access-list extended LIST
 permit ip host 10.0.0.1 any
 permit ip host 10.0.0.2 any
`

func run(t *testing.T, text string, f func(r *router)) {
	synctest.Test(t, func(t *testing.T) {
		r := boot(t, &disk{files: map[string][]byte{}}, text)
		f(r)
		r.close()
	})
}

func TestFiles(t *testing.T) {
	run(t, configuration, func(r *router) {
		running, err := r.ReadFile(modes.RunningConfig)
		if err != nil {
			t.Fatal(err)
		}
		n := len(running)
		copied := fmt.Sprintf("%d bytes copied in 0.001 secs (%d bytes/sec)\n", n, 1000*n)
		r.want("show startup-config", "startup-config is not present\n")
		r.want("dir", "Directory of flash:/\n\nNo files in directory\n\n1048576 bytes total (1000 bytes free)\n")
		r.want("copy running-config flash:one", "Destination filename [one]? \n"+copied, "")
		r.want("copy running-config flash:", "Destination filename [running-config]? two\n"+copied, "two")
		r.want("copy running-config flash:one",
			"Destination filename [one]? \n%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]n\n", "", "n")
		r.want("copy flash:one startup-config", "Destination filename [startup-config]? \n[OK]\n"+copied, "")
		r.want("more flash:one", string(running))
		r.want("show startup-config", fmt.Sprintf("Using %d bytes\n%s", n, running))
		r.want("dir", fmt.Sprintf("Directory of flash:/\n\n    1  -rw-  %10d  Jan 02 2026 03:04:05 +00:00  one\n"+
			"    2  -rw-  %10d  Jan 02 2026 03:04:05 +00:00  two\n\n1048576 bytes total (1000 bytes free)\n", n, n))
		r.want("delete flash:one", "Delete filename [one]? \nDelete flash:one? [confirm]\n", "", "")
		r.want("delete /force two", "")
		r.want("more flash:two", "%Error opening flash:two (No such file or directory)\n")
		r.want("copy flash:two running-config", "Destination filename [running-config]? \n%Error opening flash:two (No such file or directory)\n", "")
		r.want("copy running-config tftp://10.1.1.1/x", "%Error opening tftp://10.1.1.1/x (Invalid device name)\n")
		r.want("more flash:../private-config", "%Error opening flash:../private-config (No such file or directory)\n")
		r.want("more nvram:private-config", "%Error opening nvram:private-config (Permission denied)\n")
		r.want("copy running-config nvram:private-config", "Destination filename [private-config]? \n%Error writing nvram:private-config (Permission denied)\n", "")
		r.want("erase nvram:", "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]\n[OK]\nErase of nvram: complete\n", "")
		r.want("show startup-config", "startup-config is not present\n")
		r.configure("file prompt quiet")
		if out := r.enter("copy running-config flash:three"); !strings.HasSuffix(out, "bytes/sec)\n") || strings.Contains(out, "?") {
			t.Errorf("quiet: %q", out)
		}
	})
}

// A full disk at write memory is said, and the old file stays.
func TestFullDisk(t *testing.T) {
	run(t, configuration, func(r *router) {
		r.want("write memory", "Building configuration...\n[OK]\n")
		r.configure("hostname R9")
		r.disk.full = true
		r.want("write memory", "Building configuration...\n%Error writing nvram:startup-config (No space left on device)\n")
		r.want("copy running-config flash:x", "Destination filename [x]? \n%Error writing flash:x (No space left on device)\n", "")
		if text, ok := r.Startup(); !ok || !strings.Contains(text, "hostname R1\n") {
			t.Errorf("the old file is gone: %q", text)
		}
		if !r.Modified() {
			t.Error("what was not written counts as saved")
		}
	})
}

const warning = "This will apply all necessary additions and deletions\n" +
	"to replace the current running configuration with the\n" +
	"contents of the specified configuration file, which is\n" +
	"assumed to be a complete configuration, not a partial\n" +
	"configuration. Enter Y if you are sure you want to proceed. ? [no]: "

// A configuration whose passwords are shorter than it asks of new ones is one
// that a device may have had, so that it can go back to it.
func TestReplaceShortPassword(t *testing.T) {
	run(t, configuration, func(r *router) {
		r.configure("enable password short", "security passwords min-length 12")
		r.enter("copy running-config flash:short", "")
		r.configure("hostname R9")
		r.want("configure replace flash:short force", "Total number of passes: 1\nRollback Done\n\n")
		if !r.has("hostname R1") || !r.has("enable password short") {
			t.Error("the configuration is not what it was")
		}
	})
}

func TestReplace(t *testing.T) {
	run(t, configuration, func(r *router) {
		r.want("copy running-config startup-config", "Destination filename [startup-config]? \nBuilding configuration...\n[OK]\n", "")
		r.configure("hostname R9", "ip access-list extended LIST", "15 permit ip host 10.0.0.9 any", "no permit ip host 10.0.0.2 any",
			"interface Ethernet0/0", "no description", "interface Loopback5", "ip address 5.5.5.5 255.255.255.255")
		r.want("show archive config differences", `!Contextual Config Diffs:
+hostname R9
+interface Loopback5
 +ip address 5.5.5.5 255.255.255.255
ip access-list extended LIST
 +permit ip host 10.0.0.9 any
-hostname R1
interface Ethernet0/0
 -description WAN
ip access-list extended LIST
 -permit ip host 10.0.0.2 any
`)
		r.want("show archive config incremental-diffs nvram:startup-config", `!List of Commands:
hostname R1
interface Ethernet0/0
 description WAN
ip access-list extended LIST
 20 permit ip host 10.0.0.2 any
end
`)
		r.want("configure replace nvram:startup-config", warning+"\n", "")
		if !r.has("hostname R9") {
			t.Error("replaced without a yes")
		}
		r.want("configure replace nvram:startup-config list", warning+`y
!Pass 1
!List of Commands:
no interface Loopback5
ip access-list extended LIST
 no permit ip host 10.0.0.9 any
hostname R1
interface Ethernet0/0
 description WAN
ip access-list extended LIST
 20 permit ip host 10.0.0.2 any
end

Total number of passes: 1
Rollback Done

`, "y")
		r.want("show archive config differences nvram:startup-config", "!Contextual Config Diffs:\n!No changes were found\n")
		r.want("configure replace nvram:startup-config force", "Total number of passes: 0\nRollback Done\n\n")
		if n := r.logged("%SYS-5-CONFIG_R: Config Replace is Done"); n != 2 {
			t.Errorf("CONFIG_R %d times", n)
		}
		// A text with an error changes nothing.
		r.disk.files["flash/bad"] = []byte("hostname R8\nfoo bar\ninterface Ethernet0/0\n description x\n ip adress 1.1.1.1 255.0.0.0\n")
		r.want("configure replace flash:bad force", "% flash:bad line 2: foo bar\n  % Invalid input detected at '^' marker.\n"+
			"% flash:bad line 5: ip adress 1.1.1.1 255.0.0.0\n  % Invalid input detected at '^' marker.\n"+
			"%The input file is not a valid config file; the running configuration has not been changed\n")
		r.disk.files["flash/empty"] = []byte("!\n!\n")
		r.want("configure replace flash:empty force", "%The input file is not a valid config file; the running configuration has not been changed\n")
		r.want("configure replace flash:none force", "%Error opening flash:none (No such file or directory)\n")
		r.want("show archive config differences", "!Contextual Config Diffs:\n!No changes were found\n")
	})
}

const withArchive = configuration + "archive\n path flash:saved\n maximum 3\n"

func TestRollbackTimer(t *testing.T) {
	const turnOn = "%Turn config archive on before using Rollback Confirmed Change\n"
	run(t, configuration, func(r *router) {
		r.want("configure terminal revert timer 2", turnOn)
		r.want("configure confirm", "%No Rollback Confirmed Change pending\n")
	})
	run(t, withArchive, func(r *router) {
		begin := func(line, file string) {
			t.Helper()
			r.want(line, "Rollback Confirmed Change: Backing up current running config to "+file+
				"\n\nEnter configuration commands, one per line.  End with CNTL/Z.\n")
		}
		change := func() {
			r.enter("hostname R9")
			r.enter("end")
		}
		// Nobody confirms.
		begin("configure terminal revert timer 3", "flash:saved-1")
		since := r.Now().UTC().Format("15:04:05 UTC Mon Jan 2 2006")
		change()
		r.want("show archive config rollback timer", "Time configured(or reconfigured): "+since+"\nTimer type: absolute timer\nTimer value: 3 min\nUser: console\n")
		time.Sleep(2*time.Minute - time.Second)
		if !r.has("hostname R9") || r.logged("WARNING_ABSTIMER") != 0 {
			t.Error("gone back early")
		}
		time.Sleep(2 * time.Second)
		if r.logged("%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_WARNING_ABSTIMER: System will rollback to config flash:saved-1 in one minute.") != 1 {
			t.Error("no warning")
		}
		time.Sleep(time.Minute)
		if !r.has("hostname R1") || r.logged("%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_ROLLBACK_START: Start rolling to: flash:saved-1") != 1 {
			t.Error("not gone back")
		}
		// Somebody does.
		begin("configure terminal revert timer 1", "flash:saved-2")
		change()
		r.want("configure confirm", "")
		time.Sleep(time.Hour)
		if !r.has("hostname R9") || r.logged("%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_CONFIRM: User: console: Confirm the configuration change") != 1 {
			t.Error("gone back after a confirmation")
		}
		// Back at once.
		begin("configure terminal revert timer 1", "flash:saved-3")
		r.enter("hostname R10")
		r.enter("end")
		r.want("configure revert now", "Rollback Confirmed Change: Rolling to:flash:saved-3\n\nTotal number of passes: 1\nRollback Done\n\n")
		if !r.has("hostname R9") {
			t.Error("not gone back at once")
		}
		// An idle timer starts anew with each line; the time can be changed.
		begin("configure terminal revert idle 2", "flash:saved-4")
		for range 5 {
			time.Sleep(time.Minute + 50*time.Second)
			r.enter("ip domain name example.net")
		}
		r.enter("end")
		r.want("configure revert timer 10", "")
		time.Sleep(9 * time.Minute)
		if !r.has("ip domain name example.net") {
			t.Error("gone back while a line came in time")
		}
		time.Sleep(2 * time.Minute)
		if r.has("ip domain name example.net") {
			t.Error("not gone back")
		}
		r.want("show archive config rollback timer", "%No Rollback Confirmed Change pending\n")
		// A replacement that has to be confirmed.
		r.disk.files["flash/new"] = []byte(withArchive + "ip domain name new.example\n")
		r.want("configure replace flash:new force revert trigger error timer 5",
			"Rollback Confirmed Change: Backing up current running config to flash:saved-5\nTotal number of passes: 1\nRollback Done\n\n")
		if !r.has("ip domain name new.example") {
			t.Error("not replaced")
		}
		time.Sleep(6 * time.Minute)
		if r.has("ip domain name new.example") {
			t.Error("the replacement stays without a confirmation")
		}
		// One that fails leaves nothing pending.
		r.disk.files["flash/bad"] = []byte("foo\n")
		r.enter("configure replace flash:bad force time 5")
		if _, ok := r.PendingRollback(); ok {
			t.Error("a rollback is pending after a replacement that was refused")
		}
	})
}

func TestArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{files: map[string][]byte{}}
		r := boot(t, d, configuration)
		r.want("show archive", "Archive feature not enabled\n")
		r.want("archive config", "%Archive feature not enabled\n")
		r.configure("archive", "path flash:$h-cfg", "maximum 3", "write-memory")
		r.want("archive config", "")
		r.want("show archive", "The maximum archive configurations allowed is 3.\nThere are currently 1 archive configurations saved.\n"+
			"The next archive file will be named flash:R1-cfg-2\n Archive #  Name\n   1        flash:R1-cfg-1 <- Most Recent\n   2        \n   3        \n")
		for range 3 {
			r.enter("write memory")
		}
		r.want("write memory", "Building configuration...\n[OK]\n")
		screen := "The maximum archive configurations allowed is 3.\nThere are currently 3 archive configurations saved.\n" +
			"The next archive file will be named flash:R1-cfg-6\n Archive #  Name\n   1        flash:R1-cfg-3\n   2        flash:R1-cfg-4\n   3        flash:R1-cfg-5 <- Most Recent\n"
		r.want("show archive", screen)
		if out := r.enter("dir flash:"); strings.Contains(out, "R1-cfg-2") || !strings.Contains(out, "R1-cfg-5") {
			t.Errorf("files:\n%s", out)
		}
		// The copies outlive the device.
		r.close()
		r = boot(t, d, "")
		r.want("show archive", screen)
		r.configure("archive", "time-period 60", "maximum 14")
		time.Sleep(3*time.Hour + time.Second)
		if s := r.Archive(); len(s.Files) != 6 {
			t.Errorf("%d copies after three hours", len(s.Files))
		}
		d.full = true
		r.want("archive config", "%Error writing flash:R1-cfg-9 (No space left on device)\n")
		time.Sleep(time.Hour)
		if r.logged("%ARCHIVE-4-ARCHIVE_FAILED") != 1 || len(r.Archive().Files) != 6 {
			t.Error("a copy that failed counts, or is not said")
		}
		r.want("show archive config differences flash:R1-cfg-3 flash:R1-cfg-8",
			"!Contextual Config Diffs:\narchive\n +maximum 14\n +time-period 60\narchive\n -maximum 3\n")
		r.close()
	})
}

func TestConfigLog(t *testing.T) {
	run(t, configuration, func(r *router) {
		r.configure("archive", "log config", "logging enable", "logging size 5", "notify syslog")
		bob := r.open("vty 0", "bob")
		for _, line := range []string{"configure terminal", "int e0/0", "desc two", "no shut", "crypto isakmp key SECRETWORD address 10.1.1.1", "do show clock", "foo", "end"} {
			enter(t, bob, line)
		}
		bob.Close()
		r.want("show archive log config all", ` idx   sess           user@line      Logged command
    3     1        console@console  |  notify syslog contenttype plaintext
    4     2            bob@vty0     |interface Ethernet0/0
    5     2            bob@vty0     | description two
    6     2            bob@vty0     | no shutdown
    7     2            bob@vty0     |crypto isakmp key ***** address 10.1.1.1
`)
		if r.logged("%PARSER-5-CFGLOG_LOGGEDCMD: User:bob  logged command:interface Ethernet0/0") != 1 || r.logged("SECRETWORD") != 0 {
			t.Error("syslog")
		}
		r.configure("no archive")
		r.want("show archive log config all", " idx   sess           user@line      Logged command\n")
	})
}

func TestReload(t *testing.T) {
	run(t, configuration, func(r *router) {
		r.want("reload", "Proceed with reload? [confirm]n\n", "n")
		r.want("reload", "Proceed with reload? [confirm]\n", "")
		if r.reloads.Load() != 1 || r.logged("%SYS-5-RELOAD: Reload requested by console. Reload Reason: Reload Command.") != 1 {
			t.Errorf("reloaded %d times", r.reloads.Load())
		}
		r.configure("hostname R9")
		r.want("reload", "System configuration has been modified. Save? [yes/no]: no\nProceed with reload? [confirm]n\n", "no", "n")
		r.want("reload", "System configuration has been modified. Save? [yes/no]: yes\nBuilding configuration...\n[OK]\nProceed with reload? [confirm]n\n", "yes", "n")
		r.want("show reload", "No reload is scheduled.\n")
		r.want("reload cancel", "%No reload is scheduled.\n")
		r.want("reload in 10 new image", "Reload scheduled in 10 minutes by console\nReload reason: new image\nProceed with reload? [confirm]\n", "")
		time.Sleep(5*time.Minute + 48*time.Second)
		r.want("show reload", "Reload scheduled in 4 minutes and 12 seconds by console\nReload reason: new image\n")
		r.want("reload cancel", "")
		if r.logged("%SYS-5-SCHEDULED_RELOAD: Reload requested for ") != 1 || r.logged("%SYS-5-SCHEDULED_RELOAD_CANCELLED:  Scheduled reload cancelled at ") != 1 {
			t.Error("schedule and cancellation are not logged")
		}
		time.Sleep(time.Hour)
		if r.reloads.Load() != 1 {
			t.Error("a cancelled reload takes place")
		}
		// At a time of day: tomorrow, when it is over for today.
		at := r.Now().UTC().Add(-time.Hour)
		out := r.enter(fmt.Sprintf("reload at %02d:%02d", at.Hour(), at.Minute()), "")
		if want := at.Add(24 * time.Hour).Format("Reload scheduled for 15:04:00 UTC Mon Jan 2 2006 (in 2"); !strings.HasPrefix(out, want) {
			t.Errorf("%s, want %s", out, want)
		}
		time.Sleep(23*time.Hour + time.Minute)
		if r.reloads.Load() != 2 {
			t.Errorf("reloaded %d times", r.reloads.Load())
		}
		r.want("show reload", "No reload is scheduled.\n")
	})
}

func TestConfigurationLock(t *testing.T) {
	run(t, configuration, func(r *router) {
		bob := r.open("vty 0", "bob")
		defer bob.Close()
		const entered = "Enter configuration commands, one per line.  End with CNTL/Z.\n"
		if out := enter(t, bob, "configure terminal lock"); out != entered {
			t.Errorf("%q", out)
		}
		const locked = "Configuration mode is locked by process '3' user 'bob' from terminal '2'. Please try later.\n"
		if out := r.enter("configure terminal"); !strings.HasSuffix(out, locked) {
			t.Errorf("%q", out)
		}
		enter(t, bob, "configuration mode exclusive auto")
		enter(t, bob, "end")
		r.want("configure terminal", entered)
		if out := enter(t, bob, "configure terminal"); !strings.Contains(out, "is locked by process '3' user 'unknown' from terminal '0'") {
			t.Errorf("%q", out)
		}
		r.enter("end")
		if out := enter(t, bob, "configure terminal"); out != entered {
			t.Errorf("%q", out)
		}
	})
}

// A configuration with errors: where they are is said, what is wrong with the
// text is not, the rest applies and the boot goes on.
func TestBootWithErrors(t *testing.T) {
	run(t, "hostname R7\ncrypto isakmp key SECRETWORD adress 1.1.1.1\nip\ninterface Ethernet0/0\n  description after\n", func(r *router) {
		if !r.has("hostname R7") || !r.has(" description after") {
			t.Error("the rest does not apply")
		}
		for _, want := range []string{
			"%PARSER-3-BAD_LINE: startup-config:2: invalid input in column 32; the rest of the configuration applies",
			"%PARSER-3-BAD_LINE: startup-config:3: incomplete command; the rest of the configuration applies",
		} {
			if r.logged(want) != 1 {
				t.Errorf("no %s\n%s", want, r.enter("show logging"))
			}
		}
		if r.logged("SECRETWORD") != 0 {
			t.Error("the log holds a secret")
		}
	})
}
