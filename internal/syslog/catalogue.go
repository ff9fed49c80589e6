package syslog

// Registration and rekey, as a group member says it.
var (
	GMRegister          = define("CRYPTO", 5, "GM_REGSTER", "Start registration to KS %v for group %v using address %v fvrf %v ivrf %v")
	GDOIOnOff           = define("CRYPTO", 6, "GDOI_ON_OFF", "GDOI is %v")
	ISAKMPOnOff         = define("CRYPTO", 6, "ISAKMP_ON_OFF", "ISAKMP is %v")
	SATEKUpdated        = define("GDOI", 5, "SA_TEK_UPDATED", "SA TEK was updated")
	SAKEKUpdated        = define("GDOI", 5, "SA_KEK_UPDATED", "SA KEK was updated")
	GMRegsCompl         = define("GDOI", 5, "GM_REGS_COMPL", "Registration to KS %v complete for group %v using address %v fvrf %v ivrf %v")
	GMInstallSuccess    = define("GDOI", 5, "GM_INSTALL_POLICIES_SUCCESS", "SUCCESS: Installation of Reg/Rekey policies from KS %v for group %v & gm identity %v fvrf %v ivrf %v")
	GMInstallFailed     = define("GDOI", 3, "GM_FAILED_TO_INSTALL_POLICIES", "FAILED: Installation of Reg/Rekey policies from KS %v for group %v & gm identity %v")
	GMReRegister        = define("GDOI", 4, "GM_RE_REGISTER", "The IPSec SA created for group %v may have expired/been cleared, or didn't go through. Re-register to KS.")
	GMRecvRekey         = define("GDOI", 5, "GM_RECV_REKEY", "Received Rekey for group %v from %v to %v with seq # %d")
	GMCMAttach          = define("GDOI", 5, "GM_CM_ATTACH", "Crypto map attached for GM in group %v")
	GMCMDetach          = define("GDOI", 5, "GM_CM_DETACH", "Crypto map detached for GM in group %v")
	GMUnregister        = define("GDOI", 5, "GM_UNREGISTER", "GM left the group %v.")
	GMClearRegister     = define("GDOI", 5, "GM_CLEAR_REGISTER", "Config: GM cleared from the group %v.")
	GMIncompleteCfg     = define("GDOI", 3, "GM_INCOMPLETE_CFG", "Registration: incomplete config for group %v")
	GMHashFail          = define("GDOI", 4, "GM_HASH_FAIL", "Registration: Bad(No) hash in message sent by the KS %v to the GM %v").provoked(1)
	GMRejectingSA       = define("GDOI", 4, "GM_REJECTING_SA_PAYLOAD", "Registration: Policy in SA payload sent by KS %v rejected by GM in the group %v reason: %v").provoked(1)
	GMPolicyReplaceNow  = define("GDOI", 4, "GM_RECV_POLICY_REPLACE_NOW", "GM received policy replace now rekey from KS in group %v.")
	GMRecvDelete        = define("GDOI", 4, "GM_RECV_DELETE", "GM received delete-msg from KS in group %v. TEKs lifetime are reduced and re-registration will start before SA expiry")
	GMRekeyTransUnicast = define("GDOI", 5, "GM_REKEY_TRANS_2_UNI", "Group %v transitioned to Unicast Rekey.")
	GMACLMerge          = define("GDOI", 5, "GM_ACL_MERGE", "ACL between KS and GM in group %v merged.")
	GMACLPermit         = define("GDOI", 4, "GM_ACL_PERMIT", "GM doesn't support permit configured under local access-list. Traffic from %v to %v will be dropped.").provoked(1)
	RekeySeqFailure     = define("GDOI", 3, "GDOI_REKEY_SEQ_FAILURE", "Failed to process rekey seq # %d in seq payload for group %v, last seq # %d").provoked(anyone)
	RekeyFailure        = define("GDOI", 3, "GDOI_REKEY_FAILURE", "Processing of REKEY payloads failed on GM %v in the group %v, with peer at %v").provoked(3)
)

