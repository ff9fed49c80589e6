package lab

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// documented is a command of an indented block: "    R1(config)# crypto ...".
var documented = regexp.MustCompile(`(?m)^ {4,}(R\d)(?:\([^)]*\))?# (.*)$`)

// TestDocumentedProcedures holds the pages of procedures to what the scenarios
// play: every command that they show is typed in one, and every scenario that
// they name exists.
func TestDocumentedProcedures(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := make(map[string]bool)
	names := make(map[string]bool)
	for _, file := range files {
		names[strings.TrimSuffix(filepath.Base(file), ".txtar")] = true
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Files {
			if f.Name != "script" {
				continue
			}
			for line := range strings.Lines(string(f.Data)) {
				if m := prompted.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
					played[m[1]+"# "+strings.TrimSpace(m[2])] = true
				}
			}
		}
	}
	var text []byte
	for _, page := range []string{"key-servers", "certificates"} {
		data, err := os.ReadFile("../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, data...)
	}
	shown := documented.FindAllStringSubmatch(string(text), -1)
	if len(shown) < 40 {
		t.Fatalf("only %d commands found", len(shown))
	}
	for _, m := range shown {
		if !played[m[1]+"# "+m[2]] {
			t.Errorf("no scenario types %s# %s", m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^## .*\(([a-z0-9, -]+)\)$`).FindAllStringSubmatch(string(text), -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			if !names[name] {
				t.Errorf("there is no scenario %s", name)
			}
		}
	}
}
