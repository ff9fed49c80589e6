// Package interop holds no code, only tests: other people's IKE daemons and
// scanners in network namespaces, against the real program. It needs root,
// strongSwan, libreswan, ike-scan and tshark; docs/interoperability.md says
// which versions, and what the tests do not show.
package interop