// The key server.
var (
	KSGroupAdd          = define("GDOI", 5, "KS_GROUP_ADD", "Config: Group %v added")
	KSGroupDelete       = define("GDOI", 5, "KS_GROUP_DELETE", "Config: Group %v deleted")
	KSNoRSAKeys         = define("GDOI", 1, "KS_NO_RSA_KEYS", "RSA Key - %v : Not found, Required for group %v")
	KSRegsCompl         = define("GDOI", 5, "KS_REGS_COMPL", "KS completed successful registration in group %v with GM %v.")
	KSBadID             = define("GDOI", 3, "KS_BAD_ID", "Registration: %v config mismatch between KS and the GM %v, with group identity %v").provoked(2)
	KSUnauthorized      = define("GDOI", 3, "KS_UNAUTHORIZED", "Registration: Unauthorized %v tried to join the group %v.").provoked(1)
	UnauthorizedIP      = define("GDOI", 1, "UNAUTHORIZED_IPADDR", "Group %v received registration from unauthorized ip address: %v").provoked(2)
	KSHashFail          = define("GDOI", 4, "KS_HASH_FAIL", "Registration: Bad(No) Hash in Message sent by the GM %v to KS %v").provoked(1)
	KSGMRejectsSA       = define("GDOI", 4, "KS_GM_REJECTS_SA_PAYLOAD", "Registration: GM %v rejected a policy in the SA proposal sent by KS in the group %v.").provoked(1)
	KSNackGMEject       = define("GDOI", 5, "KS_NACK_GM_EJECT", "KS ejected GM %v in group %v.")
	KSUnsolAck          = define("GDOI", 4, "KS_UNSOL_ACK", "KS received unsolicited ACK from GM %v in group %v.").provoked(1)
	KSFirstGM           = define("GDOI", 6, "KS_FIRST_GM", "Re-key: First GM %v seen by KS in the group %v.")
	KSLastGM            = define("GDOI", 6, "KS_LAST_GM", "Re-key: Last GM %v left from the group %v.")
	KSClearRegister     = define("GDOI", 5, "KS_CLEAR_REGISTER", "Config: KS cleared from group %v")
	KSSendUnicastRekey  = define("GDOI", 5, "KS_SEND_UNICAST_REKEY", "Sending Unicast Rekey %vfor group %v from address %v with seq # %d")
	KSSendMcastRekey    = define("GDOI", 5, "KS_SEND_MCAST_REKEY", "Sending Multicast Rekey %vfor group %v from address %v to %v  with seq # %d") // two blanks, as IOS
	KSRekeyTransUnicast = define("GDOI", 5, "KS_REKEY_TRANS_2_UNI", "Group %v transitioned to Unicast Rekey.")
	KSRekeyTransMulti   = define("GDOI", 5, "KS_REKEY_TRANS_2_MULTI", "Group %v transitioned to Multicast Rekey.")
	KSDefaultTransform  = define("GDOI", 5, "KS_USING_DEFAULT_TRANSFORM", "GETVPN is using default transforms for profile %v")
	PolicyChange        = define("GDOI", 5, "POLICY_CHANGE", "GDOI group %v policy has changed. Use 'crypto gdoi ks rekey' to send a rekey, or the changes will be send in the next scheduled rekey")
	RejectGMVersion     = define("GDOI", 4, "REJECT_GM_VERSION_REGISTER", "Reject registration of GM %v in group %v as it does not support these GETVPN features enabled: %v").provoked(1)
	ACLNum              = define("GDOI", 1, "GDOI_ACL_NUM", "The ACL %v has too many entries. GDOI will honor only the first 100 ACL entries specified.")
	ACLRange            = define("GDOI", 1, "GDOI_ACL_RANGE", "The ACL %v contains port range, which is NOT supported. WARNING: No TEK policy will be created.")
)

