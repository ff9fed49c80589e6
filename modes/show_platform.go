package modes

import (
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"coterie/cli/grammar"
	"coterie/cli/show"
)

// showPlatform declares `show platform gdoi counters`, which IOS does not
// have: what the engines dropped, and why.
func (x *execCommands) showPlatform() {
	x.show(userLevel, grammar.Seq{grammar.Kw("platform", "Show platform specific information"),
		grammar.Kw("gdoi", "Group-encrypted VPN engines"), grammar.Kw("counters", "Datagrams counted by what became of them")},
		func(v View, _ grammar.Args, d *show.Doc) error {
			var rows [][]string
			add := func(engine string, counters any) {
				c := reflect.ValueOf(counters)
				for i := range c.NumField() {
					if n := c.Field(i).Uint(); n > 0 {
						rows = append(rows, []string{engine, spaced(c.Type().Field(i).Name), strconv.FormatUint(n, 10)})
					}
				}
			}
			ike, ks, members := v.ISAKMP(), v.KeyServer(), v.Members()
			d.Data = struct{ ISAKMP, KeyServer, Members any }{ike.Counters, ks.Counters, members}
			add("isakmp", ike.Counters)
			add("key server", ks.Counters)
			for _, m := range members {
				add("member "+m.Config.Key.Name, m.Counters)
			}
			return d.Table([]string{"Engine", "Event", "Count"}, rows)
		})
}

// spaced turns the name of a counter into words: "HashFail" is "hash fail",
// "AcksReceived" is "acks received".
func spaced(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !(unicode.IsUpper(rune(name[i-1])) && (i+1 == len(name) || unicode.IsUpper(rune(name[i+1])))) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
