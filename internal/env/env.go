// Package env is what a protocol machine is lent by its surroundings: random
// bytes, work that must be done elsewhere, and the clock its timers run on.
//
// Machines are pure. They receive the time as an argument of Step, draw every
// private value from Env.Rand, and hand slow or blocking work out as a Job.
package env

import (
	"crypto/rand"
	"io"
)

// Env is lent to a machine for its lifetime.
type Env struct {
	// Rand yields private values: cookies, nonces, keys, jitter. Tests pass a
	// seeded reader, and the same seed then gives the same bytes on the wire.
	Rand io.Reader
	// Debug tells whether anybody sees debug lines now, so that a machine can
	// save itself making them; nil: they are always made. Nothing but lines may
	// depend on it.
	Debug func() bool
}

// Debugging tells whether debug lines are wanted.
func (e Env) Debugging() bool { return e.Debug == nil || e.Debug() }

// System is the Env of a running appliance.
func System() Env { return Env{Rand: rand.Reader} }

// Bytes draws n bytes. A reader that runs dry is a broken host, not an input
// error, so it panics.
func (e Env) Bytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(e.Rand, b); err != nil {
		panic("env: random source failed: " + err.Error())
	}
	return b
}

// Uint32 draws a uniform 32-bit number.
func (e Env) Uint32() uint32 {
	b := e.Bytes(4)
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// Below draws a uniform number in [0,n); n must be positive.
func (e Env) Below(n int64) int64 {
	if n <= 0 {
		panic("env: Below needs a positive bound")
	}
	b := e.Bytes(8)
	var v uint64
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return int64(v % uint64(n)) // bias below 2^-30 for the jitters drawn here
}

// A Job is work that leaves the control goroutine: private-key operations and
// Diffie-Hellman. The owner of the machine runs Do once, on any goroutine, and
// returns its result in a JobDone that carries the same ID. Do touches no
// state of the machine.
type Job struct {
	ID uint64 // unique within the machine that issued it
	Do func() any
}

// JobDone brings a Job's result back to the machine that issued it. A machine
// ignores an ID it no longer waits for.
type JobDone struct {
	ID     uint64
	Result any
}
