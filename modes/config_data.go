package modes

import (
	"reflect"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// offerRunning offers the running configuration as data, without its secrets:
// the tree, the one interface that is asked for, or, to whoever may not see
// all of it, the lines of text that he may see.
func (x *execCommands) offerRunning(t grammar.Terminal, iface, text string) (taken bool, err error) {
	if !grammar.WantsData(t) {
		return false, nil
	}
	c := withoutKept(x.view.Config())
	for _, i := range c.Interfaces {
		if iface != "" && i.Name == iface {
			return grammar.Offer(t, i)
		}
	}
	if t.Session().Level() < privilegedLevel {
		return offerText(t, text)
	}
	return grammar.Offer(t, c)
}

// offerText offers the lines of a configuration, without its secrets.
func offerText(t grammar.Terminal, text string) (taken bool, err error) {
	lines := []string{}
	for line := range strings.Lines(withoutSecrets(text)) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return grammar.Offer(t, struct{ Lines []string }{lines})
}

// withoutKept is a copy of the tree in which lines that are only kept show no
// secret. Secrets that are understood have a type that hides them.
func withoutKept(c *runningconfig.Config) *runningconfig.Config {
	c = c.Clone()
	hideIn(reflect.ValueOf(c).Elem())
	return c
}

func hideIn(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			hideIn(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				hideIn(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if e := v.Index(i); e.Kind() == reflect.String {
				e.SetString(Redact(e.String()))
			} else {
				hideIn(e)
			}
		}
	}
}
