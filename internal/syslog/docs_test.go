package syslog

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/messages.md from the catalogue")

const messagesFile = "../../docs/messages.md"

var verb = regexp.MustCompile(`%[a-zA-Z]`)

// document is docs/messages.md.
func document() string {
	var b strings.Builder
	b.WriteString(`# Messages

Generated from the catalogue in ` + "`internal/syslog`" + `: ` + "`go test ./internal/syslog -run Document -update`" + ` writes it again.

Every message is one line, ` + "`%FACILITY-SEVERITY-MNEMONIC: text`" + `, behind the sequence number (` + "`service sequence-numbers`" + `)
and the time stamp (` + "`service timestamps log`" + `). A ` + "`*`" + ` before the stamp says that nobody has set the clock, a ` + "`.`" + ` that
the time server which had set it is lost. ` + "`[text]`, `[n]` and `[hex]`" + ` stand for values.

Severities: 0 emergencies, 1 alerts, 2 critical, 3 errors, 4 warnings, 5 notifications, 6 informational, 7 debugging.

**ours**: IOS has no such message. **limited**: a packet from anybody can cause it; the same message about the same peer is
logged ` + fmt.Sprint(guardBurst) + ` times at once and then once in ` + fmt.Sprint(guardEvery) + `, all such messages together ` + fmt.Sprint(guardAll) + ` times at once and then once in ` + fmt.Sprint(guardRate) + `.
What is left out counts as rate-limited in ` + "`show logging`" + `.

Text that comes from a peer is printed with a dot for each control character, bidirectional or invisible character, combining
mark and octet that is no UTF-8, and a message is cut at ` + fmt.Sprint(maxText) + ` octets.

## What a server is sent

| ` + "`logging host ... format`" + ` | packet |
| --- | --- |
`)
	r := Record{Time: at, Seq: 29, Message: ConfigI.With("console", "console")}
	s := Sender{Facility: FacilityCode(""), Host: "R1", Number: 29}
	for _, f := range []struct {
		word   string
		format Format
	}{{"ios (default)", FormatIOS}, {"bsd, RFC 3164", FormatBSD}, {"syslog, RFC 5424", FormatSyslog}} {
		fmt.Fprintf(&b, "| %s | `%s` |\n", f.word, r.Packet(f.format, s))
	}
	b.WriteString(`
Over ` + "`transport udp`" + ` (port 514) a packet is a datagram; over ` + "`tcp`" + ` (601) and ` + "`tls`" + ` (6514, RFC 5425) its length and a blank
stand before it (RFC 6587, octet counting). The number behind ` + "`<PRI>`, and `sequenceId`" + `, count the messages of the device.
`)
	events := slices.Clone(Events())
	slices.SortStableFunc(events, func(x, y *Event) int {
		return cmp.Or(cmp.Compare(x.Facility, y.Facility), cmp.Compare(x.Mnemonic, y.Mnemonic))
	})
	facility := ""
	for _, e := range events {
		if e.Facility != facility {
			facility = e.Facility
			fmt.Fprintf(&b, "\n## %s\n\n", facility)
		}
		var marks []string
		if e.Own() {
			marks = append(marks, "ours")
		}
		if e.Provoked() {
			marks = append(marks, "limited")
		}
		mark := ""
		if len(marks) > 0 {
			mark = " (" + strings.Join(marks, ", ") + ")"
		}
		text := verb.ReplaceAllStringFunc(e.Format, func(v string) string {
			switch v {
			case "%d":
				return "[n]"
			case "%X", "%x":
				return "[hex]"
			}
			return "[text]"
		})
		fmt.Fprintf(&b, "- `%%%s-%d-%s: %s`%s\n", e.Facility, e.Severity, e.Mnemonic, text, mark)
	}
	return b.String()
}

// TestDocument keeps docs/messages.md current.
func TestDocument(t *testing.T) {
	want := document()
	if *update {
		if err := os.WriteFile(messagesFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(messagesFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, string(got)); d != "" {
		t.Errorf("docs/messages.md is not what the catalogue says; go test ./internal/syslog -run Document -update (-want +got):\n%s", d)
	}
}
