package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplayStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.rec")
	if err := os.WriteFile(file, []byte("R1#show clock\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "Usage: coterie replay"},
		{[]string{file}, exitFailed, "x.rec: not a recording"},
		{[]string{file + ".absent"}, exitFailed, "no such file"},
	} {
		var out, errs bytes.Buffer
		if code := runReplay(context.Background(), tt.args, nil, &out, &errs); code != tt.code || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: exit %d\n%s", tt.args, code, errs.String())
		}
	}
}
