package lab_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coterie/appliance"
	"coterie/lab"
	"coterie/modes"
)

// recorded reboots a key server and a member that record, lets them work
// through registrations, rekeys and a configuration, and gives what they wrote.
func recorded(t *testing.T, keys bool) map[string][]byte {
	t.Helper()
	l, _ := start(t)
	ctx := context.Background()
	file := modes.File{System: "flash", Name: "trouble.rec"}
	nodes := []string{"R1", "R2"}
	for _, n := range nodes {
		if err := l.Node(n).Appliance().Record(ctx, file, keys); err != nil {
			t.Fatal(err)
		}
		reboot(t, l, n)
	}
	time.Sleep(2 * time.Minute)
	for _, n := range []string{"R3", "R4", "R5"} { // the key server has forgotten them
		if err := l.Node(n).Appliance().ClearGDOI(ctx, ""); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(2 * time.Minute)
	at(t, l, "R1", "crypto gdoi ks rekey")
	time.Sleep(time.Minute)
	at(t, l, "R1", "configure terminal")
	for _, line := range []string{"ip access-list extended ICMP", "5 deny icmp host 3.3.3.3 any", "crypto gdoi group GDOI_GROUP", "server local", "rekey algorithm aes 128", "end"} {
		at(t, l, "R1", line)
	}
	at(t, l, "R1", "crypto gdoi ks rekey replace-now")
	time.Sleep(time.Hour)
	if err := l.Node("R2").Appliance().ClearISAKMP(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Node("R2").Appliance().ClearSA(ctx); err != nil {
		t.Fatal(err)
	}
	at(t, l, "R2", "configure terminal")
	for _, line := range []string{"interface Ethernet0/0", "no crypto map", "crypto map CRYPTO_MAP", "end"} {
		at(t, l, "R2", line)
	}
	time.Sleep(time.Minute)
	if got := at(t, l, "R2", "show debugging"); !strings.Contains(got, "GDOI recording to flash:trouble.rec") {
		t.Errorf("show debugging:\n%s", got)
	}
	out := map[string][]byte{}
	for _, n := range nodes {
		a := l.Node(n).Appliance()
		if _, lines, err := a.StopRecording(ctx); err != nil || lines < 50 {
			t.Errorf("%s: %d lines, %v", n, lines, err)
		}
		text, err := a.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[n] = text
		if _, _, err := a.StopRecording(ctx); err == nil {
			t.Errorf("%s: stopped twice", n)
		}
	}
	return out
}

func reboot(t *testing.T, l *lab.Lab, node string) {
	t.Helper()
	n := l.Node(node)
	if err := n.Crash(); err != nil {
		t.Fatal(err)
	}
	if err := n.Boot(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestReplay: what a recording holds is enough to make the same octets again,
// and a single other octet is found.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for node, text := range recorded(t, true) {
			r, err := appliance.Replay(bytes.NewReader(text))
			if err != nil || r.Outputs < 20 || r.Inputs < 50 || r.Device != node {
				t.Errorf("%s: %+v, %v", node, r, err)
			}
			// Behind a screen of a terminal it is still one.
			if _, err := appliance.Replay(strings.NewReader("R2#more flash:trouble.rec\n" + string(text) + "R2#\n")); err != nil {
				t.Errorf("%s: with a prompt: %v", node, err)
			}
			for _, kind := range []string{`"kind":"send"`, `"kind":"random"`} {
				if _, err := appliance.Replay(bytes.NewReader(flip(t, text, kind))); err == nil {
					t.Errorf("%s: another octet in %s is not found", node, kind)
				}
			}
			cut := bytes.LastIndexByte(text[:len(text)*2/3], '\n') + len(`x{"ki`)
			if _, err := appliance.Replay(bytes.NewReader(text[:cut])); err == nil {
				t.Errorf("%s: a recording cut in a line is taken", node)
			}
		}
	})
}

// flip changes one octet of the data of the third line of a kind.
func flip(t *testing.T, text []byte, kind string) []byte {
	t.Helper()
	lines := bytes.Split(text, []byte("\n"))
	n := 0
	for i, line := range lines {
		if !bytes.Contains(line, []byte(kind)) {
			continue
		}
		if n++; n < 3 {
			continue
		}
		_, data, _ := strings.Cut(string(line), `"data":"`)
		data, _, _ = strings.Cut(data, `"`)
		octets, err := base64.StdEncoding.DecodeString(data)
		if err != nil || len(octets) == 0 {
			t.Fatalf("%s: %v", line, err)
		}
		octets[len(octets)/2] ^= 1
		lines[i] = bytes.Replace(line, []byte(data), []byte(base64.StdEncoding.EncodeToString(octets)), 1)
		return bytes.Join(lines, []byte("\n"))
	}
	t.Fatalf("fewer than 3 lines of %s", kind)
	return nil
}

// TestRecordingWithoutKeys: it holds no key, and says that it cannot be
// replayed.
func TestRecordingWithoutKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for node, text := range recorded(t, false) {
			if _, err := appliance.Replay(bytes.NewReader(text)); err != appliance.ErrNoKeys {
				t.Errorf("%s: %v", node, err)
			}
			for _, secret := range []string{"MY_KEY", hex.EncodeToString([]byte("MY_KEY")), base64.StdEncoding.EncodeToString([]byte("MY_KEY")), `"random"`, `"Keys":["`} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s: %s in the recording", node, secret)
				}
			}
		}
	})
}
