package isakmp

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coterie/crypto/keys"
	"coterie/crypto/suite"
	"coterie/internal/secret"

	"github.com/google/go-cmp/cmp"
)

// A peerDatagram went between a key server and the daemon of somebody else, in
// the order of the file. The tests of package interop record them.
type peerDatagram struct {
	file, chapter string
	sent          bool // by the peer
	data          []byte
}

func peerDatagrams(t testing.TB) []peerDatagram {
	t.Helper()
	files, err := filepath.Glob("testdata/peers/*.txt")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var out []peerDatagram
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		chapter := ""
		for line := range strings.Lines(string(text)) {
			mark, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			if mark == "#" {
				chapter = rest
				continue
			}
			data, err := hex.DecodeString(rest)
			if err != nil || mark != ">" && mark != "<" {
				t.Fatalf("%s: %q: %v", f, line, err)
			}
			out = append(out, peerDatagram{filepath.Base(f), chapter, mark == ">", data})
		}
	}
	return out
}

// What real daemons send is understood to the last payload, and written again
// as it was.
func TestPeersParse(t *testing.T) {
	plain := 0
	for _, d := range peerDatagrams(t) {
		if d.file == "ike-scan.txt" && d.sent {
			continue // some of that is wrong on purpose
		}
		h, body, err := ParseHeader(d.data)
		if err != nil {
			t.Errorf("%s, %s: %v in %x", d.file, d.chapter, err, d.data)
			continue
		}
		if h.Flags&1 != 0 {
			if len(body)%8 != 0 {
				t.Errorf("%s, %s: %d encrypted octets", d.file, d.chapter, len(body))
			}
			continue
		}
		plain++
		list, err := Payloads(h.Next, body)
		if err != nil {
			t.Errorf("%s, %s: %v in %x", d.file, d.chapter, err, d.data)
			continue
		}
		if _, again, err := AppendChain(nil, list...); err != nil || !bytes.Equal(again, body[:ChainLen(list)]) {
			t.Errorf("%s, %s: %x from %x, %v", d.file, d.chapter, again, body, err)
		}
		for p := range Of(list, PayloadSA) {
			sa, err := ParseSA(p.Body)
			if err != nil {
				t.Errorf("%s, %s: %v in %x", d.file, d.chapter, err, p.Body)
				continue
			}
			if again, err := sa.Append(nil); err != nil || !bytes.Equal(again, p.Body) {
				t.Errorf("%s, %s: SA %x from %x, %v", d.file, d.chapter, again, p.Body, err)
			}
		}
	}
	if plain < 50 {
		t.Errorf("only %d messages in the clear", plain)
	}
}

// Each recorded message 1 gets today what it got then: the same transform, the
// same refusal, or nothing.
func TestPeersAnswered(t *testing.T) {
	local, remote := netip.MustParseAddrPort("10.9.0.1:848"), netip.MustParseAddrPort("10.9.0.2:500")
	config := Config{Enabled: true, Accept: true, Keyrings: []Keyring{{PSKs: []keys.PSK{{Peer: netip.MustParsePrefix("10.9.0.0/24"), Key: secret.Of("a key")}}}}}
	for i, p := range []Policy{
		{Cipher: suite.AES256, Hash: suite.SHA256, Group: 14}, {Cipher: suite.AES256, Hash: suite.SHA256, Group: 19},
		{Cipher: suite.AES256, Hash: suite.SHA384, Group: 20}, {Cipher: suite.AES192, Hash: suite.SHA512, Group: 21},
		{Cipher: suite.AES128, Hash: suite.SHA256, Group: 15}, {Cipher: suite.AES256, Hash: suite.SHA512, Group: 16},
		{Cipher: suite.AES128, Hash: suite.SHA1, Group: 5}, {Cipher: suite.TripleDES, Hash: suite.SHA1, Group: 5},
		{Cipher: suite.AES128, Hash: suite.SHA1, Group: 2}, {Cipher: suite.TripleDES, Hash: suite.SHA1, Group: 2},
		{Cipher: suite.TripleDES, Hash: suite.MD5, Group: 2},
	} {
		p.Priority, p.Auth = 10*(i+1), PreShared
		config.Policies = append(config.Policies, p)
	}
	all := peerDatagrams(t)
	firsts := 0
	for i, d := range all {
		if !d.sent || i > 0 && all[i-1].sent && all[i-1].chapter == d.chapter || len(d.data) < HeaderLen || !bytes.Equal(d.data[8:16], make([]byte, 8)) ||
			!strings.Contains(d.chapter, "pre-shared") && d.file != "ike-scan.txt" {
			continue
		}
		firsts++
		w := newWire(t)
		w.add(local, New(seed(1)))
		w.step(local, Configure{config})
		w.step(local, Datagram{Local: local, Remote: remote, Data: d.data})
		var want, got []byte
		if i+1 < len(all) && !all[i+1].sent {
			want = all[i+1].data
		}
		if len(w.sent) > 0 {
			got = w.sent[0].Data
		}
		if diff := cmp.Diff(essence(t, want), essence(t, got)); diff != "" || len(w.sent) > 1 {
			t.Errorf("%s, %s: %d answers (-then +now):\n%s", d.file, d.chapter, len(w.sent), diff)
		}
		if len(got) > len(d.data) {
			t.Errorf("%s, %s: %d octets answered %d", d.file, d.chapter, len(got), len(d.data))
		}
	}
	if firsts < 40 {
		t.Errorf("only %d first messages", firsts)
	}
}

// essence is what an answer says: exchange, SA and notifies.
func essence(t *testing.T, data []byte) (out []string) {
	t.Helper()
	if data == nil {
		return nil
	}
	h, body, err := ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Payloads(h.Next, body)
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, hex.EncodeToString([]byte{h.Exchange, h.Flags}))
	for _, p := range list {
		if p.Type == PayloadSA || p.Type == PayloadNotify {
			out = append(out, hex.EncodeToString(p.Body))
		}
	}
	return out
}
