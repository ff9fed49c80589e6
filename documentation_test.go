package coterie

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityPage: every test that docs/security.md names exists, and every
// row names one.
func TestSecurityPage(t *testing.T) {
	there := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				there[fn.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		names := name.FindAllStringSubmatch(line, -1)
		for _, n := range names {
			if !there[n[1]] {
				t.Errorf("docs/security.md names %s, which does not exist", n[1])
			}
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| what goes wrong") {
			continue
		}
		if rows++; len(names) == 0 {
			t.Errorf("nothing shows %q", line)
		}
	}
	if rows < 30 {
		t.Errorf("only %d rows", rows)
	}
}
