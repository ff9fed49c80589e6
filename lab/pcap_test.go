package lab

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"coterie/internal/env"
)

// captured is one record of a capture.
type captured struct {
	time  time.Time
	frame []byte
}

// readPcap is a reader of the classic format by its own lights.
func readPcap(t testing.TB, b []byte) []captured {
	t.Helper()
	if len(b) < 24 || hex.EncodeToString(b[:8]) != "d4c3b2a102000400" {
		t.Fatalf("not a classic capture: % x", b[:min(len(b), 24)])
	}
	if link := binary.LittleEndian.Uint32(b[20:]); link != 1 {
		t.Fatalf("link type %d, want 1, Ethernet", link)
	}
	var out []captured
	for b = b[24:]; len(b) > 0; {
		if len(b) < 16 {
			t.Fatalf("%d octets of a record's header", len(b))
		}
		sec, usec := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		kept, length := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
		if kept != length || int(kept) > len(b)-16 || usec >= 1e6 {
			t.Fatalf("record of %d of %d octets, %d left", kept, length, len(b)-16)
		}
		out = append(out, captured{time.Unix(int64(sec), int64(usec)*1000), b[16 : 16+kept]})
		b = b[16+kept:]
	}
	return out
}

type memory struct {
	bytes.Buffer
	fail   error
	closed bool
}

func (m *memory) Write(b []byte) (int, error) {
	if m.fail != nil {
		return 0, m.fail
	}
	return m.Buffer.Write(b)
}

func (m *memory) Close() error { m.closed = true; return nil }

func TestPcap(t *testing.T) {
	var m memory
	p, err := newPcap(&m)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2030, 1, 2, 3, 4, 5, 678_901_999, time.UTC)
	frames := [][]byte{[]byte("first frame"), {}, bytes.Repeat([]byte{7}, 1514)}
	for i, f := range frames {
		p.frame(at.Add(time.Duration(i)*time.Second), f)
	}
	got := readPcap(t, m.Bytes())
	if len(got) != len(frames) {
		t.Fatalf("%d records, want %d", len(got), len(frames))
	}
	for i, r := range got {
		want := at.Truncate(time.Microsecond).Add(time.Duration(i) * time.Second)
		if !r.time.Equal(want) || !bytes.Equal(r.frame, frames[i]) {
			t.Errorf("record %d: %v % x, want %v % x", i, r.time, r.frame, want, frames[i])
		}
	}
	m.fail = errors.New("disk full")
	p.frame(at, frames[0])
	m.fail = nil
	p.frame(at, frames[0])
	if err := p.close(); err == nil || !m.closed {
		t.Errorf("a failed write: close says %v, closed %v", err, m.closed)
	}
	if n := len(readPcap(t, m.Bytes())); n != len(frames) {
		t.Errorf("%d records after a failed write, want nothing more", n)
	}
	if got := pcapPath("d", "R1:Ethernet0/0-R2:Ethernet0/1"); got != filepath.Join("d", "R1_Ethernet0_0-R2_Ethernet0_1.pcap") {
		t.Errorf("path %s", got)
	}
}

func TestUDPFrame(t *testing.T) {
	// RFC 1071: the sum over a header or a datagram with its checksum is -0.
	for _, data := range []string{"", "x", "GROUPKEY-PUSH", strings.Repeat("\xff", 1001)} {
		f := udpFrame(netip.MustParseAddrPort("192.168.1.254:848"), netip.MustParseAddrPort("192.168.1.2:848"), []byte(data))
		if got := hex.EncodeToString(f[:14]); got != "aabbc0a80102aabbc0a801fe0800" {
			t.Errorf("Ethernet header %s", got)
		}
		ip, udp := f[14:34], f[34:]
		if onesComplement(0, ip) != 0 {
			t.Errorf("%q: IP checksum does not add up", data)
		}
		if n := binary.BigEndian.Uint16(ip[2:]); int(n) != len(f)-14 {
			t.Errorf("%q: total length %d of %d", data, n, len(f)-14)
		}
		pseudo := append(append([]byte{}, ip[12:20]...), 0, 17, udp[4], udp[5])
		if onesComplement(0, append(pseudo, udp...)) != 0 {
			t.Errorf("%q: UDP checksum does not add up", data)
		}
		if got := hex.EncodeToString(udp[:4]); got != "03500350" || string(udp[8:]) != data {
			t.Errorf("%q: UDP % x", data, udp)
		}
	}
}

func TestKeyLog(t *testing.T) {
	dir := t.TempDir()
	k, err := newKeyLog(dir, env.NewClock(1))
	if err != nil {
		t.Fatal(err)
	}
	k.PhaseOne([8]byte{1, 0x27, 0x2b, 0xe4, 0x55, 0x14, 0x35, 0xb4}, []byte{0xd5, 0xf5})
	for range 4 { // every member tells
		k.ESP(0xa1b2c3d4, "AES-CBC [RFC3602]", []byte{1, 2}, "HMAC-SHA-256-128 [RFC4868]", []byte{3})
	}
	k.ESP(0x1000, "AES-GCM with 16 octet ICV [RFC4106]", []byte{9}, "NULL", nil)
	k.PlainPush(netip.MustParseAddrPort("192.168.1.254:848"), netip.MustParseAddrPort("192.168.1.2:848"), []byte("push"))
	if err := k.close(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got, want := read(phaseOneTable), "01272be4551435b4,d5f5\n"; got != want {
		t.Errorf("phase 1 table %q, want %q", got, want)
	}
	want := `"IPv4","*","*","0xa1b2c3d4","AES-CBC [RFC3602]","0x0102","HMAC-SHA-256-128 [RFC4868]","0x03"` + "\n" +
		`"IPv4","*","*","0x00001000","AES-GCM with 16 octet ICV [RFC4106]","0x09","NULL",""` + "\n"
	if got := read(espTable); got != want {
		t.Errorf("ESP table\n%s, want\n%s", got, want)
	}
	if got := readPcap(t, []byte(read(plainPushFile))); len(got) != 1 || !bytes.HasSuffix(got[0].frame, []byte("push")) {
		t.Errorf("plain rekeys: %v", got)
	}
	for _, name := range []string{phaseOneTable, espTable} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v; keys are for their owner only", name, info.Mode(), err)
		}
	}
	if _, err := newKeyLog(filepath.Join(dir, "missing"), nil); err == nil {
		t.Error("a missing directory was accepted")
	}
}
