package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"coterie/appliance"
)

func runReplay(_ context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("coterie replay", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, `Usage: coterie replay FILE...

Gives the engines of this program the inputs and random numbers of a recording
('debug gdoi record FILE with-keys' on a device) and compares everything they
do with what was recorded, octet for octet. The exit status is 1 when it
differs. FILE - is standard input.

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
		if err := replayFile(name, stdin, stdout); err != nil {
			fmt.Fprintf(stderr, "coterie replay: %s: %s\n", name, harmless(err.Error()))
			code = exitFailed
		}
	}
	return code
}

func replayFile(name string, stdin io.Reader, stdout io.Writer) error {
	r := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		r = f
	}
	done, err := appliance.Replay(r)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %s from %s: %d inputs, %d outputs, all as recorded\n",
		name, harmless(done.Device), done.Began.Format("2006-01-02 15:04:05 MST"), done.Inputs, done.Outputs)
	return nil
}