// Our own wording, where IOS has no message for what happened.
var (
	KSIncomplete = define("GDOI", 3, "KS_INCOMPLETE_CFG", "Key server of group %v cannot serve: %v").ours()
	// No IOS message says on the member why its key server refused it.
	GMRegistrationFailed = define("GDOI", 4, "GM_REGISTRATION_FAILED", "Registration: GM %v is not registered to KS %v for group %v: %v").ours()
	KSNoAnswer           = define("GDOI", 4, "GM_KS_NO_ANSWER", "Registration: no answer from KS %v for group %v").ours()
	CounterMode          = define("GDOI", 3, "COUNTER_MODE_REFUSED", "Group %v: transform %v needs sender IDs, which this key server cannot hand out; no TEK is created").ours()
	WeakAlgorithm        = define("CRYPTO", 4, "WEAK_ALGORITHM", "%v is weak; use %v").ours()
	NoEffect             = define("PARSER", 5, "NO_EFFECT", "%v kept in the configuration and %v no effect here").ours()
	UnknownIfc           = define("PARSER", 4, "NO_SUCH_INTERFACE", "Interface %v does not exist on this device; its configuration is kept").ours()
	UnresolvedName       = define("PARSER", 4, "UNRESOLVED", "%v refers to %v, which does not exist").ours()
)

// The data plane and ISAKMP.
var (
	RecvdPktNotIPSec = define("CRYPTO", 4, "RECVD_PKT_NOT_IPSEC", "Rec'd packet not an IPSEC packet. (ip) vrf/dest_addr= /%v, src_addr= %v, prot= %d").provoked(2)
	RecvdPktInvSPI   = define("CRYPTO", 4, "RECVD_PKT_INV_SPI", "decaps: rec'd IPSEC packet has invalid spi for destaddr=%v, prot=50, spi=0x%X(%d), srcaddr=%v, input interface=%v").provoked(4)
	PktReplayErr     = define("CRYPTO", 4, "PKT_REPLAY_ERR", "decrypt: replay check failed connection id=%d, sequence number=%d").provoked(anyone)
	IKMPBadMessage   = define("CRYPTO", 4, "IKMP_BAD_MESSAGE", "IKE message from %v failed its sanity check or is malformed").provoked(1)
	IKMPNoSA         = define("CRYPTO", 4, "IKMP_NO_SA", "IKE message from %v has no SA and is not an initialization offer").provoked(1)
	IKMPNoPSK        = define("CRYPTO", 4, "IKMP_NO_PRESHARED_KEY", "Pre-shared key for remote peer at %v is missing").provoked(1)
	IKMPModeFailure  = define("CRYPTO", 6, "IKMP_MODE_FAILURE", "Processing of %v mode failed with peer at %v").provoked(2)
	IKMPPolicy       = define("CRYPTO", 6, "IKMP_NOT_ACCEPTED", "No acceptable IKE policy with peer at %v").provoked(1)
)

// The system.
var (
	ConfigI = define("SYS", 5, "CONFIG_I", "Configured from %v by %v")
	Restart = define("SYS", 5, "RESTART", "System restarted")
	// `logging userinfo`.
	PrivAuthPass = define("SYS", 5, "PRIV_AUTH_PASS", "Privilege level set to %d by %v on %v")
	PrivAuthFail = define("SYS", 5, "PRIV_AUTH_FAIL", "Authentication to Privilege level %d failed by %v on %v").provoked(3)
	// Logging in.
	LoginSuccess = define("SEC_LOGIN", 5, "LOGIN_SUCCESS", "Login Success [user: %v] [Source: %v] [localport: %d] at %v")
	LoginFailed  = define("SEC_LOGIN", 4, "LOGIN_FAILED", "Login failed [user: %v] [Source: %v] [localport: %d] [Reason: %v] at %v").provoked(2)
	QuietModeOn  = define("SEC_LOGIN", 1, "QUIET_MODE_ON", "Still timeleft for watching failures is %d secs, [user: %v] [Source: %v] [localport: %d] [Reason: Login Authentication Failed] [ACL: sl_def_acl] at %v")
	QuietModeOff = define("SEC_LOGIN", 5, "QUIET_MODE_OFF", "Quiet Mode is OFF, because block period timed out at %v")
	// Servers of `logging host`.
	HostStartStop = define("SYS", 6, "LOGGINGHOST_STARTSTOP", "Logging to host %v port %d %v")
	HostFailed    = define("SYS", 3, "LOGGINGHOST_FAIL", "Logging to host %v port %d failed: %v")
	LinkUpDown    = define("LINK", 3, "UPDOWN", "Interface %v, changed state to %v")
	LinkChanged   = define("LINK", 5, "CHANGED", "Interface %v, changed state to administratively down")
	LineProto     = define("LINEPROTO", 5, "UPDOWN", "Line protocol on Interface %v, changed state to %v")
)
