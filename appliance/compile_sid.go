package appliance

import (
	"coterie/gdoi/policy"
	runningconfig "coterie/running-config"
)

// groupSizes are the sizes of `group size` by their words.
var groupSizes = map[string]policy.GroupSize{
	"": policy.SizeMedium, "large": policy.SizeLarge,
	"small 8": policy.SizeSmall8, "small 12": policy.SizeSmall12, "small 16": policy.SizeSmall16,
}

// senderIDs compiles `group size` and `identifier`. The ranges are in order and
// do not overlap.
func senderIDs(l *runningconfig.LocalServer) (size policy.GroupSize, identifiers []uint32) {
	if l.Identifier != nil {
		for _, r := range l.Identifier.Ranges {
			for id := r.Low; id <= r.High; id++ {
				identifiers = append(identifiers, uint32(id))
			}
		}
	}
	return groupSizes[l.Size], identifiers
}
