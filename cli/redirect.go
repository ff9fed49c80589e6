package cli

import (
	"errors"
	"io"
	"strings"

	"coterie/cli/pipe"
	"coterie/cli/show"
)

// A FileStore is a Device with files that output can be sent to.
type FileStore interface {
	// CreateFile opens a file of the device by its URL, flash:NAME or
	// nvram:NAME, for writing, at its end when appending. What was written is
	// in the file after Close, all of it or, with an error, none.
	CreateFile(url string, appending bool) (io.WriteCloser, error)
}

// Errors of pipes that this device has no use for.
var (
	errNoFiles  = errors.New("% This device has no file system")
	errSpecFile = errors.New("% Spec files are not supported; use | json for output that programs read")
)

// destination is output through what stands behind the `|` of the line; filter
// may be nil. Whatever can be known of a file is known before the command runs.
func (t *task) destination(filter *pipe.Filter, paged bool) (*output, error) {
	if filter.SpecFile() != "" {
		return nil, errSpecFile
	}
	url, appending, copying := filter.Destination()
	if url == "" {
		o := t.output(filter, paged)
		if filter.JSON() {
			o.json = &jsonOutput{out: o.Writer}
			o.Writer = o.json
		}
		return o, nil
	}
	store, ok := t.cfg.Device.(FileStore)
	if !ok {
		return nil, errNoFiles
	}
	file, err := store.CreateFile(url, appending)
	if err != nil {
		return nil, err
	}
	o := &output{Writer: io.Discard}
	if copying {
		o = t.output(nil, paged)
	}
	o.file = &fileOutput{file: file}
	o.Writer = io.MultiWriter(o.file, o.Writer)
	return o, nil
}

// finish ends the output of a command that returned err: a command that failed
// before it said anything leaves no file and no JSON. That the user wanted no
// more is no error.
func (o *output) finish(err error) error {
	failed := wanted(err) != nil
	first := func(next error) {
		if err = wanted(err); err == nil {
			err = next
		}
	}
	if o.json != nil && !failed {
		first(o.json.close())
	}
	first(o.close())
	if o.file != nil && (!failed || o.file.wrote) {
		first(o.file.file.Close())
	}
	return wanted(err)
}

// wanted is err, unless the pager ended the output.
func wanted(err error) error {
	if errors.Is(err, pipe.ErrQuit) {
		return nil
	}
	return err
}

// fileOutput notes whether anything was written.
type fileOutput struct {
	file  io.WriteCloser
	wrote bool
}

func (f *fileOutput) Write(p []byte) (int, error) {
	f.wrote = f.wrote || len(p) > 0
	return f.file.Write(p)
}

// jsonOutput prints the data of a command and drops its text. The text of a
// command without data becomes a list of lines.
type jsonOutput struct {
	out   io.Writer
	taken bool
	text  strings.Builder
}

func (j *jsonOutput) Write(p []byte) (int, error) {
	if !j.taken {
		j.text.Write(p)
	}
	return len(p), nil
}

func (j *jsonOutput) data(v any) error {
	if j.taken {
		return nil // there is one document to a command
	}
	j.taken = true
	return show.JSON(j.out, v)
}

func (j *jsonOutput) close() error {
	lines := []string{}
	for line := range strings.Lines(j.text.String()) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return j.data(struct{ Lines []string }{lines})
}

// WantsData tells whether JSON was asked for.
func (c *terminal) WantsData() bool { return c.output.json != nil }

// Data gives the snapshot behind a show command to whoever asked for JSON.
func (c *terminal) Data(v any) (taken bool, err error) {
	if c.output.json == nil {
		return false, nil
	}
	if err = c.output.json.data(v); err != nil {
		c.cancel()
	}
	return true, err
}
