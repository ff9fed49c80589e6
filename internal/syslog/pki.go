package syslog

// Certificates and revocation lists.
var (
	PKICertificate = define("PKI", 6, "CERTRET", "Certificate received from Certificate Authority")
	PKIFetchFail   = define("PKI", 3, "CRL_FETCH_FAIL", "CRL fetch for trustpoint %v failed Reason : %v")
	PKIExpiry      = define("PKI", 4, "CERT_EXPIRY_WARNING", "%v Certificate belonging to trustpoint %v will expire in %d Days %d hours %d mins %d secs at %v.")
	PKIExpired     = define("PKI", 3, "CERT_EXPIRED", "%v Certificate belonging to trustpoint %v expired at %v").ours()
	// Of a peer's certificate; the blanks are those of IOS.
	PKIRevoked     = define("PKI", 3, "CERTIFICATE_REVOKED", "Certificate chain validation has failed.  The certificate (SN: %v) is revoked").provoked(anyone)
	PKIInvalid     = define("PKI", 3, "CERTIFICATE_INVALID_EXPIRED", "Certificate chain validation has failed.  The certificate (SN: %v) has expired.    Validity period ended on %v").provoked(anyone)
	PKINotYetValid = define("PKI", 3, "CERTIFICATE_INVALID_NOT_YET_VALID", "Certificate chain validation has failed.  The certificate (SN: %v) is not yet valid   Validity period starts on %v").provoked(anyone)
	PKIDamaged     = define("PKI", 3, "CERT_DAMAGED", "The stored certificates of trustpoint %v cannot be used: %v").ours()
)
