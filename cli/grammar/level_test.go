package grammar

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func levelMode() *Mode {
	m := &Mode{Name: "exec"}
	show := Kw("show", "Show running system information")
	running := Kw("running-config", "Current operating configuration")
	m.Add(
		&Command{Level: 1, Syntax: Seq{show, Kw("clock", "Display the system clock")}},
		&Command{Level: 15, Syntax: Seq{show, running, Opt{Kw("full", "Full configuration")}}},
		&Command{Level: 15, Syntax: Seq{show, running, Kw("interface", "Show interface configuration"), Arg("I", Word(), "Interface name")}},
		&Command{Level: 15, Syntax: Seq{Kw("debug", "Debugging functions"), Kw("all", "Enable all debugging")}},
		&Command{Level: 15, Syntax: Seq{Kw("reload", "Halt and perform a cold restart")}},
		&Command{Level: 1, Syntax: Seq{Kw("ping", "Send echo messages"), Arg("Host", Word(), "Ping destination address")}},
	)
	return m
}

// Each case is what a session at level 5 may type.
func TestSetLevels(t *testing.T) {
	all := []string{"show clock", "show running-config", "show running-config full", "show running-config interface e0", "debug all", "reload", "ping x"}
	for _, c := range []struct {
		levels []Relevel
		want   []string
	}{
		{nil, []string{"show clock", "ping x"}},
		{[]Relevel{{Words: "sh run", Level: 5}}, []string{"show clock", "show running-config", "show running-config full", "ping x"}},
		{[]Relevel{{Words: "show running-config", Level: 5, All: true}}, []string{"show clock", "show running-config", "show running-config full", "show running-config interface e0", "ping x"}},
		{[]Relevel{{Words: "show running-config", Level: 5, All: true}, {Words: "show running-config interface", Level: 15}}, []string{"show clock", "show running-config", "show running-config full", "ping x"}},
		{[]Relevel{{Words: "show", Level: 5}}, []string{"show clock", "ping x"}}, // `show` alone is no command
		{[]Relevel{{Words: "show", Level: 6}}, []string{"ping x"}},
		{[]Relevel{{Words: "ping", Level: 15}}, []string{"show clock"}},
		{[]Relevel{{Words: "reload", Level: 5}, {Words: "debug", Level: 5, All: true}}, []string{"show clock", "debug all", "reload", "ping x"}},
		{[]Relevel{{Words: "reload", Level: 5}, {Words: "reload", Level: 7}}, []string{"show clock", "ping x"}},
		{[]Relevel{{Words: "nothing such", Level: 5}, {Words: "ping 10.0.0.1", Level: 15}, {Words: "", Level: 15}}, []string{"show clock", "ping x"}},
	} {
		m := levelMode()
		m.SetLevels(c.levels)
		check := func(when string) {
			t.Helper()
			var got []string
			for _, line := range all {
				if _, err := m.Parse(line, 5); err == nil {
					got = append(got, line)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v%s: %s, want %s", c.levels, when, strings.Join(got, ", "), strings.Join(c.want, ", "))
			}
		}
		check("")
		m.Add(&Command{Level: 1, Syntax: Kw("exit", "Exit from the EXEC")})
		check(" after another command came")
		m.SetLevels(nil)
		if _, err := m.Parse("reload", 5); err == nil {
			t.Error("the declared level is not back")
		}
	}
}

func TestLevelsHide(t *testing.T) {
	m := levelMode()
	m.SetLevels([]Relevel{{Words: "ping", Level: 15}, {Words: "reload", Level: 3}})
	h, err := m.Help("", 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, e := range h.Entries {
		words = append(words, e.Word)
	}
	if want := []string{"reload", "show"}; !slices.Equal(words, want) {
		t.Errorf("? lists %v, want %v", words, want)
	}
}

// Levels change while sessions type: no race, and either the old or the new.
func TestSetLevelsWhileInUse(t *testing.T) {
	m := levelMode()
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for range 200 {
				if i == 0 {
					m.SetLevels([]Relevel{{Words: "reload", Level: 5}})
					m.SetLevels(nil)
				} else if _, err := m.Parse("show clock", 5); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}
