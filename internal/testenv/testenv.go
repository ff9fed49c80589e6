// Package testenv says what a test may count on. `go test ./...` passes on a
// bare machine: a test that needs more skips with a reason, and under
// COTERIE_TESTS=all, as in continuous integration, that skip is a failure.
package testenv

import (
	"os"
	"os/exec"
	"testing"
)

// All reports that every test must run.
func All() bool { return os.Getenv("COTERIE_TESTS") == "all" }

// Need skips the test unless ok.
func Need(t testing.TB, ok bool, reason string) {
	t.Helper()
	switch {
	case ok:
	case All():
		t.Fatalf("COTERIE_TESTS=all and %s", reason)
	default:
		t.Skip(reason)
	}
}

// Tool finds a program of the host, such as tshark, or skips.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	Need(t, err == nil, name+" is not installed")
	return path
}
