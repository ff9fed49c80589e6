package appliance

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"coterie/cli"
)

// pasted is a paste of n lines of an access list.
func pasted(n int) string {
	var b strings.Builder
	b.WriteString("configure terminal\nip access-list extended PASTE\n")
	for i := range n {
		fmt.Fprintf(&b, " permit ip host 10.%d.%d.%d any\n", i>>16&255, i>>8&255, i&255)
	}
	b.WriteString("end\nexit\n")
	return b.String()
}

// paste sends text to a new session with echo and gives the whole screen.
func paste(t testing.TB, d *remoteDevice, address, text string) string {
	t.Helper()
	c := dial(t, address, "boss", "boss-password")
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := errors.Join(s.RequestPty("vt100", 24, 80, nil), s.Shell()); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(in, text)
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A paste of ten thousand lines is echoed line by line, accepted in order, and
// takes about a second at most. The limit here allows for a slow machine that
// does other things at the same time.
func TestPaste(t *testing.T) {
	const lines = 10000
	d := serveSSH(t, adminText)
	address := d.await(t)
	began := time.Now()
	screen := paste(t, d, address, pasted(lines))
	took := time.Since(began)
	t.Logf("%d lines in %v, %.0f lines/s", lines, took.Round(time.Millisecond), lines/took.Seconds())
	if took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	list := d.Config().AccessLists
	if len(list) != 1 || len(list[0].Entries) != lines {
		t.Fatalf("%d lists", len(list))
	}
	rows := strings.Split(screen, "\r\n")
	if len(rows) < lines+3 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, e := range list[0].Entries {
		want := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
		if e.Src.Addr.String() != want {
			t.Fatalf("line %d is for %v, want %s", i, e.Src.Addr, want)
		}
		if row := "KS1(config-ext-nacl)# permit ip host " + want + " any"; rows[i+3] != row {
			t.Fatalf("row %d is %q, want %q", i, rows[i+3], row)
		}
	}
	if strings.ContainsRune(screen, '\x1b') {
		t.Error("there are escape sequences in the echo")
	}

	s := cli.New(cli.Config{Device: d.Appliance, Level: 15})
	defer s.Close()
	var running strings.Builder
	began = time.Now()
	if err := s.Execute(t.Context(), "show running-config", &running, nil); err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	t.Logf("show running-config in %v", took.Round(time.Millisecond))
	if n := strings.Count(running.String(), "\n permit ip host 10."); n != lines || took > 2*time.Second {
		t.Errorf("%d lines shown in %v", n, took)
	}
}

func BenchmarkPaste(b *testing.B) {
	const lines = 10000
	text := pasted(lines)
	d := serveSSH(b, adminText)
	address := d.await(b)
	for b.Loop() {
		paste(b, d, address, text)
		if err := d.MergeConfig(b.Context(), "no ip access-list extended PASTE\n"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// A paste that is cut in the middle of a line leaves the lines before it, all
// of them, and nothing of the line itself.
func TestPasteCut(t *testing.T) {
	d := serveSSH(t, adminText)
	c := dial(t, d.await(t), "boss", "boss-password")
	s := shell(t, c)
	s.await("KS1#")
	s.say("configure terminal", "KS1(config)#")
	s.say("ip access-list extended CUT", "KS1(config-ext-nacl)#")
	s.say("permit ip host 10.0.0.1 any", "KS1(config-ext-nacl)#")
	io.WriteString(s.in, "permit ip host 10.0.0.2 an") // which would do, had Enter followed
	s.await("host 10.0.0.2 an")
	c.Close()
	<-s.end
	tick, end := time.NewTicker(time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for len(d.Sessions()) > 0 {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("sessions %+v", d.Sessions())
		}
	}
	if l := d.Config().AccessLists; len(l) != 1 || len(l[0].Entries) != 1 {
		t.Errorf("%d lists, entries %+v", len(l), l[0].Entries)
	}
}
