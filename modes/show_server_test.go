package modes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"coterie/crypto/suite"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/policy"
)

// countingServer serves a group in CBC, one in GCM with time-based anti-replay
// that has used two identifiers, and a fresh one in GCM.
func countingServer() *device {
	d := serverDevice()
	g := d.ks.Groups
	gcm := suite.Transform{Cipher: suite.ESPGCM256}
	g[0].SenderIDs = keyserver.SenderIDSnapshot{Size: policy.SizeMedium}
	g[1].Config.SAs[0].Transform, g[1].TEKs[0].Transform = gcm, gcm
	g[1].Config.Identifiers = []uint32{0, 1, 2, 3, 9}
	g[1].SenderIDs = keyserver.SenderIDSnapshot{CounterMode: true, Size: policy.SizeMedium, Identifiers: g[1].Config.Identifiers,
		Current: 2, Next: 39, InUse: true, Left: true, Used: []uint32{0, 1}, Remaining: 3*131071 - 39}
	g[1].Replay = keyserver.ReplaySnapshot{Enabled: true, Value: 71_460, NextSync: sec(7198)}
	g[2].SenderIDs = keyserver.SenderIDSnapshot{CounterMode: true, Size: policy.SizeSmall8, Left: true, Remaining: 255}
	return d
}

func TestServerNumbers(t *testing.T) {
	d := countingServer()
	for _, tt := range []struct{ line, name string }{
		{"show crypto gdoi ks identifier", "ks_identifier"},
		{"show crypto gkm ks identifier detail", "ks_identifier_detail"},
		{"show crypto gdoi ks replay", "ks_replay"},
		{"show crypto gdoi ks policy", "ks_policy_gcm"},
	} {
		screen(t, tt.name, typed(t, d, tt.line))
	}
}

// The tables of features: one group, members of several versions.
func TestFeatures(t *testing.T) {
	d := serverDevice()
	d.ks.Groups = d.ks.Groups[:1]
	d.ks.Groups[0].Members = tree{
		{Address: addr("3.3.1.1"), Version: "1.0.26"},
		{Address: addr("4.4.1.1"), Version: policy.Version},
		{Address: addr("5.5.1.1"), Version: "1.0.3"},
		{Address: addr("6.6.1.1"), Version: "unknown", Foreign: true},
	}
	for _, tt := range []struct{ line, name string }{
		{"show crypto gdoi feature", "feature"},
		{"show crypto gdoi feature suite-b", "feature_suite_b"},
		{"show crypto gdoi feature policy-replace", "feature_policy_replace"},
		{"show crypto gdoi feature pfs", "feature_pfs"},
	} {
		screen(t, tt.name, typed(t, d, tt.line))
	}
	for v, want := range map[string]bool{"1.0.4": true, "1.0.3": false, "1.1.0": true, "0.9.9": false, "2.0.0": true, "1.0": false, "x": false, "1.0.27": true} {
		if atLeast(v, "1.0.4") != want {
			t.Errorf("%q", v)
		}
	}
}

// Lists of identifiers: runs, single ones, none.
func TestNumbers(t *testing.T) {
	for want, list := range map[string][]uint32{"none": nil, "0": {0}, "0-1": {0, 1}, "0-3, 9": {0, 1, 2, 3, 9}, "1, 3, 5-7": {1, 3, 5, 6, 7}} {
		if got := numbers(list); got != want {
			t.Errorf("%v: %q, want %q", list, got, want)
		}
	}
}

// Without a counter mode the screen is that of a router, line by line.
func TestIdentifierOfARouter(t *testing.T) {
	d := serverDevice()
	d.ks.Groups = d.ks.Groups[:1]
	d.ks.Groups[0].Config.Name = "bw6000"
	d.ks.Groups[0].SenderIDs.Size = policy.SizeMedium
	want, err := os.ReadFile(filepath.Join("testdata", "screen", "ks_identifier_router.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got := typed(t, d, "show crypto gdoi ks identifier detail"); strings.TrimRight(got, "\n") != strings.TrimRight(string(want), "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
