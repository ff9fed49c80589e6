package modes

import (
	"fmt"
	"time"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// A Database describes where a key server keeps what it must not lose. A View
// may be one.
type Database interface {
	Database() (DatabaseSnapshot, error)
}

// DatabaseSnapshot is `show crypto gdoi ks database`.
type DatabaseSnapshot struct {
	Place        string // its file, or "memory"
	Octets       int64
	Sealed       string // the cipher; "": it is not
	Transactions uint64
	Written      time.Time
	Elapsed      string // by what it is known how much time has passed since
	Failed       string // why the last write failed
	Groups       []DatabaseGroup
}

// DatabaseGroup is what it has of one group.
type DatabaseGroup struct {
	Name    string
	Records int
}

// showDatabase declares `show crypto gdoi ks database`.
func (x *execCommands) showDatabase() {
	x.show(userLevel, grammar.Seq{kwCrypto, kwGDOI, grammar.Kw("ks", "Key server information"), grammar.Kw("database", "Durable state of the key server")},
		showKSDatabase)
}

func showKSDatabase(v View, _ grammar.Args, d *show.Doc) error {
	db, ok := v.(Database)
	if !ok {
		return fmt.Errorf("%% There is no key server database on this device")
	}
	s, err := db.Database()
	if err != nil {
		return err
	}
	d.Data = s
	pair := func(label string, value any) { d.Pair(4, groupWidth, label, value) }
	d.Line("Key Server Database")
	pair("Place", s.Place)
	pair("Size", fmt.Sprintf("%d octets", s.Octets))
	if s.Sealed == "" {
		pair("Sealed", "No")
	} else {
		pair("Sealed", "Yes ("+s.Sealed+")")
	}
	written := "never"
	if !s.Written.IsZero() {
		written = fmt.Sprintf("%s (%d secs ago)", s.Written.UTC().Format("15:04:05.000 UTC Mon Jan 2 2006"), seconds(v.Now().Sub(s.Written)))
	}
	pair("Last Write", written)
	pair("Writes", s.Transactions)
	pair("Time Off Measured By", s.Elapsed)
	if s.Failed != "" {
		pair("Status", "FAILED, no new numbers are given out")
		pair("Last Error", s.Failed)
	} else {
		pair("Status", "OK")
	}
	served := v.KeyServer()
	for _, g := range s.Groups {
		d.Blank()
		d.Line("  Group %s", g.Name)
		pair("Records", g.Records)
		for _, k := range served.Groups {
			if k.Config.Name != g.Name {
				continue
			}
			if k.HasKEK {
				pair("Rekey SEQ Last Used", k.Seq)
				if k.SeqReserved > k.Seq {
					pair("Rekey SEQ Reserved Up To", k.SeqReserved-1)
				}
			}
			if k.SenderIDs.CounterMode {
				pair("Sender ID Next Unused", fmt.Sprintf("%d of KS SID %d", k.SenderIDs.Next, k.SenderIDs.Current))
				pair("Sender ID Epoch", k.SenderIDs.Epoch)
			}
		}
	}
	return nil
}
