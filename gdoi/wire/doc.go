// Package wire is the codec of RFC 6407 (GDOI) payloads inside ISAKMP
// messages, with RFC 8263 acknowledgements, and the translation between those
// payloads and the values of package policy. One payload a file; every Parse
// is total, allocates in proportion to its input and keeps what it does not
// know. Parsed values alias the message they were read from unless their
// comment says otherwise.
//
// # Three layers
//
//	bytes  <->  SA, SAK, SAT, KeyPacket, Delete ...     (Parse, Append)
//	payloads <-> Policy: policy.KEK, policy.TEK, ACEs   (Policy.Encode, DecodeSA, Policy.AddKeys)
//	messages: Pull1 ... Pull4, Push, Ack                (Build, Parse with HASH or SIG)
//
// # What a policy on the wire means
//
// A key server and its members agree on the following, so that neither has to
// guess what the other holds. It uses RFC 6407's own payloads wherever there
// is one; private attributes are those of the Private numbers.
//
// A list of SATs is always complete. PULL message 2, and every PUSH with at
// least one SAT, carries all ACEs of all `sa ipsec` in order, and its KD the
// keys of every SPI named; a member replaces its whole policy. A PUSH whose SA
// has no SAT (a new KEK only, or only a GAP) leaves the traffic policy alone.
//
// Attribute PolicyID of a SAT is the number of its `sa ipsec`; without it each
// SPI counts as one of its own. The first SPI listed for a number is the
// current TEK. Further SPIs of the same number are older generations, newest
// first, marked SA_DIRECTION Receiver-Only: they decrypt and never encrypt. A
// key server lists them in a PULL, so that a new member understands those that
// have not changed over yet; a PUSH needs only the current ones. In a PULL the
// current TEK encrypts at once. With an ACTIVATION_TIME_DELAY it waits, and an
// older generation, listed or held already, goes on encrypting meanwhile.
//
// An ordinary rekey names new SPIs and has no Delete. The new TEK decrypts at
// once and encrypts after ACTIVATION_TIME_DELAY, 30 s (DefaultActivationDelay)
// when there is none, or earlier when no older TEK of that number can encrypt
// any more. Older TEKs go on decrypting until they expire.
//
// A rekey with changed policy (policy-replace) has a DEACTIVATION_TIME_DELAY:
// older TEKs end after that many seconds, if they do not expire before. The
// key server computes it with policy.ShortenedLife.
//
// A rekey with replace-now has a Delete of the old SPIs (or of SPI 0: all) and
// SATs: those TEKs go at once and the new ones encrypt at once. A TEK named in
// the SA of the same message survives its Delete.
//
// A Delete of SPI 0 for ESP, without SATs, ends the membership:
// the member drops what it holds and registers again after a random delay.
// With a DEACTIVATION_TIME_DELAY it keeps its TEKs that long, and registers
// before they end.
//
// A Delete of SPI 0 for the KEK alone asks for another authentication: the TEKs
// stay, and the member registers again over a new phase 1.
//
// Sender IDs come in PULL message 4, a new one at every registration, and hold
// for every counter-mode TEK of the group until the next registration; a PUSH
// brings none. When they run out, or their width changes, the membership is
// ended as above, and the next registration brings other keys.
//
// The pseudotime of message 2 and of every PUSH is the key server's when it
// wrote the message; a retransmission is as old as it is. A PUSH whose SA has
// the pseudotime alone, without KD, only sets clocks. A pseudotime far behind
// the one before comes with a replace-now.
//
// A PUSH is encrypted and signed under the KEK the member already has. A SAK
// with another SPI brings the KEK of the next PUSH, whose SEQ starts at 1; a
// SAK with the same SPI only refreshes its lifetime. A retransmission is
// bit-identical, and a member answers it with the same acknowledgement.
package wire
