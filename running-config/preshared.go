package runningconfig

import "iter"

// PreShared are all pre-shared keys, those of global configuration first, then
// those of each `crypto keyring`. They may be changed in place.
func (i *ISAKMP) PreShared() iter.Seq[*ISAKMPKey] {
	return func(yield func(*ISAKMPKey) bool) {
		for n := range i.Keys {
			if !yield(&i.Keys[n]) {
				return
			}
		}
		for _, ring := range i.Keyrings {
			for n := range ring.Keys {
				if !yield(&ring.Keys[n]) {
					return
				}
			}
		}
	}
}
