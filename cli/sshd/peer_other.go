//go:build !linux

package sshd

import (
	"errors"
	"net"

	"coterie/cli"
)

// Owner refuses everybody: this system does not say who a peer is.
func Owner(net.Conn) (cli.Login, error) {
	return cli.Login{}, errors.New("the console socket needs Linux")
}
