package modes

import (
	"strings"
	"testing"
	"time"

	"coterie/cli/show"
	"coterie/gdoi/keyserver"
)

// databaseView is a device with a database.
type databaseView struct {
	View
	s DatabaseSnapshot
}

func (v databaseView) Database() (DatabaseSnapshot, error) { return v.s, nil }
func (v databaseView) Now() time.Time                      { return v.s.Written.Add(90 * time.Second) }
func (v databaseView) KeyServer() keyserver.Snapshot {
	return keyserver.Snapshot{Groups: []keyserver.GroupSnapshot{{
		Config: keyserver.Group{Name: "G1"}, HasKEK: true, Seq: 5, SeqReserved: 33,
		SenderIDs: keyserver.SenderIDSnapshot{CounterMode: true, Current: 2, Next: 64, Epoch: 1},
	}}}
}

func TestShowDatabase(t *testing.T) {
	v := databaseView{s: DatabaseSnapshot{
		Place: "/var/lib/coterie/key-server.db", Octets: 32768, Sealed: "XChaCha20-Poly1305", Transactions: 7,
		Written: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Elapsed: "boot clock, else wall clock",
		Groups: []DatabaseGroup{{"G1", 4}, {"GONE", 2}},
	}}
	d := new(show.Doc)
	if err := showKSDatabase(v, nil, d); err != nil {
		t.Fatal(err)
	}
	const want = `Key Server Database
    Place                    : /var/lib/coterie/key-server.db
    Size                     : 32768 octets
    Sealed                   : Yes (XChaCha20-Poly1305)
    Last Write               : 12:00:00.000 UTC Sat Nov 21 2026 (90 secs ago)
    Writes                   : 7
    Time Off Measured By     : boot clock, else wall clock
    Status                   : OK

  Group G1
    Records                  : 4
    Rekey SEQ Last Used      : 5
    Rekey SEQ Reserved Up To : 32
    Sender ID Next Unused    : 64 of KS SID 2
    Sender ID Epoch          : 1

  Group GONE
    Records                  : 2
`
	if got := d.String(); got != want {
		t.Errorf("got\n%s", got)
	}
	v.s.Failed = "no space left on device"
	d = new(show.Doc)
	if err := showKSDatabase(v, nil, d); err != nil || !strings.Contains(d.String(), "FAILED, no new numbers are given out") {
		t.Errorf("%v\n%s", err, d.String())
	}
	if err := showKSDatabase(v.View, nil, d); err == nil {
		t.Error("a device without a database")
	}
}
