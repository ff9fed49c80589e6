package modes

import (
	"fmt"

	"coterie/cli/grammar"
	"coterie/cli/show"
	"coterie/gdoi/keyserver"
)

// showKSReplay is `show crypto gdoi ks replay`.
func showKSReplay(v View, _ grammar.Args, d *show.Doc) error {
	return eachServed(v, d, func(g keyserver.GroupSnapshot) {
		d.Line("Anti-replay Information For Group %s:", g.Config.Name)
		d.Line("  Timebased Replay:")
		r := g.Replay
		if !r.Enabled {
			d.Line("    is not enabled")
			return
		}
		d.Pair(4, 25, "Replay Value", fmt.Sprintf("%d secs", r.Value/1000))
		d.Pair(4, 25, "Remaining sync time", fmt.Sprintf("%d secs", seconds(r.NextSync)))
	})
}
