//go:build !linux

package store

import "time"

// Now is the present moment, by the wall clock alone.
func Now() Moment { return Moment{Wall: time.Now().Round(0)} }
