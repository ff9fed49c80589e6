package modes

import (
	"context"
	"fmt"

	"coterie/cli/grammar"
)

// A Recorder is an Operator that can write down what its engines are given and
// do, for `coterie replay`.
type Recorder interface {
	// Record orders a recording that begins with the next boot. With keys it
	// holds pre-shared keys and random numbers, and can be replayed.
	Record(ctx context.Context, f File, keys bool) error
	// StopRecording ends it, or takes the order back (lines is 0).
	StopRecording(ctx context.Context) (f File, lines int, err error)
	// Recording is the recording that is ordered, or has begun.
	Recording() (f File, keys, begun, ok bool)
}

// record declares `debug gdoi record`, which is ours.
func (x *execCommands) record(debug, undebug grammar.Node) {
	r, ok := x.op.(Recorder)
	if !ok {
		return
	}
	gdoi := grammar.Kw("gdoi", "GDOI engines")
	record := grammar.Kw("record", "Record inputs and outputs for 'coterie replay'")
	x.run(privilegedLevel, grammar.Seq{debug, gdoi, record, grammar.Arg("File", fileName, "File of flash: to write"),
		grammar.Opt{Node: grammar.Kw("with-keys", "With keys and random numbers, to compute all again").Sets("Keys", true)}},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			f, err := ParseFile(a.String("File"))
			if err != nil {
				return err
			}
			keys := a.Bool("Keys")
			if keys {
				fmt.Fprint(t, "% Whoever reads the file can decrypt what this device and its group send.\n")
				if ok, err := confirm(ctx, t, "Are you sure you want to proceed ? [yes/no]: "); !ok {
					return err
				}
			}
			if err := r.Record(ctx, f, keys); err != nil {
				return err
			}
			_, err = fmt.Fprintf(t, "Recording to %s begins with the next reload; 'undebug gdoi record' writes the file\n", f)
			return err
		})
	x.run(privilegedLevel, grammar.Seq{undebug, gdoi, record}, func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
		f, lines, err := r.StopRecording(ctx)
		if err != nil {
			return err
		}
		if lines == 0 {
			_, err = fmt.Fprintf(t, "Nothing will be recorded to %s\n", f)
			return err
		}
		_, err = fmt.Fprintf(t, "%d lines written to %s\n", lines, f)
		return err
	})
}

// showRecording is the part of `show debugging` about it.
func (x *execCommands) showRecording(w *columnWriter) {
	r, ok := x.op.(Recorder)
	if !ok {
		return
	}
	f, keys, begun, ok := r.Recording()
	if !ok {
		return
	}
	what, when := "", "is on"
	if keys {
		what = " with keys"
	}
	if !begun {
		when = "begins with the next reload"
	}
	w.printf("GDOI recording to %s%s %s\n", f, what, when)
}
