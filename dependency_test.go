package coterie

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// floors orders the rooms of docs/architecture.md: an import goes down.
var floors = []string{"cmd", "lab", "appliance", "modes", "coop", "gdoi", "xfrm", "crypto", "cli|running-config|netdev|internal"}

func floor(room string) int {
	for i, names := range floors {
		for name := range strings.SplitSeq(names, "|") {
			if room == name {
				return len(floors) - i
			}
		}
	}
	return -1
}

// keepers names the only packages that may import a library.
var keepers = map[string][]string{
	"github.com/chzyer/readline":        {"cli/term"},
	"github.com/olekukonko/tablewriter": {"cli/show"},
	"github.com/vishvananda/netlink":    {"netdev/linux", "xfrm/kernel", "xfrm/user"},
	"gvisor.dev/gvisor":                 {"netdev/virtual"},
	"go.etcd.io/bbolt":                  {"internal/store"},
	"golang.org/x/crypto/ssh":           {"cli/sshd"},
	"filippo.io/bigmod":                 {"crypto/suite"},
	"gopkg.in/yaml.v3":                  {"lab"},
	"github.com/google/btree":           {"gdoi/keyserver"},
	"os/exec":                           {"internal/testenv"}, // no program is started: what a peer sends reaches no shell
}

// forbidden names what a package may not import, and why.
var forbidden = []struct{ in, path, why string }{
	{"crypto", "coterie/cli", "engines do not know the shell"},
	{"crypto", "coterie/running-config", "engines are configured by values"},
	{"crypto", "coterie/netdev", "engines do no I/O"},
	{"gdoi", "coterie/cli", "engines do not know the shell"},
	{"gdoi", "coterie/running-config", "engines are configured by values"},
	{"gdoi", "coterie/netdev", "engines do no I/O"},
	{"cli", "coterie/crypto", "the shell does not know the engines"},
	{"cli", "coterie/gdoi", "the shell does not know the engines"},
	{"cli", "coterie/running-config", "the shell does not know the tree"},
	{"cli", "coterie/netdev", "the shell does not know the network"},
	{"running-config", "coterie/cli", "the tree does not know its syntax"},
	{"netdev", "coterie/cli", "the network does not know the shell"},
	{"netdev", "coterie/running-config", "the network is configured by values"},
	{"internal", "coterie/cli", "the ground floor knows nobody"},
	{"internal", "coterie/running-config", "the ground floor knows nobody"},
	{"internal", "coterie/netdev", "the ground floor knows nobody"},
}

// cores are the pure machines: no I/O, no clock, no goroutine, no global
// random source.
var cores = []string{"crypto/isakmp", "crypto/pki", "crypto/suite", "gdoi", "coop", "xfrm/esp"}

var impureImports = map[string]bool{"net": true, "os": true, "math/rand": true, "math/rand/v2": true, "crypto/rand": true, "syscall": true, "context": true}

var impureCalls = map[string]bool{"time.Now": true, "time.After": true, "time.AfterFunc": true, "time.NewTimer": true, "time.Sleep": true, "time.Since": true, "time.Tick": true, "time.NewTicker": true}

func within(dir, room string) bool { return dir == room || strings.HasPrefix(dir, room+"/") }

func TestDirectImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		if strings.HasSuffix(path, "_test.go") {
			return checkSkips(t, path)
		}
		files++
		dir := filepath.ToSlash(filepath.Dir(path))
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			checkImport(t, path, dir, p)
		}
		for _, core := range cores {
			if within(dir, core) {
				checkPure(t, fset, f)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 30 {
		t.Fatalf("only %d files seen: the walk is broken", files)
	}
}

func checkImport(t *testing.T, path, dir, p string) {
	t.Helper()
	for library, rooms := range keepers {
		if p != library && !strings.HasPrefix(p, library+"/") {
			continue
		}
		allowed := false
		for _, r := range rooms {
			allowed = allowed || within(dir, r)
		}
		if !allowed {
			t.Errorf("%s imports %s, which belongs to %v", path, p, rooms)
		}
	}
	for _, f := range forbidden {
		if within(dir, f.in) && (p == f.path || strings.HasPrefix(p, f.path+"/")) {
			t.Errorf("%s imports %s: %s", path, p, f.why)
		}
	}
	inner, ok := strings.CutPrefix(p, "coterie/")
	if !ok {
		return
	}
	from, to := strings.Split(dir, "/")[0], strings.Split(inner, "/")[0]
	if from == to || dir == "." {
		return
	}
	if floor(from) < 0 || floor(to) < 0 {
		t.Errorf("%s imports %s: a room that has no floor", path, p)
	} else if floor(from) < floor(to) || floor(from) == floor(to) && to != "internal" {
		t.Errorf("%s imports %s: imports go down", path, p)
	}
}

func checkPure(t *testing.T, fset *token.FileSet, f *ast.File) {
	t.Helper()
	for _, spec := range f.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); impureImports[p] {
			t.Errorf("%s: a core imports %s", fset.Position(spec.Pos()), p)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: a core starts a goroutine", fset.Position(n.Pos()))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && impureCalls[x.Name+"."+n.Sel.Name] {
				t.Errorf("%s: a core calls %s.%s", fset.Position(n.Pos()), x.Name, n.Sel.Name)
			}
		}
		return true
	})
}

// checkSkips: a test skips through internal/testenv only, which turns the skip
// into a failure where every test must run.
func checkSkips(t *testing.T, path string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			if s, ok := c.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Skip" || s.Sel.Name == "Skipf" || s.Sel.Name == "SkipNow") {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "b" || x.Name == "f" || x.Name == "tb") {
					t.Errorf("%s: skip through internal/testenv", fset.Position(n.Pos()))
				}
			}
		}
		return true
	})
	return nil
}

// TestFormatted: every file is as gofmt prints it.
func TestFormatted(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		formatted, err := format.Source(source)
		if err != nil {
			return err
		}
		if !bytes.Equal(source, formatted) {
			t.Errorf("%s is not formatted", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
