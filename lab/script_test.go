package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func basic(t testing.TB) *Topology {
	t.Helper()
	top, err := Find("basic")
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func TestParseStep(t *testing.T) {
	top := basic(t)
	tests := []struct{ text, want string }{
		{"R2# show clock", "R2# show clock"},
		{"R2#show clock", "R2# show clock"},
		{"  R2#  show clock  ", "R2#  show clock"}, // one blank belongs to the prompt
		{"R2> enable", "R2# enable"},
		{"R2(config-gdoi-group)# identity number 123", "R2# identity number 123"},
		{"R2# show run | include #x", "R2# show run | include #x"},
		{"R2#", "R2# "},
		{"R2# ping 4.4.4.4 repeat 9 &", "R2# ping 4.4.4.4 repeat 9 &"},
		{"R2# a&b", "R2# a&b"},
		{`@wait R2 /Reg.*: Registered$/ 30 show crypto gdoi gm`, "@wait R2 /(?m)Reg.*: Registered$/ 30 show crypto gdoi gm"},
		{`@wait R2 /0\/1 is (up|down)/ 0.5 show ip interface brief | include 0/1`, "@wait R2 /(?m)0/1 is (up|down)/ 0.5 show ip interface brief | include 0/1"},
		{"@sleep 1.5", "@sleep 1.5"},
		{"@link R2 WAN down", "@link R2 WAN down"},
		{"@link WAN R2 up", "@link WAN R2 up"},
		{"@crash R1", "@crash R1"},
		{"@boot R1", "@boot R1"},
		{"@join R2", "@join R2"},
	}
	for _, tt := range tests {
		s, ok, err := parseStep(tt.text, top)
		if err != nil || !ok || s.String() != tt.want {
			t.Errorf("%q: %q, %v, %v; want %q", tt.text, s, ok, err, tt.want)
		}
	}
	for _, blank := range []string{"", "  ", "! a comment", "  ! R2# show clock"} {
		if _, ok, err := parseStep(blank, top); ok || err != nil {
			t.Errorf("%q: %v, %v; want nothing", blank, ok, err)
		}
	}
	s, _, err := parseStep("@wait R2 /x/ 0.25 show clock", top)
	if err != nil || s.span != 250*time.Millisecond || s.node != "R2" || s.line != "show clock" {
		t.Errorf("@wait: %+v, %v", s, err)
	}
}

func TestParseStepErrors(t *testing.T) {
	top := basic(t)
	tests := []struct{ text, want string }{
		{"show clock", "is not 'NODE# command'"},
		{"R9# show clock", "no node R9 in lab basic; it has R1 R2 R3 R4 R5"},
		{"WAN# show clock", "no node WAN"},
		{"@walk R2", "@walk is not known"},
		{"@wait R2 show clock", "use @wait"},
		{"@wait R2 /x/ show clock", `"show" is not a number of seconds`},
		{"@wait R2 /x/ 5", "use @wait"},
		{"@wait R2 /(/ 5 show clock", "missing closing"},
		{"@wait R9 /x/ 5 show clock", "no node R9"},
		{"@sleep", "use @sleep"},
		{"@sleep -1", "not a number of seconds"},
		{"@sleep NaN", "not a number of seconds"},
		{"@sleep 1e300", "not a number of seconds"},
		{"@link R1 R2 down", "no wire between R1 and R2"},
		{"@link R1 WAN off", "use @link"},
		{"@crash", "use @crash"},
		{"@boot R9", "no node R9"},
		{"@join R2 R3", "use @join"},
	}
	for _, tt := range tests {
		if _, _, err := parseStep(tt.text, top); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q in it", tt.text, err, tt.want)
		}
	}
}

func TestScriptSources(t *testing.T) {
	name := filepath.Join(t.TempDir(), "demo.lab")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("! demo\n\nR1# show clock\r\n@sleep 2\n")
	steps, err := script([]Source{{Line: "R2# show version"}, {File: name}, {Line: "@join R2"}}, basic(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, s.at+" "+s.String())
	}
	want := []string{"-x 1 R2# show version", name + ":3 R1# show clock", name + ":4 @sleep 2", "-x 3 @join R2"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	write("R1# show clock\nR9# show clock\n")
	if _, err := script([]Source{{File: name}}, basic(t)); err == nil || !strings.HasPrefix(err.Error(), name+":2: no node R9") {
		t.Errorf("a mistake in a file: %v, want its line", err)
	}
	if _, err := script([]Source{{Line: "R1# show clock"}, {Line: "! nothing"}}, basic(t)); err == nil || !strings.HasPrefix(err.Error(), "-x 2: ") {
		t.Errorf("a mistake in -x: %v, want its number", err)
	}
	if _, err := script([]Source{{File: name + ".missing"}}, basic(t)); err == nil {
		t.Error("a missing file was accepted")
	}
}

func FuzzParseStep(f *testing.F) {
	for _, s := range []string{"R2# show clock &", "@wait R2 /a\\/b/ 5 show clock", "@link R1 WAN down", "R2(config)#x", "@sleep 1e9"} {
		f.Add(s)
	}
	top := basic(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, ok, err := parseStep(text, top)
		if ok && err == nil && s.verb != sleep && s.verb != link && top.Plan(s.node) == nil {
			t.Errorf("%q names node %q, which does not exist", text, s.node)
		}
	})
}
