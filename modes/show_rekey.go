package modes

import (
	"cmp"
	"fmt"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/member"
)

// showGMRekey is `show crypto gdoi gm rekey [detail]`.
func showGMRekey(v View, _ grammar.Args, d *show.Doc) error {
	members := v.Members()
	d.Data = members
	for i, m := range members {
		if i > 0 {
			d.Blank()
			d.Blank()
		}
		if m.HasKEK {
			d.Line("Group %s (%s)", m.Config.Key.Name, transport(m.KEK.Unicast))
		} else {
			d.Line("Group %s", m.Config.Key.Name) // the transport comes with the KEK
		}
		d.Pair(4, 45, "Number of Rekeys received (cumulative)", m.RekeysReceived)
		d.Pair(4, 45, "Number of Rekeys received after registration", m.RekeysAfterRegistration)
		d.Pair(4, 45, "Number of Rekey Acks sent", m.AcksSent)
		d.Blank()
		d.Line("Rekey (KEK) SA information :")
		d.Line("          dst             src             conn-id  my-cookie  his-cookie")
		// A KEK just downloaded stands in the row New, as on a device that has
		// seen no rekey yet; the one it replaced is Previous while it is held.
		var live *member.KEKSnapshot
		if m.HasKEK {
			live = &m.KEK
		}
		kekRow(d, "New", live)
		kekRow(d, "Current", nil)
		kekRow(d, "Previous", m.PreviousKEK)
	}
	return nil
}

// kekRow prints one rekey SA.
func kekRow(d *show.Doc, label string, k *member.KEKSnapshot) {
	if k == nil {
		d.Line("%-8s: %-15s %-15s   %-6s %-10s %s", label, "---", "---", "---", "---", "---")
		return
	}
	mine, his := cookies(k)
	d.Line("%-8s: %-15v %-15v %6d   %s   %s", label, source(k.Dst), source(k.Src), k.ConnID, mine, his)
}

// cookies are the first halves of the two cookies that a KEK's SPI is made of.
func cookies(k *member.KEKSnapshot) (mine, his string) {
	return fmt.Sprintf("%X", k.SPI[0:4]), fmt.Sprintf("%X", k.SPI[8:12])
}

// showGMPubkey is `show crypto gdoi gm pubkey`.
func showGMPubkey(v View, _ grammar.Args, d *show.Doc) error {
	members := v.Members()
	d.Data = members
	for _, m := range members {
		d.Line("  GDOI Group: %s", m.Config.Key.Name)
		if !m.HasKEK {
			continue
		}
		mine, his := cookies(&m.KEK)
		d.Line("    KS IP Address: %v", source(m.KEK.Src))
		d.Line("    conn-id: %d    my-cookie:%s    his-cookie:%s", m.KEK.ConnID, mine, his)
		d.Line("    Key Data:")
		hexBlock(d, "      ", m.KEK.SigKey)
		d.Blank()
	}
	return nil
}

// showRekeySA is `show crypto gdoi rekey sa`.
func showRekeySA(v View, _ grammar.Args, d *show.Doc) error {
	members := v.Members()
	d.Data = members
	d.Line("GETVPN REKEY SA")
	d.Line("%-15s %-15s %-15s %s", "dst", "src", "conn-id", "status")
	for _, m := range members {
		for _, k := range keks(m) {
			d.Line("%-15v %-15v %-15d %s", source(k.Dst), source(k.Src), k.ConnID, "ACTIVE")
		}
	}
	return nil
}

// keks are the rekey SAs of a member, newest first.
func keks(m member.Snapshot) []*member.KEKSnapshot {
	var out []*member.KEKSnapshot
	if m.HasKEK {
		out = append(out, &m.KEK)
	}
	if m.PreviousKEK != nil {
		out = append(out, m.PreviousKEK)
	}
	return out
}

// showRekeySADetail is `show crypto gdoi rekey sa detail`.
func showRekeySADetail(v View, _ grammar.Args, d *show.Doc) error {
	members := v.Members()
	d.Data = members
	active := 0
	for _, m := range members {
		active += len(keks(m))
	}
	d.Line("KEK SA DB STATS:")
	d.Line("    num_active = %d", active)
	d.Blank()
	for _, m := range members {
		port := cmp.Or(m.Config.Port, 848)
		for i, k := range keks(m) {
			two := func(left string, l any, right string, r any) {
				d.Line("    %-19s: %-11v %-18s: %-10v", left, l, right, r)
			}
			d.Line("  KEK POLICY (transport type : %s)", transport(k.Unicast))
			d.Line("   Local addr/port : %s/%d", source(k.Dst), port)
			d.Line("   Remote addr/port : %s/%d", source(k.Src), port)
			d.Line("    spi : %s", spi16(k.SPI))
			two("management alg", "disabled", "encrypt alg", kekAlgorithm(k.Cipher))
			two("crypto iv length", k.Cipher.BlockLen(), "key size", k.Cipher.KeyLen())
			d.Line("    remaining life(sec): %-10d", seconds(k.Remaining))
			two("sig hash algorithm", "enabled", "sig key length", k.SigKeyLength)
			d.Line("    conn_id (IKEv1)    : %d", k.ConnID)
			if i == 0 {
				d.Line("    seq num            : %d", m.LastRekeySeq)
			}
			for _, name := range m.Config.Interfaces {
				d.Line("    Interface          : %s", name)
			}
			d.Line("    Group Name         : %-20s", m.Config.Key.Name)
			d.Blank()
		}
	}
	return nil
}
