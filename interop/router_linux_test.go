package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"coterie/internal/testenv"
)

// program is the real one, built once.
var program struct {
	once sync.Once
	dir  string
	out  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program.dir != "" {
		os.RemoveAll(program.dir)
	}
	os.Exit(code)
}

func build(t testing.TB) string {
	t.Helper()
	goTool := testenv.Tool(t, "go")
	program.once.Do(func() {
		if program.dir, program.err = os.MkdirTemp("", "coterie-interop-"); program.err != nil {
			return
		}
		cmd := exec.Command(goTool, "build", "-o", program.dir, "coterie/cmd/coterie")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		program.out, program.err = string(out), err
	})
	if program.err != nil {
		t.Fatalf("build: %v\n%s", program.err, program.out)
	}
	return filepath.Join(program.dir, "coterie")
}

// router is `coterie run` on a host.
type router struct {
	*process
	t     testing.TB
	state string
}

// newRouter boots a router and waits until its n wires carry.
func newRouter(t testing.TB, h *host, config string, n int) *router {
	t.Helper()
	program := build(t)
	dir := t.TempDir()
	r := &router{t: t, state: filepath.Join(dir, "state")}
	r.process = start(t, h.command(program, "run", "-config", write(t, filepath.Join(dir, "startup.cfg"), config), "-state", r.state))
	r.await(t, "runs; its console", 1)
	if strings.Contains(r.String(), "% Invalid input") || strings.Contains(r.String(), "% Incomplete") {
		t.Fatalf("the configuration:\n%s", r)
	}
	r.await(t, "Line protocol on Interface Ethernet0/", n)
	return r
}

// console types lines at the console; the last answer is complete when it
// returns.
func (r *router) console(lines ...string) string {
	r.t.Helper()
	return must(r.t, exec.Command(build(r.t), "console", "-state", r.state), append(append([]string{"enable"}, lines...), "exit")...)
}
