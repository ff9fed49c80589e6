package lab_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coterie/internal/testenv"
)

// dissected is one message as tshark reads it.
type dissected struct{ exchange, payloads, text string }

// messages are the ISAKMP messages of a capture, with the key tables beside it.
func messages(t *testing.T, dir, file string) []dissected {
	t.Helper()
	tshark := testenv.Tool(t, "tshark")
	run := func(args ...string) string {
		cmd := exec.Command(tshark, append([]string{"-r", filepath.Join(dir, file), "-d", "udp.port==848,isakmp", "-Y", "isakmp"}, args...)...)
		cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("tshark %s: %v\n%s", file, err, stderr.String())
		}
		return string(out)
	}
	texts := strings.Split("\n"+run("-V"), "\nFrame ")[1:]
	rows := strings.Split(strings.TrimSuffix(run("-T", "fields", "-e", "isakmp.exchangetype", "-e", "isakmp.typepayload"), "\n"), "\n")
	if len(rows) != len(texts) {
		t.Fatalf("%d rows, %d texts", len(rows), len(texts))
	}
	var out []dissected
	for i, r := range rows {
		exchange, payloads, _ := strings.Cut(r, "\t")
		out = append(out, dissected{exchange, payloads, texts[i]})
	}
	return out
}

// dissects fails unless some message of the exchange has these payloads, in
// this order; payloads of private use may follow them.
func dissects(t *testing.T, list []dissected, exchange, payloads string) {
	t.Helper()
	var had []string
	for _, m := range list {
		if m.exchange != exchange {
			continue
		}
		if m.payloads == payloads || strings.HasPrefix(m.payloads, payloads+",2") {
			return
		}
		had = append(had, m.payloads)
	}
	t.Errorf("no message of exchange %s with payloads %s, but %q", exchange, payloads, had)
}

// wellFormed fails on whatever tshark complains of.
func wellFormed(t *testing.T, list []dissected) {
	t.Helper()
	for _, m := range list {
		for _, bad := range []string{"Malformed", "Expert Info (Error"} {
			if strings.Contains(m.text, bad) {
				t.Errorf("%s in %s", bad, m.text)
			}
		}
	}
}

// TestDissected: tshark reads an acknowledgement, a Delete of a phase-1 SA,
// rekeys of both kinds of replacement and the removal of members as what they
// are.
func TestDissected(t *testing.T) {
	testenv.Tool(t, "tshark")
	dir := t.TempDir()
	// Of phase 1 in GDOI's own DOI tshark does not learn the algorithms.
	out, code := runLab(t, "basic", "-pcap", dir, "-keylog",
		"-x", "R2# configure terminal", "-x", "R2# platform gdoi wire phase1-doi 1", "-x", "R2# end",
		"-x", "R2# clear crypto isakmp", "-x", "R2# clear crypto gdoi", "-x", "R2# yes",
		"-x", "@wait R2 /Registration status   : Registered/ 30 show crypto gdoi gm",
		"-x", "R1# crypto gdoi ks rekey",
		"-x", "@wait R2 /Rekey ACKs sent       : 1/ 10 show crypto gdoi gm",
		"-x", "R1# crypto gdoi ks rekey replace-now",
		"-x", "@wait R2 /Rekey ACKs sent       : 2/ 10 show crypto gdoi gm",
		"-x", "R1# clear crypto gdoi ks members now", "-x", "R1# yes", "-x", "@sleep 1",
		"-x", "R2# clear crypto isakmp", "-x", "@sleep 1")
	if code != 0 {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	wan := messages(t, dir, "WAN.pcap")
	wellFormed(t, wan)
	const (
		informational = "5"
		pull          = "32"
		push          = "33"
		pushAck       = "35"
	)
	dissects(t, wan, pull, "8,10,5")        // HASH, NONCE, ID
	dissects(t, wan, pull, "8")             // HASH
	dissects(t, wan, pull, "8,18,17")       // HASH, SEQ, KD
	dissects(t, wan, pushAck, "8,18,5")     // HASH, SEQ, ID, in the clear (RFC 8263)
	dissects(t, wan, informational, "8,12") // HASH, D
	plain := messages(t, dir, "plain-push.pcap")
	wellFormed(t, plain)
	dissects(t, plain, push, "18,1,16,17,9")    // SEQ, SA, SAT, KD, SIG
	dissects(t, plain, push, "18,12,1,16,17,9") // SEQ, D, SA, SAT, KD, SIG
	dissects(t, plain, push, "18,12,12,9")      // SEQ, D of the TEKs, D of the KEK, SIG: removal
}
