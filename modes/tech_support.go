package modes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"coterie/cli/grammar"
)

// techCommands are the screens of `show tech-support`, in its order.
var techCommands = []string{
	"show version",
	"show running-config",
	"show clock",
	"show users",
	"show interfaces",
	"show ip interface",
	"show ip interface brief",
	"show ip route",
	"show ip arp",
	"show access-lists",
	"show crypto gdoi",
	"show crypto gdoi gm dataplane counters",
	"show crypto gdoi ks members",
	"show crypto gdoi ks policy",
	"show crypto isakmp policy",
	"show crypto isakmp sa",
	"show crypto ipsec sa",
	"show crypto map",
	"show crypto session detail",
	"show crypto key mypubkey rsa",
	"show debugging",
	"show processes cpu",
	"show processes memory",
	"show memory statistics",
	"show logging",
}

// techSupport declares `show tech-support`.
func (x *execCommands) techSupport() {
	x.run(privilegedLevel, grammar.Seq{kwShow, grammar.Kw("tech-support", "Show system information for Tech-Support")},
		func(ctx context.Context, t grammar.Terminal, _ grammar.Args) error {
			for _, line := range techCommands {
				if err := x.techScreen(ctx, t, line); err != nil {
					return err
				}
			}
			return nil
		})
}

// techScreen runs one command; that it fails is part of the report.
func (x *execCommands) techScreen(ctx context.Context, t grammar.Terminal, line string) error {
	if _, err := fmt.Fprintf(t, "\n------------------ %s ------------------\n\n", line); err != nil {
		return err
	}
	m, err := x.mode.Parse(line, privilegedLevel)
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	page := &screenOf{Terminal: t}
	err = m.Command.Run(ctx, page, m.Args)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := page.String()
	if strings.HasSuffix(line, "running-config") {
		text = withoutSecrets(text)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		text += err.Error() + "\n"
	}
	_, err = io.WriteString(t, text)
	return err
}

// screenOf is a Terminal that keeps what is written.
type screenOf struct {
	grammar.Terminal
	bytes.Buffer
}

func (s *screenOf) Write(p []byte) (int, error) { return s.Buffer.Write(p) }

// withoutSecrets is a configuration that may leave the house.
func withoutSecrets(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(Redact(strings.TrimRight(line, "\r\n")))
		b.WriteByte('\n')
	}
	return b.String()
}
