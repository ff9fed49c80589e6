package modes

import (
	"net/netip"
	"testing"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/suite"
)

// withProfiles has an SA of each kind of authentication, and profiles.
func withProfiles() *device {
	d := &device{now: screenTime}
	if errs := Load(&d.config, `crypto isakmp policy 10
 encr aes 256
 authentication ecdsa-sig
 group 19
crypto isakmp policy 20
 authentication rsa-sig
crypto isakmp identity dn
crypto keyring HUBS
 pre-shared-key address 10.0.0.0 255.255.255.0 key RINGKEY
crypto isakmp profile HUBS
 keyring HUBS
 self-identity fqdn ks1.example.net
 match identity address 10.0.0.0 255.255.255.0 MGMT
 match identity host gm1.example.net
 match identity host domain example.net
crypto isakmp profile CERTS
 ca trust-point CA
 match identity user a@example.net
`); len(errs) > 0 {
		panic(errs[0].Err)
	}
	at := netip.MustParseAddrPort
	policy := func(a isakmp.Auth) isakmp.Policy {
		return isakmp.Policy{Cipher: suite.AES256, Hash: suite.SHA256, Group: 19, Auth: a, Lifetime: 86400 * time.Second}
	}
	ec, rsa := policy(isakmp.ECDSASig), policy(isakmp.RSASig)
	ec.Priority, rsa.Priority = 10, 20
	d.ike = isakmp.Snapshot{
		Config: isakmp.Config{Policies: []isakmp.Policy{ec, rsa}, Profiles: []isakmp.Profile{{Name: "HUBS", VRF: "BLUE"}}},
		SAs: []isakmp.SASnapshot{
			{Local: at("1.1.1.1:848"), Remote: at("10.0.0.7:848"), State: "MM_KEY_EXCH"},
			{Local: at("1.1.1.1:848"), Remote: at("10.0.0.5:848"), State: "GDOI_IDLE", ID: 1001, Policy: rsa, DPD: true, Profile: "HUBS",
				Peer: isakmp.Identity{Type: isakmp.IDFQDN, Data: []byte("gm1.example.net")}, Expires: screenTime.Add(time.Hour)},
			{Local: at("1.1.1.1:848"), Remote: at("10.0.0.6:848"), State: "GDOI_IDLE", ID: 1002, Policy: ec,
				Peer: isakmp.Identity{Type: isakmp.IDFQDN, Data: []byte("evil\x1b[2J\r\n")}, Expires: screenTime.Add(time.Hour)},
			{Local: at("1.1.1.1:848"), Remote: at("10.0.0.5:848"), State: "MM_NO_STATE", ID: 1000, Deleted: true},
		},
	}
	return d
}

func TestISAKMPScreens(t *testing.T) {
	for _, c := range []struct{ name, line string }{
		{"isakmp_sa_detail_auth", "show crypto isakmp sa detail"},
		{"isakmp_peers", "show crypto isakmp peers"},
		{"isakmp_peer", "show crypto isakmp peers 10.0.0.5"},
		{"isakmp_profile", "show crypto isakmp profile"},
		{"isakmp_profile_one", "show crypto isakmp profile CERTS"},
		{"isakmp_policy_auth", "show crypto isakmp policy"},
	} {
		t.Run(c.line, func(t *testing.T) { screen(t, c.name, typed(t, withProfiles(), c.line)) })
	}
}
