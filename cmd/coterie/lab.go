package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"coterie/lab"
)

func runLab(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("coterie lab", flag.ContinueOnError)
	fs.SetOutput(stderr)
	opts := lab.Options{Version: version()}
	lab.Flags(fs, &opts)
	var names []string
	for {
		if status, ok := parse(fs, args); !ok {
			return status
		}
		if fs.NArg() == 0 {
			break
		}
		names, args = append(names, fs.Arg(0)), fs.Args()[1:] // flags may follow NAME
	}
	if len(names) > 1 {
		fmt.Fprintf(stderr, "coterie lab: one NAME or DIR at most, not %q\n", names)
		return exitUsage
	}
	if len(names) == 1 {
		opts.Name = names[0]
	}
	return lab.Run(ctx, opts, stdin, stdout, stderr)
}
