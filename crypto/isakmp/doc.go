// Package isakmp is IKEv1 as GDOI uses it: the codec of RFC 2408 messages and
// a pure machine that runs main mode with pre-shared keys or with RSA and ECDSA
// signatures as initiator and responder, carries the phase-2 exchanges of the
// layers above, and answers Informational exchanges (RFC 2408, RFC 2409, RFC 2407,
// RFC 3706, RFC 4754, and the IKE fragments of Cisco).
//
// # The machine
//
// A Machine owns every phase-1 SA of a device, in all its VRFs: a peer is a VRF and
// two addresses. It owns cookies, keys, message-ID IV chains, retransmission,
// duplicates. It sees time as an argument of Step, draws
// random bytes from its Env, and hands Diffie-Hellman and signatures out as
// Compute. States are those of IOS debugs:
//
//	initiator                              responder
//	IKE_READY      Connect, send 1         IKE_READY       1 arrives, send 2
//	IKE_I_MM1      2 arrives               IKE_R_MM2       3 arrives
//	IKE_I_MM2      (computing), send 3     IKE_R_MM3       (computing), send 4
//	IKE_I_MM3      4 arrives               IKE_R_MM4       5 arrives
//	IKE_I_MM4      (computing), send 5     IKE_R_MM5       (signing), send 6
//	IKE_I_MM5      6 arrives               IKE_P1_COMPLETE
//	IKE_P1_COMPLETE
//
// Input from the network never fails and never blocks: what is wrong is
// counted, and logged when it says something about the configuration. Nothing
// that is not authenticated changes an SA, and until a peer has returned our
// cookie no answer is longer than its request.
package isakmp
