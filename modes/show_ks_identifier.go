package modes

import (
	"fmt"
	"slices"
	"strings"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/keyserver"
)

// showServer declares what a key server shows of its sender IDs, its clock and
// the features of its groups.
func (x *execCommands) showServer() {
	ks := func(words ...grammar.Node) grammar.Node {
		return append(grammar.Seq{kwCrypto, kwGDOI, grammar.Kw("ks", "Key server information")}, words...)
	}
	identifier := grammar.Kw("identifier", "Sender identifiers of counter modes")
	x.show(userLevel, ks(identifier), func(v View, _ grammar.Args, d *show.Doc) error { return showKSIdentifier(v, d, false) })
	x.show(userLevel, ks(identifier, grammar.Kw("detail", "Detailed information")),
		func(v View, _ grammar.Args, d *show.Doc) error { return showKSIdentifier(v, d, true) })
	x.show(userLevel, ks(grammar.Kw("replay", "Time-based anti-replay")), showKSReplay)
	x.showFeature()
}

// showKSIdentifier is `show crypto gdoi ks identifier [detail]`.
func showKSIdentifier(v View, d *show.Doc, detail bool) error {
	s := v.KeyServer()
	d.Data = s
	for i, g := range s.Groups {
		if i > 0 {
			d.Blank()
			d.Blank()
		}
		ids := g.SenderIDs
		mode, current, last := "Non-Counter (Non-Suite-B)", "none", "none"
		if ids.CounterMode {
			mode = "Counter (Suite-B)"
		}
		if ids.InUse {
			current = fmt.Sprint(ids.Current)
			if ids.Next > 0 {
				last = fmt.Sprint(ids.Next - 1)
			}
		}
		row := func(label string, value any) { d.Pair(4, 25, label, value) }
		d.Line("KS Sender ID (KSSID) Information for Group %s:", g.Config.Name)
		d.Blank()
		row("Transform Mode", mode)
		row("Re-initializing", "No")
		row("SID Length (Group Size)", groupSize(ids.Size.Bits))
		row("Current KSSID In-Use", current)
		row("Last GMSID Used", last)
		if detail {
			identifierDetail(d, row, ids)
		}
	}
	return nil
}

func identifierDetail(d *show.Doc, row func(string, any), ids keyserver.SenderIDSnapshot) {
	available := slices.DeleteFunc(slices.Clone(ids.Identifiers), func(id uint32) bool {
		return slices.Contains(ids.Used, id) || ids.InUse && id == ids.Current
	})
	used := ids.Used
	if ids.InUse && !slices.Contains(used, ids.Current) {
		used = slices.Sorted(slices.Values(append(slices.Clone(used), ids.Current)))
	}
	d.Blank()
	row("KSSID(s) Assigned", numbers(ids.Identifiers))
	row("KSSID(s) Used", numbers(used))
	row("KSSID(s) Used (Old)", "none")
	row("Available KSSID(s)", numbers(available))
	d.Blank()
	if !ids.CounterMode || ids.Remaining == 0 {
		d.Line("    REMAINING SIDs: none")
		return
	}
	inCurrent := uint64(0)
	if ids.InUse {
		inCurrent = uint64(ids.Size.Members() - ids.Next)
	}
	d.Line("    REMAINING SIDs:")
	d.Pair(6, 23, "Current KSSID", inCurrent)
	d.Pair(6, 23, "Until re-init", ids.Remaining)
}

// numbers prints a sorted list with its runs as ranges: "0-5, 9".
func numbers(list []uint32) string {
	var out []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if j > i {
			out = append(out, fmt.Sprintf("%d-%d", list[i], list[j]))
		} else {
			out = append(out, fmt.Sprint(list[i]))
		}
		i = j + 1
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}
