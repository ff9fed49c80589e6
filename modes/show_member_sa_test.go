package modes

import (
	"testing"
	"time"

	"coterie/crypto/suite"
	"coterie/gdoi/member"
	"coterie/gdoi/policy"
	runningconfig "coterie/running-config"
	"coterie/xfrm"
)

// numberedDevice is a member of one group in CBC and of one in GCM with
// time-based anti-replay.
func numberedDevice() *device {
	cbc := member.Snapshot{At: screenTime, Config: member.Config{Key: xfrm.GroupKey{Name: "bw6000", Source: addr("44.44.44.1")}},
		TEKs: []member.TEKSnapshot{{SPI: 1, Transform: aes256, Remaining: sec(4873), Outbound: true}}}
	gcm := member.Snapshot{At: screenTime, Config: member.Config{Key: xfrm.GroupKey{Name: "bw-suiteB", VRF: "RED", Source: addr("41.41.41.1")},
		Interfaces: []string{"Ethernet0/1"}},
		TEKs: []member.TEKSnapshot{
			{SPI: 3, Transform: suite.Transform{Cipher: suite.ESPGCM256}, Remaining: sec(4954), Outbound: true,
				Replay: policy.Replay{Method: policy.ReplayTime, TimeWindow: 5 * time.Second, Encoding: xfrm.TBARSequence}},
			{SPI: 2, Transform: suite.Transform{Cipher: suite.ESPGCM256}, Remaining: sec(20)}},
		ACEs:               aces("permit ip any any"),
		SenderIDs:          policy.SenderIDs{Bits: 32, Values: []uint32{0x800007}},
		SenderIDsRequested: 1, Pseudotime: 3611735_219}
	d := &device{name: "R2", now: screenTime, members: []member.Snapshot{cbc, gcm}}
	d.plane = xfrm.Snapshot{Groups: []xfrm.GroupSnapshot{{Key: gcm.Config.Key, Counters: xfrm.Counters{
		ReplaySend: 396920861, ReplayRcv: 2209247131, ReplayFail: 5, TimeSyncErr: 1, MaxTimeDelta: 1250 * time.Millisecond}}},
		Interfaces: []xfrm.InterfacePolicy{{Interface: "Ethernet0/0", MapName: "svn", FailClose: &xfrm.FailClose{ACL: "105", Exempt: aces("deny tcp any:23 any", "deny ospf any any")}}}}
	d.config.CryptoMaps = []*runningconfig.CryptoMap{
		{Name: "svn", FailClose: &runningconfig.FailClose{ACL: "105", Activate: true}},
		{Name: "later", FailClose: &runningconfig.FailClose{}}, {Name: "plain"}}
	return d
}

func TestMemberNumbers(t *testing.T) {
	d := numberedDevice()
	for _, tt := range []struct{ line, name string }{
		{"show crypto gdoi gm identifier", "gm_identifier"},
		{"show crypto gdoi gm identifier detail", "gm_identifier_detail"},
		{"show crypto gkm gm replay", "gm_replay"},
		{"show crypto map gdoi fail-close", "fail_close"},
		{"show crypto map gdoi fail-close later", "fail_close_later"},
		{"show crypto gdoi ipsec sa", "gdoi_ipsec_sa_time"},
	} {
		screen(t, tt.name, typed(t, d, tt.line))
	}
	d.plane.Groups[0].Counters.ReplayFail = 0
	screen(t, "gm_replay_good", typed(t, d, "show crypto gdoi gm replay"))
}

func TestRecoveryCheckOnScreen(t *testing.T) {
	d := memberDevice()
	d.members[0].Config.RecoveryCheck = 100 * time.Second
	d.members[0].Recoveries, d.members[0].RecoveriesPostponed = 3, 2
	d.config.Groups[0].FailCloseRevert = true
	screen(t, "gm_recovery", typed(t, d, "show crypto gdoi gm"))
}
