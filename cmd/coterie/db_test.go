package main

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coterie/appliance"
	"coterie/gdoi/keyserver"
	"coterie/internal/secret"
)

func db(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if code := dispatch(t.Context(), append([]string{"db"}, args...), os.Stdin, &out, &out); code != want {
		t.Errorf("db %q: status %d, want %d\n%s", args, code, want, &out)
	}
	return out.String()
}

func TestDB(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	key, err := appliance.MasterKey(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := appliance.OpenState(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	s.Load()
	if err := s.Write([]keyserver.Record{{Group: "G1", Key: "seq", Value: []byte("32")}}); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "Usage: coterie db check"},
		{[]string{"-help"}, exitOK, "Exit status"},
		{[]string{"bogus"}, exitUsage, `unknown command "bogus"`},
		{[]string{"backup"}, exitUsage, "Usage"},
		{[]string{"check", dir + "/none"}, exitFailed, "no such file"},
		{[]string{"check", dir}, exitOK, "group G1: 1 records\nSound."},
		{[]string{"check", appliance.Database(dir)}, exitOK, "Sound."},
		{[]string{"backup", "-state", dir, copied}, exitOK, "sealed under the master key"},
		{[]string{"backup", "-state", dir, copied}, exitFailed, "exists"},
		{[]string{"restore", "-state", dir, copied}, exitFailed, "in use"},
	} {
		if got := db(t, tt.code, tt.args...); !strings.Contains(got, tt.want) {
			t.Errorf("db %q: no %q in\n%s", tt.args, tt.want, got)
		}
	}
	s.Close()
	if got := db(t, exitFailed, "restore", "-state", dir, copied); !strings.Contains(got, "-force replaces it") {
		t.Error(got)
	}
	if got := db(t, exitOK, "restore", "-state", dir, "-force", copied); !strings.Contains(got, "begins with new keys") {
		t.Error(got)
	}
	if got := db(t, exitOK, "check", dir); !strings.Contains(got, "would not continue it: it was restored from a backup") {
		t.Error(got)
	}
	os.Truncate(appliance.Database(dir), 5000)
	if got := db(t, exitFailed, "check", dir); !strings.Contains(got, "damaged") {
		t.Error(got)
	}
}

func TestMasterKeys(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	if _, err := masterKeys(dir, false); err == nil {
		t.Error("there is none")
	}
	made, err := masterKeys(dir, true)
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	given := secret.New(bytes.Repeat([]byte{9}, 32))
	file := filepath.Join(credentials, masterCredential)
	for _, text := range []string{string(given.Reveal()), hex.EncodeToString(given.Reveal()) + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := masterKeys(dir, true)
		if err != nil || len(got) != 2 || !got[0].Equal(given) || !got[1].Equal(made[0]) {
			t.Errorf("with a credential: %d keys, %v", len(got), err)
		}
	}
	if got, err := masterKeys(t.TempDir(), true); err != nil || len(got) != 1 || !got[0].Equal(given) {
		t.Errorf("with a credential alone: %d keys, %v", len(got), err)
	}
	os.WriteFile(file, []byte("short"), 0o600)
	if _, err := masterKeys(dir, true); err == nil || !strings.Contains(err.Error(), masterCredential) {
		t.Errorf("a bad one: %v", err)
	}
}
