//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io/fs"
)

// Capabilities, see capabilities(7).
const (
	capNetAdmin = "CAP_NET_ADMIN"
	capNetBind  = "CAP_NET_BIND_SERVICE"
	capNetRaw   = "CAP_NET_RAW or a group in net.ipv4.ping_group_range"
	capSysAdmin = "CAP_SYS_ADMIN"
)

// needs wraps an error of what; when it is a refusal, it names the capability.
func needs(capability, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s needs %s: %w", what, capability, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
