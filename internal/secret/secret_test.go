package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNoFormatShowsTheValue(t *testing.T) {
	s := Of("MYGDOIPSK")
	type holder struct{ Key Bytes }
	j, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", s, "in", holder{s})
	all := []string{string(j), log.String(), s.String()}
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		all = append(all, fmt.Sprintf(f, s), fmt.Sprintf(f, holder{s}), fmt.Sprintf(f, &holder{s}))
	}
	for _, text := range all {
		if strings.Contains(text, "MYGDOIPSK") || strings.Contains(strings.ToLower(text), "4d5947") || strings.Contains(text, "77 89 71") {
			t.Errorf("value shown: %s", text)
		}
		if !strings.Contains(text, "<hidden>") && !strings.Contains(text, `\u003chidden`) {
			t.Errorf("no <hidden> in %s", text)
		}
	}
}

func TestWipeAndEqual(t *testing.T) {
	a, b := Of("k1"), Of("k1")
	if !a.Equal(b) || a.Equal(Of("k2")) {
		t.Fatal("Equal")
	}
	a.Wipe()
	if a.Equal(b) || a.Reveal()[0] != 0 {
		t.Fatal("Wipe left the value")
	}
}
