package lab_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"coterie/internal/testenv"
)

// frames reads a classic pcap of Ethernet.
func frames(t *testing.T, file string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 24 || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 && binary.LittleEndian.Uint32(b) != 0xa1b23c4d || binary.LittleEndian.Uint32(b[20:]) != 1 {
		t.Fatalf("%s is no Ethernet pcap: % x", file, b[:min(24, len(b))])
	}
	var out [][]byte
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		out = append(out, b[16:16+n])
		b = b[16+n:]
	}
	return out
}

// TestCapture: on the shared segment the pings are ESP between the addresses
// of the pinging hosts, and none is ICMP; tshark, given the key tables,
// decrypts phase 1, PULL and ESP and finds nothing malformed.
func TestCapture(t *testing.T) {
	dir := t.TempDir()
	out, code := runLab(t, "basic", "-pcap", dir, "-keylog",
		"-x", "R2# configure terminal", "-x", "R2# platform gdoi wire phase1-doi 1", "-x", "R2# end",
		"-x", "R2# clear crypto isakmp", "-x", "R2# clear crypto gdoi", "-x", "R2# yes",
		"-x", "@wait R2 /Registration status   : Registered/ 30 show crypto gdoi gm",
		"-x", "R2# ping 4.4.4.4 source Loopback0 repeat 20",
		"-x", "R1# crypto gdoi ks rekey",
		"-x", "@wait R2 /Rekey ACKs sent       : 1/ 10 show crypto gdoi gm",
		"-x", "@sleep 1")
	if code != 0 {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	contains(t, out, "Success rate is 100 percent (20/20)")
	there, back := 0, 0
	a2, a4 := netip.MustParseAddr("2.2.2.2"), netip.MustParseAddr("4.4.4.4")
	for _, f := range frames(t, filepath.Join(dir, "WAN.pcap")) {
		if len(f) < 34 || binary.BigEndian.Uint16(f[12:]) != 0x0800 {
			continue
		}
		ip := f[14:]
		src, dst := netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
		switch {
		case ip[9] == 1:
			t.Errorf("ICMP in the clear, %v -> %v", src, dst)
		case ip[9] == 50 && src == a2 && dst == a4:
			there++
		case ip[9] == 50 && src == a4 && dst == a2:
			back++
		}
	}
	if there != 20 || back != 20 {
		t.Errorf("%d ESP packets to 4.4.4.4 and %d back, want 20", there, back)
	}
	dissect(t, dir)
}

// dissect is tshark's opinion of the captures in dir.
func dissect(t *testing.T, dir string) {
	tshark := testenv.Tool(t, "tshark")
	run := func(file string, args ...string) string {
		cmd := exec.Command(tshark, append([]string{"-r", filepath.Join(dir, file), "-d", "udp.port==848,isakmp",
			"-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE", "-o", "esp.do_esp_sequence_analysis:FALSE"}, args...)...)
		cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("tshark %s: %v\n%s", file, err, stderr.String())
		}
		return string(out)
	}
	for _, file := range []string{"WAN.pcap", "plain-push.pcap"} {
		text := run(file, "-V")
		for _, bad := range []string{"Malformed", "Expert Info (Error", "[incorrect", "Authentication Data [incorrect"} {
			if i := strings.Index(text, bad); i >= 0 {
				t.Errorf("%s: %s", file, text[max(0, i-1500):min(len(text), i+200)])
			}
		}
	}
	// PULL of the registration with phase-1 DOI 1: HASH NONCE ID, HASH NONCE SA
	// (tshark lists its SAT), HASH, HASH SEQ KD.
	rows := run("WAN.pcap", "-Y", "isakmp.exchangetype==32", "-T", "fields", "-e", "isakmp.typepayload")
	want := []string{"8,10,5", "8,10,1,16", "8", "8,18,17"}
	lines := strings.Split(strings.TrimSpace(rows), "\n")
	next := 0
	for _, l := range lines {
		if next < len(want) && strings.HasPrefix(l, want[next]) {
			next++
		}
	}
	if next != len(want) {
		t.Errorf("PULL dissects as\n%s\nwant rows beginning %q", rows, want)
	}
	push := run("plain-push.pcap", "-T", "fields", "-e", "isakmp.exchangetype", "-e", "isakmp.typepayload")
	if !strings.Contains(push, "33\t18,1,16") || !strings.Contains(push, "17") {
		t.Errorf("PUSH dissects as\n%s", push)
	}
	if esp := run("WAN.pcap", "-Y", "esp && icmp", "-T", "fields", "-e", "icmp.type"); strings.Count(esp, "\n") < 40 {
		t.Errorf("ESP decrypts to %d ICMP messages, want 40", strings.Count(esp, "\n"))
	}
}
