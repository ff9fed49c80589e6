package virtual

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/xfrm"

	"github.com/google/go-cmp/cmp"
)

func TestEventsAreRateLimited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, b := pair(t, aesSHA256)
		received := func() (n int) {
			for nextEvent(b) != nil {
				n++
			}
			return n
		}
		for range 10 {
			b.Inbound(wire, ping)
			b.Inbound(wire, packet(1, "3.3.3.3", "4.4.4.4", nil))
		}
		if n := received(); n != 2 {
			t.Errorf("%d events from two sources", n)
		}
		time.Sleep(reportInterval - 1)
		b.Inbound(wire, ping)
		if n := received(); n != 0 {
			t.Errorf("%d events before the interval is over", n)
		}
		time.Sleep(1)
		b.Inbound(wire, ping)
		if n := received(); n != 1 {
			t.Errorf("%d events after it", n)
		}
		for i := range 5000 { // a flood of sources
			p := bytes.Clone(ping)
			binary.BigEndian.PutUint16(p[14:], uint16(i))
			b.Inbound(wire, p)
		}
		if n := received(); n > reportBacklog || len(b.reports.last) > reportSources {
			t.Errorf("%d events, %d sources", n, len(b.reports.last))
		}
		b.Close()
		b.Close()
		b.Inbound(wire, ping)
		if _, open := <-b.Events(); open {
			t.Error("Events still open")
		}
	})
}

func TestKeyLog(t *testing.T) {
	type row struct {
		SPI     uint32
		Cipher  string
		Key     int
		Auth    string
		AuthKey int
	}
	var rows []row
	d := newPlane(t, keyA, WithKeyLog(func(spi uint32, cipher string, key []byte, auth string, authKey []byte) {
		rows = append(rows, row{spi, cipher, len(key), auth, len(authKey)})
	}))
	g := xfrm.Group{Key: keyA, SAs: []xfrm.SA{
		sa(1, aesSHA256), sa(2, suite.Transform{Cipher: suite.ESPGCM128}), sa(3, suite.Transform{Cipher: suite.ESPGMAC256})}}
	install(t, d, g)
	install(t, d, g) // nothing new
	d.RemoveGroup(keyA)
	install(t, d, g)
	want := []row{
		{1, "AES-CBC [RFC3602]", 32, "HMAC-SHA-256-128 [RFC4868]", 32},
		{2, "AES-GCM with 16 octet ICV [RFC4106]", 20, "NULL", 0},
		{3, "NULL", 0, "ANY 128 bit authentication [no checking]", 0},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Error(diff)
	}
	for _, c := range suite.ESPCiphers() {
		if cipherNames[c] == "" {
			t.Errorf("%v has no name", c)
		}
	}
	for _, a := range suite.ESPAuths() {
		if authNames[a] == "" {
			t.Errorf("%v has no name", a)
		}
	}
}
