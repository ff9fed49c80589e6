package grammar

import (
	"errors"
	"fmt"
)

// ErrGone is the error of a line whose mode has lost its object: another
// session, or a replaced configuration, has deleted it.
var ErrGone = errors.New("% The object of this configuration mode no longer exists")

// A Stack is the open modes of a session, global configuration first. It holds
// names and not objects: each line finds its target anew from the root. It is
// not safe for concurrent use.
type Stack struct{ frames []Frame }

// NewStack is a session in global configuration mode.
func NewStack(global *Mode) *Stack { return &Stack{[]Frame{{Mode: global}}} }

// Resolved is a line that some mode of the stack accepts.
type Resolved struct {
	Match
	Mode  *Mode // that accepts it
	depth int   // frames that stay
}

// Mode is the innermost open mode.
func (s *Stack) Mode() *Mode { return s.frames[len(s.frames)-1].Mode }

// Depth is the number of open modes; 1 is global configuration.
func (s *Stack) Depth() int { return len(s.frames) }

// Path is the open modes. The caller must not change it.
func (s *Stack) Path() []Frame { return s.frames }

// Prompt is what stands between host name and '#'.
func (s *Stack) Prompt(root any) string {
	m := s.Mode()
	if m.Prompt == nil {
		return "(" + m.Name + ")"
	}
	return m.Prompt(root, s.frames)
}

// Exit closes the innermost mode. In global configuration it does nothing and
// returns false: the caller leaves configuration.
func (s *Stack) Exit() bool {
	if len(s.frames) == 1 {
		return false
	}
	s.frames = s.frames[:len(s.frames)-1]
	return true
}

// End closes every mode but global configuration.
func (s *Stack) End() { s.frames = s.frames[:1] }

// Resolve finds the mode that a line belongs to: the innermost that accepts
// all of it, going outward. It changes nothing. When none does, the error is
// the *SyntaxError of the mode that read furthest, the innermost of equals.
func (s *Stack) Resolve(line string, level int, root any) (Resolved, error) {
	return s.resolve(line, level, len(s.frames))
}

// resolve is Resolve as if only depth modes were open.
func (s *Stack) resolve(line string, level, depth int) (Resolved, error) {
	var furthest *SyntaxError
	for ; depth > 0; depth-- {
		m := s.frames[depth-1].Mode
		match, err := m.Parse(line, level)
		if err == nil {
			return Resolved{match, m, depth}, nil
		}
		furthest = further(furthest, err)
	}
	return Resolved{}, furthest
}

// further is the error that got further; a on a tie.
func further(a *SyntaxError, err error) *SyntaxError {
	var b *SyntaxError
	if !errors.As(err, &b) {
		return a
	}
	if a == nil || b.Progress > a.Progress ||
		b.Progress == a.Progress && a.Kind == Invalid && b.reach() > a.reach() {
		return b
	}
	return a
}

// reach is how far into the line a mode got. A word that only says too little
// was read whole.
func (e *SyntaxError) reach() int {
	if e.Kind == Invalid || e.Kind == Unknown {
		return e.Offset
	}
	return len(e.Line)
}

// Target is the object of the innermost mode.
func (s *Stack) Target(root any) (any, bool) { return s.target(root, len(s.frames)) }

func (s *Stack) target(root any, depth int) (any, bool) {
	for _, f := range s.frames[1:depth] {
		sub, ok := openSub(f.Command, root, f.Args)
		if !ok || sub == nil {
			return nil, false
		}
		root = sub
	}
	return root, true
}

// Apply carries out a resolved line on the tree: it closes the modes inside
// the one that accepted the line, binds, and opens the mode that the line
// enters. Exit closes one mode and End all. A command's Run is left to the
// caller. When it fails, neither stack nor tree has changed.
func (s *Stack) Apply(root any, r Resolved) error {
	if r.depth < 1 || r.depth > len(s.frames) || s.frames[r.depth-1].Mode != r.Mode {
		return errors.New("grammar: line was resolved on another stack")
	}
	switch r.Command {
	case Exit:
		s.Exit()
		return nil
	case End:
		s.End()
		return nil
	case Do:
		return nil
	}
	target, ok := s.target(root, r.depth)
	if !ok {
		return ErrGone
	}
	if r.Command.Bind != nil {
		if err := bind(r.Match, target); err != nil {
			return err
		}
	}
	s.frames = s.frames[:r.depth]
	if r.Command.Enter != nil && !r.No && !r.Default {
		if _, ok := openSub(r.Command, target, r.Args); !ok {
			return fmt.Errorf("grammar: %s did not make its object", Syntax(r.Command.Syntax))
		}
		s.frames = append(s.frames[:r.depth:r.depth], Frame{r.Command.Enter, r.Command, r.Args})
	}
	return nil
}

func bind(m Match, target any) error {
	switch {
	case m.No:
		return m.Command.Bind.Unset(target, m.Args)
	case m.Default:
		if d, ok := m.Command.Bind.(Resetter); ok {
			return d.Default(target, m.Args)
		}
		return m.Command.Bind.Unset(target, m.Args)
	}
	return m.Command.Bind.Set(target, m.Args)
}

// Help is `?` in the innermost mode, or in the nearest outer one that knows
// the line.
func (s *Stack) Help(line string, level int, root any) (Help, error) {
	var furthest *SyntaxError
	for depth := len(s.frames); depth > 0; depth-- {
		h, err := s.frames[depth-1].Mode.Help(line, level, root)
		if err == nil {
			return h, nil
		}
		furthest = further(furthest, err)
	}
	return Help{}, furthest
}

// Complete is Tab, in the innermost mode that completes the line.
func (s *Stack) Complete(line string, level int, root any) (rest string, ok bool) {
	for depth := len(s.frames); depth > 0 && !ok; depth-- {
		rest, ok = s.frames[depth-1].Mode.Complete(line, level, root)
	}
	return rest, ok
}
