package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"coterie/modes"
)

// number is the version of Coterie.
const number = "0.1.0"

// version reads what the toolchain stamped into the binary.
func version() modes.Version {
	v := modes.Version{Number: number, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Commit = s.Value
			case "vcs.time":
				v.Built = s.Value
			}
		}
	}
	return v
}

func runVersion(_ context.Context, _ []string, _ *os.File, stdout, _ io.Writer) int {
	v := version()
	fmt.Fprintf(stdout, "coterie %s (%s, %s)", v.Number, v.Go, v.Platform)
	if v.Commit != "" {
		fmt.Fprintf(stdout, " %.12s", v.Commit)
	}
	fmt.Fprintln(stdout)
	return exitOK
}
