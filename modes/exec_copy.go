package modes

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"coterie/cli/grammar"
)

// fileArg is the name of a file in an exec command.
func fileArg(name, verb string) grammar.Node {
	return grammar.Alt{
		grammar.Kw("running-config", verb+" current system configuration").Sets(name, "running-config"),
		grammar.Kw("startup-config", verb+" startup configuration").Sets(name, "startup-config"),
		storedFile(name, verb),
	}
}

// storedFile is fileArg without the configurations in force.
func storedFile(name, verb string) grammar.Token {
	return grammar.Arg(name, fileName, verb+" a file of flash: or nvram:")
}

var fileName = kind{placeholder: "WORD", rank: grammar.RankWord, samples: []string{"flash:backup", "nvram:startup-config"},
	parse: func(s string) (any, bool) { return s, true }}

// copying declares what moves files about.
func (x *execCommands) copying() {
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("copy", "Copy from one file to another"), fileArg("From", "Copy from"), fileArg("To", "Copy to")},
		func(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
			from, err := ParseFile(a.String("From"))
			if err != nil {
				return err
			}
			to, err := ParseFile(a.String("To"))
			if err != nil {
				return err
			}
			return x.copy(ctx, t, from, to)
		})
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("delete", "Delete a file"),
		grammar.Opt{Node: grammar.Kw("/force", "Force delete").Sets("Force", true)}, storedFile("File", "Delete")}, x.remove)
	x.run(userLevel, grammar.Seq{grammar.Kw("dir", "List files on a filesystem"),
		grammar.Opt{Node: grammar.Alt{
			grammar.Kw("/all", "List all files").Sets("All", true),
			grammar.Arg("Where", fileName, "Directory or file name"),
		}}}, x.directory)
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("more", "Display the contents of a file"), storedFile("File", "Display")},
		func(_ context.Context, t grammar.Terminal, a grammar.Args) error {
			f, err := ParseFile(a.String("File"))
			if err != nil {
				return err
			}
			data, err := x.op.ReadFile(f)
			if err != nil {
				return err
			}
			_, err = t.Write(data)
			return err
		})
	x.run(privilegedLevel, grammar.Seq{grammar.Kw("erase", "Erase a filesystem"), grammar.Alt{
		grammar.Kw("nvram:", "Filesystem to be erased"),
		grammar.Kw("startup-config", "Erase contents of configuration memory"),
	}}, x.erase)
}

// copy is `copy FROM TO` with its dialog.
func (x *execCommands) copy(ctx context.Context, t grammar.Terminal, from, to File) error {
	ask := func(prompt string, answer *File) error {
		if x.quiet() && answer.Name != "" {
			return nil
		}
		name, err := t.Ask(ctx, fmt.Sprintf("%s filename [%s]? ", prompt, answer.Name))
		if name = strings.TrimSpace(name); err != nil || name == "" || name == answer.Name {
			return err
		}
		if !strings.Contains(name, ":") {
			name = answer.System + ":" + name
		}
		*answer, err = ParseFile(name)
		return err
	}
	if from.Name == "" {
		if err := ask("Source", &from); err != nil {
			return err
		}
	}
	if to.Name == "" {
		to.Name = path.Base(from.Name)
	}
	if err := ask("Destination", &to); err != nil {
		return err
	}
	switch {
	case from.Name == "" || to.Name == "":
		return fmt.Errorf("%%Error opening %s (No such file or directory)", cmpFile(from, to))
	case from == to:
		return fmt.Errorf("%%Error copying %s (File and destination are the same)", from)
	case from == RunningConfig && to == StartupConfig:
		return x.save(ctx, t, nil)
	}
	began := x.view.Now()
	data, err := x.op.ReadFile(from)
	if err != nil {
		return err
	}
	switch to {
	case RunningConfig:
		err = x.op.MergeConfig(ctx, string(data))
	case StartupConfig:
		if err = x.op.WriteFile(to, data); err == nil {
			fmt.Fprintln(t, "[OK]")
		}
	default:
		if ok, err := x.overwrite(ctx, t, to); !ok || err != nil {
			return err
		}
		err = x.op.WriteFile(to, data)
	}
	if err != nil {
		return err
	}
	took := max(x.view.Now().Sub(began), time.Millisecond)
	_, err = fmt.Fprintf(t, "%d bytes copied in %.3f secs (%d bytes/sec)\n", len(data), took.Seconds(), int(float64(len(data))/took.Seconds()))
	return err
}

func cmpFile(from, to File) File {
	if from.Name == "" {
		return from
	}
	return to
}

// overwrite asks before a file is written over.
func (x *execCommands) overwrite(ctx context.Context, t grammar.Terminal, f File) (bool, error) {
	if _, err := x.op.ReadFile(f); err != nil || x.quiet() {
		return true, nil
	}
	fmt.Fprintln(t, "%Warning:There is a file already existing with this name")
	return proceed(ctx, t, "Do you want to over write? [confirm]")
}

// quiet is `file prompt quiet`.
func (x *execCommands) quiet() bool {
	return slices.Contains(x.view.Config().Frame.Kept, "file prompt quiet")
}

// remove is `delete`.
func (x *execCommands) remove(ctx context.Context, t grammar.Terminal, a grammar.Args) error {
	f, err := ParseFile(a.String("File"))
	if err != nil {
		return err
	}
	if f.Name == "" || f.System == "system" {
		return fmt.Errorf("%%Error deleting %s (No such file or directory)", f)
	}
	if !a.Bool("Force") && !x.quiet() {
		name, err := t.Ask(ctx, fmt.Sprintf("Delete filename [%s]? ", f.Name))
		if err != nil {
			return err
		}
		if name = strings.TrimSpace(name); name != "" {
			if f, err = ParseFile(f.System + ":" + name); err != nil {
				return err
			}
		}
		if ok, err := proceed(ctx, t, fmt.Sprintf("Delete %s? [confirm]", f)); !ok || err != nil {
			return err
		}
	}
	return x.op.RemoveFile(f)
}

// directory is `dir`.
func (x *execCommands) directory(_ context.Context, t grammar.Terminal, a grammar.Args) error {
	where, err := ParseFile(a.String("Where"))
	if err != nil {
		return err
	}
	systems := []string{where.System}
	if a.Bool("All") {
		systems = []string{"flash", "nvram"}
	}
	var b bytes.Buffer
	for _, s := range systems {
		list, err := x.op.ListFiles(s)
		if err != nil {
			return err
		}
		shown := 0
		fmt.Fprintf(&b, "Directory of %s:/%s\n\n", s, where.Name)
		for i, f := range list.Files {
			if where.Name != "" && f.Name != where.Name && !strings.HasPrefix(f.Name, where.Name+"/") {
				continue
			}
			date := "                    <no date>"
			if !f.Modified.IsZero() {
				date = f.Modified.UTC().Format("Jan 02 2006 15:04:05 +00:00")
			}
			fmt.Fprintf(&b, "%5d  -rw-  %10d  %s  %s\n", i+1, f.Size, date, f.Name)
			shown++
		}
		switch {
		case shown == 0 && where.Name != "":
			return fmt.Errorf("%%Error opening %s (No such file or directory)", where)
		case shown == 0:
			fmt.Fprintln(&b, "No files in directory")
		}
		if b.WriteByte('\n'); list.Total > 0 {
			fmt.Fprintf(&b, "%d bytes total (%d bytes free)\n", list.Total, list.Free)
		}
	}
	_, err = t.Write(b.Bytes())
	return err
}
