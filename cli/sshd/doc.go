// Package sshd serves sessions of a device over SSH (RFC 4251 to 4254): shells
// with a terminal or without, and single commands with an exit status. The
// console is the same server over a unix socket whose peer the kernel vouches
// for; Attach is its client. Package sshd is the only importer of
// golang.org/x/crypto/ssh.
//
// It knows neither users nor lines: a cli.Authenticator says who a peer is,
// and a cli.Shell gives it a session.
package sshd
