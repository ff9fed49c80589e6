package appliance

import (
	"fmt"
	"strings"
	"testing"
)

// What is not a recording, or not one of this program, is an error.
func TestReplayRefuses(t *testing.T) {
	head := fmt.Sprintf(`{"Recording":"coterie","Version":%d,"Device":"R1","Keys":true}`+"\n", recordingVersion)
	random := `{"kind":"random","data":"` + strings.Repeat("AAAA", 100) + `"}` + "\n"
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "not a recording"},
		{"a screen", "R1#show clock\n", "not a recording"},
		{"other JSON", `{"a":1}`, "not a recording"},
		{"another version", `{"Recording":"coterie","Version":99}`, "version 99"},
		{"without keys", strings.Replace(head, "true", "false", 1), ErrNoKeys.Error()},
		{"without random numbers", head, "does not fit"},
		{"a cut line", head + random + `{"kind":"Ti`, "line 3"},
		{"another engine", head + random + `{"kind":"Tick","engine":"coop"}`, "no such engine"},
		{"another input", head + random + `{"kind":"Explode","engine":"isakmp"}`, "no such input"},
		{"another value", head + random + `{"kind":"Datagram","engine":"isakmp","value":7}`, "Datagram of isakmp"},
		{"a missing key", head + random + `{"kind":"Configure","engine":"isakmp","value":{"Config":{"Keyrings":[{}]},"Peers":[["10.0.0.0/8"]],"Keys":[[]]}}`, "key is missing"},
		{"a missing output", head + random + `{"kind":"log","text":"x"}`, `goes on with log "x"`},
	} {
		if _, err := Replay(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func FuzzReplay(f *testing.F) {
	head := fmt.Sprintf(`{"Recording":"coterie","Version":%d,"Keys":true}`+"\n", recordingVersion)
	f.Add(`{"kind":"Datagram","engine":"isakmp","at":"2026-01-01T00:00:00Z","value":{"Local":"1.1.1.1:848","Remote":"2.2.2.2:848","Data":"AAAA"}}` + "\n" + `{"kind":"drain"}`)
	f.Add(`{"kind":"member","value":{"Owner":1}}` + "\n" + `{"kind":"Stop","engine":"member 1"}` + "\n" + `{"kind":"drain"}`)
	f.Add(`{"kind":"Persisted","engine":"key server","value":{"Number":1,"Error":"x"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		Replay(strings.NewReader(head + `{"kind":"random","data":"` + strings.Repeat("AAAA", 1000) + `"}` + "\n" + text)) // returns
	})
}
