package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"coterie/cli/grammar"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

func runCheck(_ context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("coterie check", flag.ContinueOnError)
	fs.SetOutput(stderr)
	all := fs.Bool("all", false, "print defaults too, as 'show running-config all' does")
	fs.Usage = func() {
		fmt.Fprint(stderr, `Usage: coterie check [-all] FILE...

Parses configuration files as a device would at boot and prints the canonical
form of each. Every line that is not accepted is reported as FILE:LINE with a
caret under the first bad character; the exit status is then 1. FILE - is
standard input.

`)
		fs.PrintDefaults()
	}
	if status, ok := parse(fs, args); !ok {
		return status
	}
	if fs.NArg() == 0 {
		fs.Usage()
		return exitUsage
	}
	code := exitOK
	for _, name := range fs.Args() {
		text, err := readInput(name, stdin)
		if err != nil {
			fmt.Fprintf(stderr, "coterie check: %v\n", err)
			code = exitFailed
			continue
		}
		root := new(runningconfig.Config)
		for _, e := range modes.Load(root, string(text)) {
			reportLine(stderr, name, e)
			code = exitFailed
		}
		if err := modes.Print(stdout, root, *all); err != nil {
			fmt.Fprintf(stderr, "coterie check: %v\n", err)
			return exitFailed
		}
	}
	return code
}

func readInput(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// reportLine prints a refused line as compilers do, with a caret where the
// grammar stopped.
func reportLine(w io.Writer, name string, e grammar.LineError) {
	fmt.Fprintf(w, "%s:%d: %s\n    %s\n", name, e.Number, harmless(e.Err.Error()), harmless(e.Text))
	if s, ok := e.Err.(*grammar.SyntaxError); ok && s.Kind == grammar.Invalid {
		indent := len(e.Text) - len(strings.TrimLeft(e.Text, " \t"))
		if strings.HasPrefix(s.Line, e.Text[:indent]) && indent > 0 {
			indent = 0 // the offset counts the indentation already
		}
		before := s.Line[:min(s.Offset, len(s.Line))]
		fmt.Fprintf(w, "    %s^\n", strings.Repeat(" ", indent+utf8.RuneCountInString(before)))
	}
}

// harmless is text of a file, which may be anybody's, as a terminal may see
// it: what would drive the terminal is a dot.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}
