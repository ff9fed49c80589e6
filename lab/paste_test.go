package lab_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"coterie/cli"
	"coterie/lab"
)

// emptyNodes are two routers that know nothing.
const emptyNodes = `
name: empty
topology:
  nodes:
    A: { startup-config: A.cfg }
    B: { startup-config: B.cfg }
  links:
    - endpoints: ["A:eth1", "B:eth1"]
`

// TestPaste types real configurations into an empty router line by line, as a
// paste does: nothing is refused; what it then prints, pasted into another
// empty router, gives the same running-config.
func TestPaste(t *testing.T) {
	files, err := filepath.Glob("testdata/paste/*.cfg")
	if err != nil || len(files) < 2 {
		t.Fatalf("pastes: %v %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			topology, err := lab.Load(fstest.MapFS{
				"topology.clab.yml": {Data: []byte(emptyNodes)}, "A.cfg": {Data: []byte("!\n")}, "B.cfg": {Data: []byte("!\n")},
			})
			if err != nil {
				t.Fatal(err)
			}
			l, err := lab.New(topology, lab.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if err := l.Boot(context.Background()); err != nil {
				t.Fatal(err)
			}
			first := running(t, l, "A", string(text))
			second := running(t, l, "B", first)
			if first != second {
				t.Errorf("pasted again it differs:\n%s\n--- second\n%s", first, second)
			}
		})
	}
}

// running pastes text into a router and returns its running-config, header
// lines aside.
func running(t *testing.T, l *lab.Lab, node, text string) string {
	t.Helper()
	s := cli.New(cli.Config{Device: l.Node(node).Appliance(), Level: 15})
	defer s.Close()
	var rest cli.Lines // of a block
	do := func(line string) string {
		var out bytes.Buffer
		if err := s.Execute(context.Background(), line, &out, &rest); err != nil {
			t.Errorf("%s %q: %v", s.Prompt(), line, err)
		}
		for l := range strings.Lines(out.String()) {
			if strings.HasPrefix(l, "%") && !strings.HasPrefix(l, "% NOTE") {
				t.Errorf("%q answers %q", line, l)
			}
		}
		return out.String()
	}
	do("configure terminal")
	rest = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for len(rest) > 0 {
		line, _ := rest.NextLine()
		if strings.TrimSpace(line) != "end" {
			do(line)
		}
	}
	do("end")
	_, config, ok := strings.Cut(do("show running-config"), " bytes\n")
	if !ok {
		t.Fatal("show running-config has no header")
	}
	return config
}
