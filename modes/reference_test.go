package modes

import (
	"bytes"
	options "flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"coterie/cli/grammar"
)

// With -update the command reference is written instead of compared:
//
//	go test ./modes -run TestCommandReference -update
var update = options.Bool("update", false, "write docs/commands.md")

const referenceFile = "../docs/commands.md"

// reference is docs/commands.md: every command of every mode.
func reference() []byte {
	var b bytes.Buffer
	b.WriteString("# Commands\n\nGenerated from the grammar: do not edit, run `go test ./modes -run TestCommandReference -update`.\n\n" +
		"`{a | b}` is a choice, `[x]` may be left out, words in capitals and `<1-9>` are values. Every configuration line may\n" +
		"be preceded by `no` and by `default`. The number is the privilege level that a line takes; a line marked * is kept in\n" +
		"the configuration and has no effect here.\n")
	d := &device{}
	for _, m := range append(catalogue(Exec(d, d)), catalogue(reading().global)...) {
		fmt.Fprintf(&b, "\n## %s\n\n", m.mode.Name)
		if len(m.path) > 1 {
			fmt.Fprintf(&b, "Entered from %s by `%s`.\n\n", m.path[len(m.path)-2].Name, entering(m))
		}
		b.WriteString("| level | line |\n| --- | --- |\n")
		for _, c := range m.commands {
			star := ""
			if c.NoEffect {
				star = " *"
			}
			fmt.Fprintf(&b, "| %d%s | `%s` |\n", declaredLevel(m.mode, c), star, strings.ReplaceAll(grammar.Syntax(c.Syntax), "|", "\\|"))
		}
	}
	return b.Bytes()
}

// entering is the line that opens a mode.
func entering(m declared) string {
	for _, c := range m.path[len(m.path)-2].Commands {
		if c.Enter == m.mode {
			return grammar.Syntax(c.Syntax)
		}
	}
	return ""
}

// The reference says what the grammar says.
func TestCommandReference(t *testing.T) {
	want := reference()
	if *update {
		if err := os.WriteFile(referenceFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		have := map[string]bool{}
		for line := range strings.Lines(string(got)) {
			have[line] = true
		}
		for line := range strings.Lines(string(want)) {
			if !have[line] {
				t.Errorf("docs/commands.md lacks %s", strings.TrimSpace(line))
			}
			delete(have, line)
		}
		t.Errorf("docs/commands.md is not current: go test ./modes -run TestCommandReference -update")
	}
}

// A line whose value no engine reads says so, and only that line: a lifetime in
// seconds is that of a group's keys, a length of packets that of `ip mtu`.
func TestWithoutEffect(t *testing.T) {
	for _, c := range []struct{ under, without, with string }{
		{"interface Ethernet0/0", "ip access-group A in", "ip address 10.0.0.1 255.255.255.0"},
		{"interface Ethernet0/0", "no ip access-group A out", "crypto map M"},
		{"interface Ethernet0/0", "mtu 1400", "ip mtu 1400"},
		{"interface Ethernet0/0", "ip tcp adjust-mss 1360", "shutdown"},
		{"interface Ethernet0/0", "load-interval 30", "bandwidth 1000"},
		{"interface Ethernet0/0", "duplex full", "delay 10"},
		{"interface Ethernet0/0", "speed 100", "description x"},
		{"crypto gdoi group G\nserver local\nsa ipsec 1", "tag cts sgt", "replay time window-size 5"},
		{"crypto ipsec profile P", "set pfs group14", "set transform-set T"},
		{"crypto ipsec profile P", "set isakmp-profile P", "description x"},
		{"crypto ipsec profile P", "set security-association replay disable", "set security-association lifetime days 1"},
		{"crypto ipsec profile P", "set security-association replay window-size 512", "set security-association lifetime seconds 900"},
		{"crypto ipsec profile P", "set security-association lifetime kilobytes 100000", "no set security-association lifetime seconds"},
		{"hostname R1", "crypto ipsec security-association lifetime kilobytes disable", "crypto ipsec security-association lifetime seconds 900"},
	} {
		console := newConsole(t)
		for line := range strings.Lines(c.under) {
			console.typed(strings.TrimSpace(line))
		}
		for line, want := range map[string]bool{c.without: true, c.with: false} {
			r, err := console.stack.Resolve(line, 15, console.tree)
			if err != nil {
				t.Errorf("%q: %v", line, err)
			} else if r.Command.NoEffect != want {
				t.Errorf("%q is without effect: %v, want %v", line, r.Command.NoEffect, want)
			}
		}
	}
}

// Every mode can be dumped, and the dump names what was declared.
func TestParserDump(t *testing.T) {
	d := &device{}
	m := Exec(d, d)
	for _, c := range []struct{ typed, want string }{
		{"show parser dump config-isakmp", "Mode Name :config-isakmp\n15 encryption {3des | aes [128 | 192 | 256] | des}\n"},
		{"show parser dump exec", "\n0  enable [<0-15>]\n"},
		{"show parser dump config", "Mode Name :config\n"},
		{"show parser dump all", "Mode Name :gdoi-local-server-id\n15 range <0-511> - <0-511>\n15 value <0-511>\n"},
	} {
		match, err := m.Parse(c.typed, 15)
		if err != nil {
			t.Fatal(c.typed, err)
		}
		var out desk
		if err := match.Command.Run(t.Context(), &out, match.Args); err != nil {
			t.Fatal(c.typed, err)
		}
		if !strings.Contains("\n"+out.String(), c.want) {
			t.Errorf("%s lacks %q:\n%.600s", c.typed, c.want, out.String())
		}
	}
	if _, err := m.Parse("show parser dump nonsense", 15); err == nil {
		t.Error("a mode that is not there")
	}
}
