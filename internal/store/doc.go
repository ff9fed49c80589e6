// Package store keeps the durable facts of a key server in one file: numbers
// that were reserved, keys, pseudotime, members. It is the only user of bbolt.
//
// # What it promises
//
// Load gives exactly what the last Write that returned nil left there, or an
// error and nothing. Facts of an earlier time are never given: a sequence
// number or sender ID that comes back would be used a second time.
//
// # Files
//
//	NAME        the database
//	NAME.mark   which generation of which database was acknowledged last; also
//	            the lock that keeps a second process out
//	NAME.new    being made
//	NAME.aside-TIME   what could not be trusted, at most five of them
//
// # Sealing
//
// Each value is XChaCha20-Poly1305(key, random nonce, value) behind its nonce
// of 24 octets. The key is HKDF-SHA-256 of the master key. The additional data
// name the format, the database (16 random octets made with it), the group and
// the key, so that a value can stand in no other place. Names of groups and
// keys are in the clear.
//
// One more sealed record, the head, is rewritten by every transaction. It has
// the number of the transaction (the generation), the time, and a digest of all
// records: the sum modulo 2^256 of HMAC-SHA-256 over group, key and sealed
// value of each. A page that the disk has forgotten to write holds something
// older that may be sealed well; the digest does not fit it.
//
// A transaction that the disk forgot as a whole, or an old copy of the file put
// in its place, has a digest that fits. The mark, a second file written after
// each transaction, has a later generation then. What nothing in here can tell
// is a disk that was set back with both files, such as an old snapshot of a
// virtual machine: clear the groups after that ("clear crypto gdoi").
//
// # Trust
//
// bbolt maps its file into memory and follows the offsets it finds there. So a
// file is read and checked as plain octets first, every page that can be
// reached (pages.go), and bbolt opens only what passed. It falls back to the
// older of its two meta pages when the newer is damaged, which would be an
// earlier time: here, both must be sound and follow each other.
package store
