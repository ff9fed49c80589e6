package modes

import "testing"

func TestCounterNamesInWords(t *testing.T) {
	for name, want := range map[string]string{
		"Received": "received", "HashFail": "hash fail", "UnknownSA": "unknown sa", "PushUnknownKEK": "push unknown kek", "BadCookie": "bad cookie",
	} {
		if got := spaced(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
