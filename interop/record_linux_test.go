package interop

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "keep what the peers send as test data of crypto/isakmp")

// record keeps datagrams between the key server and a peer, one a line: ">"
// before what the peer sent, "<" before what it got. It does nothing without
// -update.
func record(t testing.TB, file string, chapters ...chapter) {
	t.Helper()
	if !*update {
		return
	}
	var b strings.Builder
	for _, c := range chapters {
		fmt.Fprintf(&b, "# %s\n", c.title)
		for _, d := range c.datagrams {
			mark := ">"
			if d.from.Port() == 848 {
				mark = "<"
			}
			fmt.Fprintf(&b, "%s %x\n", mark, d.data)
		}
	}
	if err := os.WriteFile(filepath.Join("..", "crypto", "isakmp", "testdata", "peers", file), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

type chapter struct {
	title     string
	datagrams []datagram
}

// since are the datagrams of the peer after the first n.
func (tp *tap) since(peer string, n int) []datagram {
	return tp.datagrams(netip.MustParseAddr(peer))[n:]
}
