package syslog

// A Topic is what `debug` switches on: one bit each.
type Topic uint32

// Topics of `debug crypto gdoi ...` and `debug crypto isakmp`.
const (
	DebugISAKMP Topic = 1 << iota
	DebugGMRegistration
	DebugGMRekey
	DebugGMACLs
	DebugGMInfrastructure
	DebugGMReplay
	DebugKSRegistration
	DebugKSRekey
	DebugKSInfrastructure
	DebugKSReplay
	DebugIPsec
	DebugGMCleanup
	DebugKSCoop
	topicEnd
)

// DebugAll is every topic there is.
const DebugAll = topicEnd - 1

// What `debug crypto gdoi`, `... gm` and `... ks` switch on.
const (
	DebugGM = DebugGMRegistration | DebugGMRekey | DebugGMACLs | DebugGMInfrastructure | DebugGMReplay | DebugGMCleanup
	DebugKS = DebugKSRegistration | DebugKSRekey | DebugKSInfrastructure | DebugKSReplay | DebugKSCoop

	DebugGDOI = DebugGM | DebugKS
)

// A Level is how much a debug line tells, one bit each, so that a set of them
// says what is shown.
type Level uint8

// Levels of `debug crypto gdoi ... LEVEL`.
const (
	LevelError  Level = 1 << iota // error conditions
	LevelTerse                    // important to whoever runs the protocol
	LevelEvent                    // state transitions and events
	LevelDetail                   // what is read from and put into messages
	LevelPacket                   // messages as octets

	// AllLevels is `all-levels`, and what a command without a level means.
	AllLevels = LevelError | LevelTerse | LevelEvent | LevelDetail | LevelPacket
)

// Debugf makes a debug line of LevelDetail, shown while its topic is being
// debugged.
func Debugf(t Topic, format string, args ...any) Message {
	return DebugAt(t, LevelDetail, format, args...)
}

// DebugAt is Debugf at a level. The line is made when it is read, which mostly
// is never: whoever keeps the message calls Made first, while the arguments are
// what they were.
func DebugAt(t Topic, l Level, format string, args ...any) Message {
	return Message{Debug: t, Level: l, Line: format, Args: args}
}

// Filter is what is being debugged: for each topic, its levels. Its zero value
// shows nothing.
type Filter struct{ levels [32]Level }

// Set switches levels of topics on or off.
func (f *Filter) Set(t Topic, l Level, on bool) {
	for i := range f.levels {
		if t&(1<<i) == 0 {
			continue
		}
		if on {
			f.levels[i] |= l
		} else {
			f.levels[i] &^= l
		}
	}
}

// Wants tells whether a debug line is shown.
func (f *Filter) Wants(m Message) bool {
	for i, l := range f.levels {
		if l != 0 && m.Debug&(1<<i) != 0 && (m.Level == 0 || m.Level&l != 0) {
			return true
		}
	}
	return false
}

// Topics are those of which any level is shown.
func (f *Filter) Topics() (t Topic) {
	for i, l := range f.levels {
		if l != 0 {
			t |= 1 << i
		}
	}
	return t
}

// Levels are those shown of a single topic.
func (f *Filter) Levels(t Topic) (l Level) {
	for i := range f.levels {
		if t&(1<<i) != 0 {
			l |= f.levels[i]
		}
	}
	return l
}
