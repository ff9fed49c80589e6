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
	evil := filepath.Join(t.TempDir(), "evil.rec")
	if err := os.WriteFile(evil, []byte(`{"Recording":"coterie","Version":1,"Keys":true}`+"\n"+`{"kind":"random","data":"`+strings.Repeat("AAAA", 100)+`"}`+
		"\n"+`{"kind":"x\u001b[2J","engine":"isakmp\u009b2J"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "Usage: coterie replay"},
		{[]string{file}, exitFailed, "x.rec: not a recording"},
		{[]string{evil}, exitFailed, "evil.rec: line 3, x.[2J of isakmp.2J: there is no such engine"},
		{[]string{file + ".absent"}, exitFailed, "no such file"},
	} {
		var out, errs bytes.Buffer
		if code := runReplay(context.Background(), tt.args, nil, &out, &errs); code != tt.code || !strings.Contains(errs.String(), tt.want) {
			t.Errorf("%q: exit %d\n%s", tt.args, code, errs.String())
		}
	}
}
