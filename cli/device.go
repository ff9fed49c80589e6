// Package cli is a session of the shell: it reads lines, matches them against
// the grammar it is handed, keeps the stack of modes, runs commands behind
// pipes and pager, and lets log lines through without gluing them to a prompt.
// It knows no networking; the appliance implements Device.
package cli

import (
	"context"

	"coterie/cli/grammar"
)

// Device is the appliance behind a session. Its methods are safe for
// concurrent use by many sessions.
type Device interface {
	Hostname() string
	Exec() *grammar.Mode          // commands of exec mode, user and privileged
	Configuration() *grammar.Mode // global configuration mode
	// Edit runs f on the live tree; an error means nothing was changed.
	Edit(f func(root any) error) error
	// View runs f on the live tree for reading: prompts, completion.
	View(f func(root any))
	// Accepted is told of every accepted configuration line, after its Edit:
	// immediate reconciliation, idle timer, notes of lines without effect.
	Accepted(ctx context.Context, m grammar.Match)
	// LeftConfiguration reconciles and logs %SYS-5-CONFIG_I, which names the
	// session that configured.
	LeftConfiguration(ctx context.Context, s *Session)
	// BeforeExec reconciles what is still pending.
	BeforeExec(ctx context.Context)
	// Opened and Closed keep the list of sessions that log lines go to.
	Opened(s *Session)
	Closed(s *Session)
}

// A Recorder is a Device that keeps a log of configuration lines. Typed is told
// of each that was accepted, with the number of modes around it (0: global
// configuration), after Accepted.
type Recorder interface {
	Typed(s *Session, m grammar.Match, depth int)
}
