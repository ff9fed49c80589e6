package sshd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"coterie/cli"
)

// ErrStranger refuses a peer of the console that is neither root nor the user
// that the device runs as.
var ErrStranger = errors.New("only root and the owner of the device have its console")

// Owner is a Config.Trust: root and the user of this process are at the
// console, at privilege level 1. The kernel says who the peer is
// (SO_PEERCRED), and nobody else can.
func Owner(c net.Conn) (cli.Login, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return cli.Login{}, ErrStranger
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return cli.Login{}, fmt.Errorf("peer of the console: %w", err)
	}
	var peer *syscall.Ucred
	var perr error
	if err := raw.Control(func(fd uintptr) {
		peer, perr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return cli.Login{}, fmt.Errorf("peer of the console: %w", err)
	}
	if perr != nil {
		return cli.Login{}, fmt.Errorf("peer of the console: %w", perr)
	}
	if peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
		return cli.Login{}, ErrStranger
	}
	return cli.Login{Level: 1}, nil
}
