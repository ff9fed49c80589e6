package lab

import (
	"errors"
	"flag"
	"fmt"
	"strconv"

	"coterie/modes"
)

// Options of `coterie lab`.
type Options struct {
	Name    string   // embedded lab or directory; empty: basic
	Sources []Source // -x and -script, in the order given
	Keep    bool     // -k: go on after an error
	Speed   float64  // how many times faster than the wall clock; 0: 1
	Pcap    string   // directory for captures
	KeyLog  bool     // key tables beside the captures
	List    bool     // only list the embedded labs
	Version modes.Version
}

// A Source of script lines.
type Source struct {
	Line string // of -x
	File string // of -script, when not empty
}

// Flags declares the flags of `coterie lab`.
func Flags(fs *flag.FlagSet, o *Options) {
	fs.Func("x", "run `'NODE# command'` without a terminal; repeatable, in order", func(s string) error {
		o.Sources = append(o.Sources, Source{Line: s})
		return nil
	})
	fs.Func("script", "run the lines of `FILE` as -x does", func(s string) error {
		if s == "" {
			return errors.New("a file name is missing")
		}
		o.Sources = append(o.Sources, Source{File: s})
		return nil
	})
	fs.BoolVar(&o.Keep, "k", false, "keep going after a line that failed")
	o.Speed = 1
	fs.Func("speed", "run lab time `N` times faster than the wall clock (default 1)", func(s string) error {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || !(n >= minSpeed && n <= maxSpeed) {
			return fmt.Errorf("a speed is between %v and %v", minSpeed, maxSpeed)
		}
		o.Speed = n
		return nil
	})
	fs.StringVar(&o.Pcap, "pcap", "", "write one capture per wire into `DIR`")
	fs.BoolVar(&o.KeyLog, "keylog", false, "write Wireshark key tables into the -pcap directory")
	fs.BoolVar(&o.List, "list", false, "list the labs that come with the program")
}

// Bounds of -speed: beyond them timers are finer than the host's.
const (
	minSpeed = 0.01
	maxSpeed = 1000
)
