package appliance

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"coterie/internal/testenv"
)

// TestPasteBesideVtysh gives the same lines to FRR, as a file to vtysh, and to
// us, as a paste over SSH with echo, in one run: ours must be faster. FRR's
// zebra runs in a network namespace of its own.
func TestPasteBesideVtysh(t *testing.T) {
	const lines = 1000
	const zebra = "/usr/lib/frr/zebra"
	_, err := os.Stat(zebra)
	testenv.Need(t, os.Geteuid() == 0 && err == nil, "FRR is not installed (Debian: frr), or this is not root")
	vtysh := testenv.Tool(t, "vtysh")
	frr, err := user.Lookup("frr")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "frr") // where the user frr may go
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	uid, _ := strconv.Atoi(frr.Uid)
	gid, _ := strconv.Atoi(frr.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(zebra, "-f", os.DevNull, "-i", dir+"/pid", "-z", dir+"/api", "--vty_socket", dir, "-A", "127.0.0.1", "-P", "0")
	daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Process.Kill(); daemon.Wait() })
	tick, end := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for {
		if _, err := os.Stat(dir + "/zebra.vty"); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("zebra does not come up")
		}
	}
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "access-list PASTE seq %d permit 10.%d.%d.%d/32\n", i+1, i>>16&255, i>>8&255, i&255)
	}
	file := filepath.Join(dir, "lines")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if out, err := exec.Command(vtysh, "--vty_socket", dir, "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("vtysh: %v\n%s", err, out)
	}
	theirs := time.Since(began)

	d := serveSSH(t, adminText)
	address := d.await(t)
	began = time.Now()
	paste(t, d, address, pasted(lines))
	ours := time.Since(began)
	if n := len(d.Config().AccessLists[0].Entries); n != lines {
		t.Fatalf("%d entries of %d", n, lines)
	}
	t.Logf("%d lines: vtysh -f %v, a paste over SSH %v, ratio %.1f", lines, theirs.Round(time.Millisecond), ours.Round(time.Millisecond), theirs.Seconds()/ours.Seconds())
	if ours > theirs {
		t.Errorf("a paste takes %v, vtysh %v", ours, theirs)
	}
}
