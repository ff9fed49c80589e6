// Package term is the keyboard and the screen of one line of a device: editing
// with `?` and Tab, secrets without echo, single keys for the pager, log lines
// that never glue to a prompt, and Ctrl-C while a command runs.
//
// It has three implementations of LineReader: Terminal, for a peer that edits
// (a tty, an SSH channel with a pty); Plain, for a pipe or a file; Script, for
// lines known beforehand. Package term is the only importer of
// github.com/chzyer/readline, of which it uses the editing of a line and
// nothing else: input reaches the library through a gate that decodes keys
// and releases at most one line per ReadLine, output leaves it through a frame
// writer that sends the smallest update instead of the whole line per key.
//
// A LineReader is read by one goroutine at a time; Async, Interrupted, SetSize
// and Close may be called from any.
package term
