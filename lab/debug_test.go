package lab_test

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"coterie/internal/syslog"
	"coterie/lab"
)

// rekeyDebug is what a member of IOS prints of a rekey with a new KEK, up to
// numbers; this key server pushes over unicast.
const rekeyDebug = `GDOI:INFRA:(GDOI_GROUP:N):Received Rekey Message!
GDOI:INFRA:(GDOI_GROUP:N):Signature Valid!
GDOI:INFRA:(N):received payload type N
GDOI:INFRA:(N):processing GDOI Seq Payload, message_id  N
GDOI:INFRA:(N):Completed SEQ Processing for seq N
GDOI:INFRA:(N):processing GDOI SA Payload, message ID + N
GDOI:INFRA:(N):processing GDOI SA KEK Payload
GDOI:INFRA:(N): kek_sa->src N.N.N.N kek_sa->dst N.N.N.N
GDOI:INFRA:(N):    KEK_ALGORITHM N
GDOI:INFRA:(N):    KEY_LENGTH N
GDOI:INFRA:(N):    KEY_LIFETIME N
GDOI:INFRA:(N):    SIG_HASH_ALG N
GDOI:INFRA:(N):    SIG_ALG N
GDOI:INFRA:(N):    SIG_KEY_LEN N
GDOI:INFRA:(N): New Kek is received, reset last_seq_num to N
GDOI:INFRA:(N): Completed KEK Processing
GDOI:INFRA:(N):processing GDOI Private Attribute Payload
GDOI:INFRA:(N): Completed GDOI Attribute Processing
GDOI:INFRA:(GDOI_GROUP:N):Completed processing N GDOI SA TEK Payloads
GDOI:INFRA:(N):received payload type N
GDOI:INFRA:(N):processing GDOI KD Payload, message_id  N
GDOI:INFRA:(N):processing GDOI Key Packet, message_id  N
GDOI:INFRA:(N):processing TEK KD: spi is N
GDOI:INFRA:(N):                   lifetime is N seconds
GDOI:INFRA:(N):TEK Integrity Key N bytes
GDOI:INFRA:(N):Completed KeyPkt Processing
GDOI:INFRA:(N):processing GDOI Key Packet, message_id  N
GDOI:INFRA:(N): Processing KEK KD
GDOI:INFRA:(N):KEK Alg Key N bytes
GDOI:INFRA:(N):KEK Sig Key N bytes
GDOI:INFRA:(N):Completed KeyPkt Processing
GDOI:INFRA:(N):Unicast Rekey from KS N
%GDOI-N-GM_RECV_REKEY: Received Rekey for group GDOI_GROUP from N.N.N.N to N.N.N.N with seq # N
GDOI:INFRA:(GDOI_GROUP:N): using SPI N
GDOI:INFRA:(GDOI_GROUP:N):crypto exact match ace number : N
`

var (
	hexNumber = regexp.MustCompile(`\b(0x[0-9A-F]+|[0-9A-F]{16})\b`)
	number    = regexp.MustCompile(`[0-9]+`)
)

// withoutNumbers is a line with N for each number.
func withoutNumbers(line string) string {
	return number.ReplaceAllString(hexNumber.ReplaceAllString(line, "0"), "N")
}

// at types a line at a node's console.
func at(t *testing.T, l *lab.Lab, node, line string) string {
	t.Helper()
	var out bytes.Buffer
	if err := l.Node(node).Execute(context.Background(), line, &out); err != nil {
		t.Errorf("%s# %s: %v\n%s", node, line, err, out.String())
	}
	return out.String()
}

// TestDebugRekey: `debug crypto gdoi ks rekey`, typed on a member, shows its
// rekeys in the words and order of IOS.
func TestDebugRekey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, j := start(t)
		if got := at(t, l, "R2", "debug crypto gdoi ks rekey"); got != "Crypto GDOI Key Server Rekey debugging is on\n" {
			t.Errorf("%q", got)
		}
		if got, want := at(t, l, "R2", "show debugging"), "Cryptographic Subsystem:\n  Crypto GDOI Group Member Rekey debugging is on\n  Crypto GDOI Key Server Rekey debugging is on\n"; got != want {
			t.Errorf("%q", got)
		}
		before := len(j.text("R2"))
		at(t, l, "R1", "configure terminal")
		for _, line := range []string{"crypto gdoi group GDOI_GROUP", "server local", "rekey algorithm aes 128", "sa ipsec 1", "replay counter window-size 128", "end"} {
			at(t, l, "R1", line)
		}
		at(t, l, "R1", "crypto gdoi ks rekey")
		time.Sleep(5 * time.Second)
		var got strings.Builder
		for _, x := range strings.Split(strings.TrimSpace(j.text("R2")[before:]), "\n") {
			line := strings.SplitN(x, ": ", 2)[1]
			if strings.Contains(line, "GM_RECV_REKEY") || strings.HasPrefix(line, "GDOI:INFRA") {
				got.WriteString(withoutNumbers(line) + "\n")
			}
		}
		if d := cmp.Diff(rekeyDebug, got.String()); d != "" {
			t.Errorf("(-IOS +got)\n%s", d)
		}
		if j.of("R3", nil) != nil {
			t.Error("R3 shows debug lines too")
		}

		// A level narrows it down, and `undebug all` ends it.
		at(t, l, "R2", "undebug all")
		at(t, l, "R2", "debug crypto gdoi gm rekey event")
		before = len(j.text("R2"))
		at(t, l, "R1", "crypto gdoi ks rekey")
		time.Sleep(5 * time.Second)
		if text := j.text("R2")[before:]; !strings.Contains(text, "Signature Valid!") || strings.Contains(text, "processing GDOI") {
			t.Errorf("at level event:\n%s", text)
		}
		if got := at(t, l, "R2", "undebug all"); got != "All possible debugging has been turned off\n" {
			t.Errorf("%q", got)
		}
		before = len(j.of("R2", nil))
		at(t, l, "R1", "crypto gdoi ks rekey")
		time.Sleep(5 * time.Second)
		if len(j.of("R2", nil)) != before || len(j.of("R2", syslog.GMRecvRekey)) != 3 {
			t.Errorf("after undebug all:\n%s", j.text("R2"))
		}
	})
}
