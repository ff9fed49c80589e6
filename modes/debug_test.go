package modes

import (
	"context"
	"strings"
	"testing"

	"coterie/cli/grammar"
	"coterie/cli/grammar/grammartest"
	"coterie/internal/syslog"
)

// recording is an operator that can record.
type recording struct {
	Operator
	file  File
	keys  bool
	begun bool
}

func (r *recording) Record(_ context.Context, f File, keys bool) error {
	r.file, r.keys = f, keys
	return nil
}
func (r *recording) StopRecording(context.Context) (File, int, error) {
	lines := 0
	if r.begun {
		lines = 17
	}
	return r.file, lines, nil
}
func (r *recording) Recording() (File, bool, bool, bool) {
	return r.file, r.keys, r.begun, r.file != File{}
}

type debugView struct {
	View
	filter syslog.Filter
}

func (v *debugView) Debugging() syslog.Filter { return v.filter }

// debugMode has the debug commands only.
func debugMode(v View, op Operator) *grammar.Mode {
	x := &execCommands{view: v, op: op, mode: &grammar.Mode{Name: "exec"}}
	x.debug()
	return x.mode
}

func TestDebugCommandsKeepTheLaws(t *testing.T) {
	for _, err := range grammartest.Check(debugMode(&debugView{}, &recording{}), grammartest.Options{}) {
		t.Error(err)
	}
}

// answering is a terminal whose user says one thing.
type answering struct {
	grammar.Terminal
	strings.Builder
	answer string
}

func (a *answering) Write(p []byte) (int, error) { return a.Builder.Write(p) }
func (a *answering) Ask(_ context.Context, prompt string) (string, error) {
	a.WriteString(prompt + a.answer + "\n")
	return a.answer, nil
}

func TestRecord(t *testing.T) {
	op := &recording{}
	v := &debugView{}
	v.filter.Set(syslog.DebugGMRekey, syslog.LevelError|syslog.LevelEvent, true)
	m := debugMode(v, op)
	for _, tt := range []struct{ line, answer, want string }{
		{"debug gdoi record flash:x with-keys", "no", "% Whoever reads the file can decrypt what this device and its group send.\nAre you sure you want to proceed ? [yes/no]: no\n"},
		{"show debugging", "", "Cryptographic Subsystem:\n  Crypto GDOI Group Member Rekey debugging is on (error, event)\n"},
		{"debug gdoi record x", "", "Recording to flash:x begins with the next reload; 'undebug gdoi record' writes the file\n"},
		{"show debugging", "", "Cryptographic Subsystem:\n  Crypto GDOI Group Member Rekey debugging is on (error, event)\nGDOI recording to flash:x begins with the next reload\n"},
		{"undebug gdoi record", "", "Nothing will be recorded to flash:x\n"},
		{"debug gdoi record x with-keys", "yes", "% Whoever reads the file can decrypt what this device and its group send.\nAre you sure you want to proceed ? [yes/no]: yes\nRecording to flash:x begins with the next reload; 'undebug gdoi record' writes the file\n"},
		{"!", "", ""},
		{"show debugging", "", "Cryptographic Subsystem:\n  Crypto GDOI Group Member Rekey debugging is on (error, event)\nGDOI recording to flash:x with keys is on\n"},
		{"no debug gdoi record", "", "17 lines written to flash:x\n"},
	} {
		if tt.line == "!" {
			op.begun = true
			continue
		}
		match, err := m.Parse(tt.line, 15)
		if err != nil {
			t.Fatalf("%s: %v", tt.line, err)
		}
		screen := &answering{answer: tt.answer}
		if err := match.Command.Run(context.Background(), screen, match.Args); err != nil {
			t.Errorf("%s: %v", tt.line, err)
		}
		if got := screen.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
	}
}
