package appliance

import (
	"slices"
	"strings"
	"testing"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/xfrm"
)

// `group size` and `identifier` become a size and a sorted list.
func TestSenderIDsAreCompiled(t *testing.T) {
	for _, tt := range []struct {
		lines       string
		size        policy.GroupSize
		identifiers []uint32
	}{
		{"", policy.SizeMedium, nil},
		{"  group size large\n", policy.SizeLarge, nil},
		{"  group size small 8\n", policy.SizeSmall8, nil},
		{"  group size small 12\n", policy.SizeSmall12, nil},
		{"  group size small 16\n", policy.SizeSmall16, nil},
		{"  identifier\n   value 127\n   range 3 - 5\n   value 9\n", policy.SizeMedium, []uint32{3, 4, 5, 9, 127}},
		{"  group size large\n  identifier\n   range 510 - 511\n", policy.SizeLarge, []uint32{510, 511}},
	} {
		text := strings.Replace(keyServerText, "  address ipv4", tt.lines+"  address ipv4", 1)
		g := compile(parse(t, text), "R1", oneKey).KeyServer.Groups[0]
		if g.Size != tt.size || !slices.Equal(g.Identifiers, tt.identifiers) {
			t.Errorf("%q: %v %v", tt.lines, g.Size, g.Identifiers)
		}
	}
}

// Every line of `platform gdoi wire` reaches what writes the octets.
func TestWireFormIsCompiled(t *testing.T) {
	if f := compile(parse(t, keyServerText), "R1", oneKey).KeyServer.Form; f != (wire.Form{TEKIDLength: 2}) {
		t.Errorf("%+v", f)
	}
	text := keyServerText + `platform gdoi wire phase1-doi 1
platform gdoi wire sa-tek-id-length 1
platform gdoi wire signature digest-info
platform gdoi wire ack-length digest
platform gdoi wire ack-base-key without-iv
platform gdoi wire tbar-encoding metadata
`
	d := compile(parse(t, text), "R1", oneKey)
	if d.KeyServer.Form != (wire.Form{TEKIDLength: 1, SigDigestInfo: true, AckDigestLength: true, AckWithoutIV: true}) || d.ISAKMP.PhaseOneDOI != 1 {
		t.Errorf("%+v %d", d.KeyServer.Form, d.ISAKMP.PhaseOneDOI)
	}
	if e := d.KeyServer.Groups[0].SAs[0].Replay.Encoding; e != xfrm.TBARMetadata {
		t.Errorf("encoding %d", e)
	}
}
