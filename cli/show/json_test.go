package show

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"coterie/internal/secret"

	"github.com/google/go-cmp/cmp"
)

type colour uint8

func (c colour) String() string { return [...]string{"red", "green"}[c] }

// crowd is a collection that is only walked.
type crowd struct{ n int }

func (c crowd) Ascend(yield func(netip.Addr) bool) {
	for i := range c.n {
		if !yield(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})) {
			return
		}
	}
}

type base struct{ Name string }

type snapshot struct {
	base
	SPI        uint32
	Remaining  time.Duration
	At, Never  time.Time
	Key        secret.Bytes
	Peer, None netip.Addr
	Net        netip.Prefix
	MAC        [6]byte
	Colour     colour
	Members    crowd
	TEKs       []int
	Nothing    []int
	Pointer    *base
	Nil        *base
	Text       string
	ByName     map[string]int
	Rate       float64
	hidden     string
	Act        func()
	RSAKeys    bool
	IPsecLife  int
	Self       any
}

func TestJSON(t *testing.T) {
	s := &snapshot{
		base: base{"G1"}, SPI: 0xffffffff, Remaining: 90500 * time.Millisecond,
		At: time.Date(2026, 11, 21, 9, 24, 1, 123e6, time.UTC), Key: secret.Of("cisco"),
		Peer: netip.MustParseAddr("10.0.0.1"), Net: netip.MustParsePrefix("10.0.0.0/24"),
		MAC: [6]byte{0xaa, 0xbb, 0xcc, 0, 2, 0}, Colour: 1, Members: crowd{2}, TEKs: []int{1, 2},
		Pointer: &base{"p"}, Text: "a\"<b>\x1b[2J\xff\n", ByName: map[string]int{"b": 2, "a": 1}, Rate: 0.25, hidden: "no",
	}
	var b bytes.Buffer
	if err := JSON(&b, s); err != nil {
		t.Fatal(err)
	}
	want := `{
  "name": "G1",
  "spi": 4294967295,
  "remaining": 90.5,
  "at": "2026-11-21T09:24:01.123Z",
  "never": null,
  "key": "<hidden>",
  "peer": "10.0.0.1",
  "none": null,
  "net": "10.0.0.0/24",
  "mac": "aabbcc000200",
  "colour": "green",
  "members": [
    "10.0.0.0",
    "10.0.0.1"
  ],
  "teks": [
    1,
    2
  ],
  "nothing": [],
  "pointer": {
    "name": "p"
  },
  "nil": null,
  "text": "a\"<b>\u001b[2J�\n",
  "by_name": {
    "a": 1,
    "b": 2
  },
  "rate": 0.25,
  "rsa_keys": false,
  "ipsec_life": 0,
  "self": null
}
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	if !json.Valid(b.Bytes()) {
		t.Error("it is not JSON")
	}
}

// A snapshot that refers to itself ends.
func TestJSONOfALoop(t *testing.T) {
	s := new(snapshot)
	s.Self = s
	var b bytes.Buffer
	if err := JSON(&b, s); err != nil || !json.Valid(b.Bytes()) {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"RSAKeys": "rsa_keys", "TEKs": "teks", "InPackets": "in_packets", "SPI": "spi", "ReRegistersIn": "re_registers_in",
		"SAs": "sas", "HasKEK": "has_kek", "KEK": "kek", "IPsecLifetime": "ipsec_lifetime", "LinkMTU": "link_mtu", "A": "a",
		"SigHash": "sig_hash", "ACEs": "aces", "At": "at", "PSKsKnown": "psks_known",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
