package term

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	p := NewPlain(strings.NewReader("show clock\r\nsecret\nexit\x1a"), &out, true)
	defer p.Close()
	ctx := context.Background()
	if l, err := p.ReadLine(ctx, "R2#", Options{}); l.Text != "show clock" || err != nil {
		t.Errorf("%+v %v", l, err)
	}
	if s, err := p.ReadSecret(ctx, "Password: "); s != "secret" || err != nil {
		t.Errorf("%q %v", s, err)
	}
	if l, err := p.ReadLine(ctx, "R2(config)#", Options{}); l.Text != "exit" || !l.End || err != nil {
		t.Errorf("%+v %v", l, err)
	}
	if l, err := p.ReadLine(ctx, "R2#", Options{}); err != io.EOF {
		t.Errorf("%+v %v", l, err)
	}
	if want := "R2#show clock\nPassword: \nR2(config)#exit\n"; out.String() != want {
		t.Errorf("screen %q, want %q", out.String(), want)
	}
}

// Without echo the prompt stands alone while the peer thinks; a log line goes
// below it and the prompt is shown again.
func TestPlainLog(t *testing.T) {
	peer := newPeer()
	p := NewPlain(peer, peer, false)
	go func() {
		peer.await(t, "R2#")
		p.Async("%A-5-ONE: x")
		peer.await(t, "R2#\n%A-5-ONE: x\nR2#")
		peer.typed("show clock\n")
	}()
	if l, err := p.ReadLine(context.Background(), "R2#", Options{}); l.Text != "show clock" || err != nil {
		t.Errorf("%+v %v", l, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.ReadLine(ctx, "R2#", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	p.Close()
	if _, err := p.ReadLine(context.Background(), "R2#", Options{}); err != io.EOF {
		t.Errorf("error %v", err)
	}
}

func TestScript(t *testing.T) {
	var out bytes.Buffer
	s := NewScript(&out, "show ?", "clo\t", "", "half\x03", "x\x1ex")
	o := Options{
		Help:     func(before string) { io.WriteString(s, "help for "+before+"\n") },
		Complete: func(string) (string, bool) { return "ck ", true },
	}
	if l, err := s.ReadLine(context.Background(), "R2#", o); l.Text != "show clock " || err != nil {
		t.Errorf("%+v %v", l, err)
	}
	if l, err := s.ReadLine(context.Background(), "R2#", o); l.Text != "half" || err != ErrInterrupt {
		t.Errorf("%+v %v", l, err)
	}
	if _, err := s.ReadLine(context.Background(), "R2#", o); err != ErrEscape {
		t.Errorf("error %v", err)
	}
	want := "R2#show ?\nhelp for show \nR2#show clo\nR2#show clock \nR2#half\nR2#x\n"
	if out.String() != want {
		t.Errorf("screen %q, want %q", out.String(), want)
	}
}
