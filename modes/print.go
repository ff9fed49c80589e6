package modes

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// Print writes what `show running-config` shows below its line "Current
// configuration : N bytes", where N is the length of what Print writes: from
// the first `!` to the empty line behind `end`. With all, defaults are written
// too.
func Print(w io.Writer, c *runningconfig.Config, all bool) error {
	return reading().print(w, c, all, privilegedLevel)
}

// PrintLevel is Print as a session below level 15 sees it: the lines that it
// may type itself, as `privilege` has it.
func PrintLevel(w io.Writer, c *runningconfig.Config, all bool, level int) error {
	if level >= privilegedLevel {
		return Print(w, c, all)
	}
	b := build(nil)
	SetLevels(&grammar.Mode{Name: "exec"}, b.global, c.AAA.Privileges)
	for _, s := range b.sections {
		setLevels(s, "configure", c.AAA.Privileges)
	}
	return b.print(w, c, all, level)
}

func (b *builder) print(w io.Writer, c *runningconfig.Config, all bool, level int) error {
	var out bytes.Buffer
	out.WriteString("!\n")
	for _, s := range b.sections {
		mark := out.Len()
		if err := grammar.PrintLevel(&out, s, c, all, level); err != nil {
			return err
		}
		if out.Len() > mark && !bytes.HasSuffix(out.Bytes(), []byte("\n!\n")) {
			out.WriteString("!\n")
		}
	}
	out.WriteString("end\n\n")
	_, err := io.WriteString(w, arrange(out.String()))
	return err
}

// printInterface is Print of one interface, under any legal spelling of its
// name; an interface without configuration has none.
func printInterface(w io.Writer, c *runningconfig.Config, name string) error {
	canonical, ok := runningconfig.InterfaceName(name)
	if !ok {
		return fmt.Errorf("%%Invalid interface type and number: %s", name)
	}
	var out bytes.Buffer
	err := grammar.PrintSome(&out, reading().global, c, false, func(cmd *grammar.Command, l grammar.Line) bool {
		i, ok := l.Sub.(*runningconfig.Interface)
		return ok && i.Name == canonical
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "!\n%send\n\n", strings.TrimSuffix(out.String(), "!\n"))
	return err
}

// arrange puts in the lines that IOS prints between and behind objects and
// that stand for none.
func arrange(text string) string {
	var out strings.Builder
	family := false  // inside an address family of a router or VRF
	entries := false // inside a named access list
	banner := false  // inside the text of a banner
	previous := ""
	for line := range strings.Lines(text) {
		if inside := banner; inside || strings.HasPrefix(line, "banner ") {
			if strings.Count(line, "^C")%2 == 1 {
				banner = !banner
			}
			if inside || banner {
				out.WriteString(line)
				previous = line
				continue
			}
		}
		if family && !strings.HasPrefix(line, "  ") {
			out.WriteString(" exit-address-family\n")
			family = false
		}
		switch {
		case strings.HasPrefix(line, " address-family "):
			out.WriteString(" !\n")
			family = true
		case strings.HasPrefix(line, "crypto isakmp policy ") && previous != "!\n":
			out.WriteString("!\n")
		}
		if line[0] != ' ' {
			entries = strings.HasPrefix(line, "ip access-list ")
		}
		if entries || line[0] != ' ' {
			line = padded(line)
		}
		out.WriteString(line)
		previous = line
	}
	return out.String()
}

// padded is a line of an access list with `deny` as wide as `permit`.
func padded(line string) string {
	if rest, ok := strings.CutPrefix(line, " deny "); ok {
		return " deny   " + rest
	}
	if f := strings.SplitN(line, " ", 4); len(f) == 4 && f[0] == "access-list" && f[2] == "deny" {
		f[2] = "deny  "
		return strings.Join(f, " ")
	}
	return line
}
