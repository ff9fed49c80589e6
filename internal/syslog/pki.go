package syslog

// Certificates and revocation lists.
var (
	PKICertificate = define("PKI", 6, "CERTRET", "Certificate received from Certificate Authority")
	PKIFetchFail   = define("PKI", 3, "CRL_FETCH_FAIL", "CRL fetch for trustpoint %v failed Reason : %v")
	PKIExpiry      = define("PKI", 4, "CERT_EXPIRY_WARNING", "%v Certificate belonging to trustpoint %v will expire in %d Days %d hours %d mins %d secs at %v.")
	PKIExpired     = define("PKI", 3, "CERT_EXPIRED", "%v Certificate belonging to trustpoint %v expired at %v").ours()
	PKIDamaged     = define("PKI", 3, "CERT_DAMAGED", "The stored certificates of trustpoint %v cannot be used: %v").ours()
)
