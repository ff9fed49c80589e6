package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// What a file of somebody else says does not drive the terminal, and the caret
// counts characters.
func TestCheckReports(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.cfg")
	if err := os.WriteFile(file, []byte("hostname R1\nbogus \x1b]0;x\x07\u009b2J\nusername \u00e9 privilege 99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := runCheck(context.Background(), []string{file}, nil, &out, &errs); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	const want = ":2: % Invalid input detected at '^' marker.\n    bogus .]0;x..2J\n          ^\n" +
		"FILE:3: % Invalid input detected at '^' marker.\n    username \u00e9 privilege 99\n                         ^\n"
	got := bytes.ReplaceAll(errs.Bytes(), []byte(file), []byte("FILE"))
	if string(got) != "FILE"+want {
		t.Errorf("got\n%q\nwant\n%q", got, "FILE"+want)
	}
}
