package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"coterie/appliance"
	"coterie/internal/store"
)

const dbUsage = `Usage: coterie db check [FILE|DIR]
       coterie db backup [-state DIR] FILE
       coterie db restore [-state DIR] [-force] FILE

check reads every record of a key server's database and says what is in it: of
a state directory, or of a file that lies in one or beside its master-key.
backup copies the database to a new file. Both may be used while the appliance
runs.

restore puts a backup into the place of a database that nobody uses. Numbers
that were given out after the backup was made are not in it and must not be
given out again, so the key server does not continue a restored database: it
begins with new keys, and its members register again. Over a sound database
restore needs -force; what was there lies aside as key-server.db.aside-TIME.

Exit status: 0 the database is sound, 1 it is not or the command failed, 2 wrong
usage.

`

func runDB(_ context.Context, args []string, _ *os.File, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		io.WriteString(stderr, dbUsage)
		return exitUsage
	}
	var state string
	var force bool
	fs := flag.NewFlagSet("coterie db "+args[0], flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { io.WriteString(stderr, dbUsage); fs.PrintDefaults() }
	var run func(args []string) error
	switch args[0] {
	case "-h", "-help", "--help", "help":
		io.WriteString(stdout, dbUsage)
		return exitOK
	case "check":
		run = func(args []string) error {
			if len(args) == 0 {
				args = []string{defaultState()}
			}
			return checkDatabase(stdout, args[0])
		}
	case "backup":
		run = func(args []string) error { return backupDatabase(stdout, state, args[0]) }
	case "restore":
		fs.BoolVar(&force, "force", false, "replace a database that is sound")
		run = func(args []string) error { return restoreDatabase(stdout, state, args[0], force) }
	default:
		fmt.Fprintf(stderr, "coterie db: unknown command %q\n", args[0])
		io.WriteString(stderr, dbUsage)
		return exitUsage
	}
	if args[0] != "check" {
		fs.StringVar(&state, "state", defaultState(), "state directory `DIR`")
	}
	if status, ok := parse(fs, args[1:]); !ok {
		return status
	}
	if n := fs.NArg(); n > 1 || n == 0 && args[0] != "check" {
		io.WriteString(stderr, dbUsage)
		return exitUsage
	}
	if err := run(fs.Args()); err != nil {
		fmt.Fprintf(stderr, "coterie db %s: %v\n", args[0], err)
		return exitFailed
	}
	return exitOK
}

func checkDatabase(out io.Writer, name string) error {
	file, folder := name, filepath.Dir(name)
	if info, err := os.Stat(name); err != nil {
		return err
	} else if info.IsDir() {
		file, folder = appliance.Database(name), name
	}
	keys, err := masterKeys(folder, false)
	if err != nil {
		return err
	}
	r, err := store.Check(file, keys[0])
	if err != nil {
		return err
	}
	describeDatabase(out, r)
	if r.Unfit != "" {
		fmt.Fprintf(out, "Every record is sound, but a key server would not continue it: %s.\n", r.Unfit)
	} else {
		fmt.Fprintln(out, "Sound.")
	}
	return nil
}

func describeDatabase(out io.Writer, r store.Report) {
	fmt.Fprintf(out, "%s: %d octets, %d records, transaction %d, written %s\n",
		r.Path, r.Octets, r.Records, r.Generation, r.Written.UTC().Format(time.RFC3339))
	for _, g := range r.Groups {
		fmt.Fprintf(out, "    group %s: %d records\n", g.Name, g.Records)
	}
}

func backupDatabase(out io.Writer, state, to string) error {
	keys, err := masterKeys(state, false)
	if err != nil {
		return err
	}
	r, err := store.Backup(appliance.Database(state), keys[0], to)
	if err != nil {
		return err
	}
	describeDatabase(out, r)
	fmt.Fprintln(out, "It is sealed under the master key of this state directory; keep that too, elsewhere.")
	return nil
}

func restoreDatabase(out io.Writer, state, backup string, force bool) error {
	keys, err := masterKeys(state, false)
	if err != nil {
		return err
	}
	r, err := store.Restore(backup, appliance.Database(state), keys[0], force)
	if errors.Is(err, store.ErrSound) {
		return fmt.Errorf("%w; -force replaces it", err)
	}
	if err != nil {
		return err
	}
	describeDatabase(out, r)
	fmt.Fprint(out, "Numbers given out since the backup was made are not in it, and TEKs that used them may live.\n"+
		"So the key server will not continue it: it begins with new keys, and its members register again.\n")
	return nil
}
