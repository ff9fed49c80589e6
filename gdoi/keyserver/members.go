package keyserver

import (
	"bytes"
	"net/netip"
	"sync"

	"github.com/google/btree"

	"coterie/crypto/isakmp"
)

// record is one registered member. A record in the tree never changes; a
// changed copy replaces it, so that snapshots stay what they were.
type record struct {
	MemberSnapshot
	identity isakmp.Identity // of its phase 1; acknowledgements repeat it
	caps     uint32
	keyed    bool   // it was given a KEK
	acks     bool   // it can acknowledge: it said so, or it has
	epoch    uint64 // of the group when it registered
	acked    uint64 // highest epoch it acknowledged
	settled  uint64 // highest epoch it acknowledged or was given up on
	silent   int    // rekeys in a row that it did not acknowledge
}

// memberTree is the database of members by address.
type memberTree struct{ tree *btree.BTreeG[*record] }

func newMemberTree() memberTree {
	return memberTree{btree.NewG(32, func(a, b *record) bool { return a.Address.Less(b.Address) })}
}

// Len is the number of members.
func (t memberTree) Len() int { return t.tree.Len() }

// Ascend calls f for the members in order of address until it returns false.
func (t memberTree) Ascend(f func(MemberSnapshot) bool) {
	t.tree.Ascend(func(r *record) bool { return f(r.MemberSnapshot) })
}

// Get finds a member by its registration address.
func (t memberTree) Get(a netip.Addr) (MemberSnapshot, bool) {
	if r := t.record(a); r != nil {
		return r.MemberSnapshot, true
	}
	return MemberSnapshot{}, false
}

func (t memberTree) record(a netip.Addr) *record {
	key := wanted.Get().(*record)
	key.Address = a
	r, _ := t.tree.Get(key)
	wanted.Put(key)
	return r
}

// wanted are records to look others up with: only the address is ever set.
var wanted = sync.Pool{New: func() any { return new(record) }}

// clone is a tree that the machine's changes no longer reach.
func (t memberTree) clone() memberTree { return memberTree{t.tree.Clone()} }

// push4 puts n in front of the history.
func push4(h [4]uint32, n uint32) [4]uint32 { return [4]uint32{n, h[0], h[1], h[2]} }

// is tells whether an acknowledgement names the member: by the identity of its
// phase 1, or by its registration address. Ports differ between the two.
func (r *record) is(id isakmp.Identity) bool {
	a, ok := id.Addr()
	return ok && a == r.Address || id.Type == r.identity.Type && bytes.Equal(id.Data, r.identity.Data)
}

func (r *record) understandsDeny() bool { return r.caps&isakmp.CapDenyACE != 0 }
