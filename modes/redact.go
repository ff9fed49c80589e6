package modes

import "strings"

// hiddenWord stands for a secret in a line that is shown again.
const hiddenWord = "<hidden>"

// Redact hides the passwords and keys of a line as typed, in any abbreviation:
// for the history of a session, for messages about a line, for a log of
// changes. It errs on the side of hiding.
func Redact(line string) string {
	words := strings.Fields(line)
	if len(words) < 2 || short(words[0], "show", 2) || short(words[0], "do", 2) && short(words[1], "show", 2) {
		return line
	}
	from, to := secretWords(words)
	if from >= to {
		return line
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	out := append(append(append([]string{}, words[:from]...), hiddenWord), words[to:]...)
	return indent + strings.Join(out, " ")
}

// short tells whether word is full or cut short to n characters or more.
func short(word, full string, n int) bool {
	return len(word) >= n && strings.HasPrefix(full, strings.ToLower(word))
}

// secretWords is the range of words that are secret, empty when none are.
func secretWords(words []string) (from, to int) {
	has := func(before int, full string, n int) bool {
		for _, w := range words[:before] {
			if short(w, full, n) {
				return true
			}
		}
		return false
	}
	// typed skips the level and type in front of a secret.
	typed := func(i int) int {
		if i+1 < len(words) && short(words[i], "level", 2) {
			i += 2
		}
		if i+1 < len(words) && len(words[i]) == 1 && words[i][0] >= '0' && words[i][0] <= '9' {
			i++
		}
		return i
	}
	last := len(words)
	for i, w := range words {
		switch {
		case i > 0 && short(words[0], "security", 3), short(w, "password", 4) && i+1 < last && short(words[i+1], "encryption", 2):
			return 0, 0
		case short(w, "secret", 3), short(w, "password", 4), short(w, "password-encrypt", 10),
			i == 0 && short(w, "key-string", 5), short(w, "passphrase", 5):
			return typed(i + 1), last
		case w == "key" && i > 0 && short(words[i-1], "isakmp", 3),
			w == "key" && (has(i, "pre-shared-key", 3) || has(i, "tacacs-server", 3) || has(i, "radius-server", 3) || has(i, "server-private", 8)),
			i == 0 && w == "key" && !short(words[1], "config-key", 2) && !short(words[1], "chain", 2):
			i = typed(i + 1)
			return i, min(i+1, last)
		case short(w, "community", 4) && has(i, "snmp-server", 2):
			return i + 1, min(i+2, last)
		case i > 3 && i == last-1 && w != "terminal" && has(last, "crypto", 2) && has(last, "key", 3) && (has(last, "export", 3) || has(last, "import", 3)):
			return i, last
		}
	}
	return 0, 0
}
