package interop

import (
	"net/netip"
	"strings"
	"testing"

	"coterie/internal/testenv"
)

// TestIKEScan sends message 1 in every shape that ike-scan knows. Whatever it
// sends, each datagram has at most one answer, and no answer is longer than
// what asked for it: nobody has returned our cookie yet.
func TestIKEScan(t *testing.T) {
	scan := testenv.Tool(t, "ike-scan")
	server, h := newNetwork(t)
	ks := keyServer(t, server, "")
	seen := server.tap()
	const aes128 = "(1=7,2=2,3=1,4=2)" // without a key length
	const (
		handshake = "Main Mode Handshake returned"
		refusal   = "Notify message 14 (NO-PROPOSAL-CHOSEN)"
		silence   = "0 returned handshake; 0 returned notify"
	)
	var kept []chapter
	for _, tt := range []struct {
		name string
		args []string
		want []string // in its report
	}{
		{"one transform", []string{"--trans=(1=7,14=256,2=4,3=1,4=14,11=1,12=0x00015180)"},
			[]string{handshake, "SA=(Enc=AES KeyLength=256 Hash=SHA2-256 Auth=PSK Group=14:modp2048 LifeType=Seconds LifeDuration(4)=0x00015180)"}},
		{"the key server's order counts", []string{"--trans=(1=7,14=128,2=2,3=1,4=2)", "--trans=(1=5,2=2,3=1,4=2)", "--trans=(1=7,14=256,2=4,3=1,4=19)"},
			[]string{handshake, "SA=(Enc=AES KeyLength=256 Hash=SHA2-256 Auth=PSK Group=19"}},
		{"aes 128 with a key length", []string{"--trans=(1=7,14=128,2=2,3=1,4=2)"}, []string{handshake, "SA=(Enc=AES KeyLength=128 Hash=SHA1 Auth=PSK Group=2:modp1024"}},
		{"aes 128 without, and no life", []string{"--trans=" + aes128}, []string{handshake, "SA=(Enc=AES Hash=SHA1 Auth=PSK Group=2:modp1024)"}},
		{"its eight usual transforms", nil, []string{handshake, "SA=(Enc=3DES Hash=SHA1 Auth=PSK Group=2:modp1024"}},
		{"a life in kilobytes too", []string{"--trans=(1=7,2=2,3=1,4=2,11=1,12=0x00015180,11=2,12=0x00000064)"}, []string{handshake, "LifeType=Kilobytes"}},
		{"a life of nothing", []string{"--trans=(1=7,2=2,3=1,4=2,11=1,12=0x00000000)"}, []string{refusal}},
		{"the GDOI DOI", []string{"--trans=" + aes128, "--doi=2", "--situation=0"}, []string{handshake}},
		{"an SPI", []string{"--spisize=8", "--trans=" + aes128}, []string{handshake}},
		{"vendor IDs of others", []string{"--trans=" + aes128, "--vendor=12f5f28c457168a9702d9fe274cc0100", "--vendor=" + strings.Repeat("ab", 200)}, []string{handshake}},
		{"a certificate request", []string{"--trans=" + aes128, "--certreq=04"}, []string{handshake}},
		{"des", []string{"--trans=(1=1,2=1,3=1,4=1)"}, []string{refusal}},
		{"numbers nobody knows", []string{"--trans=(1=99,2=99,3=1,4=99)"}, []string{refusal}},
		{"a key length nobody knows", []string{"--trans=(1=7,14=129,2=2,3=1,4=2)"}, []string{refusal}},
		{"a method without credentials", []string{"--trans=(1=7,14=256,2=4,3=3,4=14)"}, []string{refusal}},
		{"encryption with RSA", []string{"--trans=(1=7,14=256,2=4,3=4,4=14)"}, []string{refusal}},
		{"XAUTH", []string{"--trans=(1=7,14=256,2=4,3=65001,4=14)"}, []string{refusal}},
		{"another transform", []string{"--transid=2", "--trans=" + aes128}, []string{refusal}},
		{"aggressive mode", []string{"--aggressive", "--id=somebody", "--trans=" + aes128}, []string{silence}},
		{"quick mode", []string{"--exchange=32", "--trans=" + aes128}, []string{silence}},
		{"a rekey", []string{"--exchange=33", "--trans=" + aes128}, []string{silence}},
		{"an exchange nobody knows", []string{"--exchange=99", "--trans=" + aes128}, []string{silence}},
		{"another DOI", []string{"--doi=99", "--trans=" + aes128}, []string{silence}},
		{"another protocol", []string{"--protocol=3", "--trans=" + aes128}, []string{silence}},
		{"IKE version 2.0", []string{"--headerver=32", "--trans=" + aes128}, []string{silence}},
		{"the encryption flag", []string{"--hdrflags=1", "--trans=" + aes128}, []string{silence}},
		{"a header that says too much", []string{"--headerlen=500", "--trans=" + aes128}, []string{silence}},
		{"a header that says too little", []string{"--headerlen=40", "--trans=" + aes128}, []string{silence}},
		{"another first payload", []string{"--nextpayload=13", "--trans=" + aes128}, []string{silence}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer := netip.MustParseAddr("10.9.0.2")
			before := len(seen.datagrams(peer))
			args := append([]string{"--dport=848", "--nodns", "--retry=1", "--timeout=250"}, tt.args...)
			out := must(t, h.command(scan, append(args, "10.9.0.1")...))
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if n := strings.Count(out, "SA=("); n > 1 || strings.Count(out, "Enc=") > 1 {
				t.Errorf("more than one transform in\n%s", out)
			}
			want := 2
			if tt.want[0] == silence {
				want = 1
			}
			seen.await(t, peer, before+want)
			got := seen.datagrams(peer)[before:]
			kept = append(kept, chapter{tt.name, got})
			if len(got) != want || got[0].to.Port() != 848 || want == 2 && (got[1].from.Port() != 848 || len(got[1].data) > len(got[0].data)) {
				t.Errorf("%d datagrams: %+v", len(got), got)
			}
		})
	}
	if ks.count("authenticated with") > 0 {
		t.Error("somebody was authenticated")
	}
	record(t, "ike-scan.txt", kept...)
	seen.judge(t, "10.9.0.1")
}
