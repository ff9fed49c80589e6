package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// coreChild makes TestNoCore the process that is looked at.
const coreChild = "COTERIE_CORE_CHILD"

// TestNoCore: a `coterie run` leaves no core file, from before it has read
// anything on.
func TestNoCore(t *testing.T) {
	if os.Getenv(coreChild) != "" {
		runWithoutCore(t)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestNoCore$")
	c.Env = append(os.Environ(), coreChild+"=yes")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var limit []string
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok {
			limit = strings.Fields(rest)
		}
	}
	if len(limit) < 2 || limit[0] != "0" || limit[1] != "0" || !strings.Contains(string(out), "dumpable 0\n") {
		t.Errorf("Max core file size %v\n%s", limit, out)
	}
}

// runWithoutCore starts a device whose configuration is not there, in a process
// that could leave a core file, and shows what is left of that.
func runWithoutCore(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	before.Cur = before.Max
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &before); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if status := dispatch(t.Context(), []string{"run", "-state", dir, "-config", filepath.Join(dir, "none")}, os.Stdin, os.Stdout, os.Stderr); status != exitFailed {
		t.Errorf("status %d", status)
	}
	limits, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Printf("%sdumpable %d\n", limits, dumpable)
	if err != nil {
		t.Fatal(err)
	}
}
