//go:build !linux

package store

import "errors"

func mountSmall(string, int) error { return errors.New("only on Linux") }

func unmount(string) error { return nil }
