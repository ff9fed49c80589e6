package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"coterie/cli"
)

// runner carries a script out.
type runner struct {
	lab   *Lab
	out   *transcript
	keep  bool
	steps []step
	next  int // of steps
	jobs  map[string][]*job
	// pause, when set, is called after every step, and when a line has ended and
	// its console is still shown: tests let everything come to rest there.
	pause func()
}

// job is a line that runs in a session of its own.
type job struct {
	step   step
	prompt string
	out    bytes.Buffer
	done   chan error
}

// stepError says which step failed. The transcript has shown why.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return fmt.Sprintf("%s: %s: %v", e.step.at, e.step, e.err) }
func (e *stepError) Unwrap() error { return e.err }

// String is the step as a script has it.
func (s step) String() string {
	amp := ""
	if s.background {
		amp = " &"
	}
	switch s.verb {
	case wait:
		return fmt.Sprintf("@wait %s /%v/ %v %s", s.node, s.pattern, s.span.Seconds(), s.line)
	case sleep:
		return fmt.Sprintf("@sleep %v", s.span.Seconds())
	case link:
		state := "down"
		if s.up {
			state = "up"
		}
		return fmt.Sprintf("@link %s %s %s", s.ends[0], s.ends[1], state)
	case crash:
		return "@crash " + s.node
	case boot:
		return "@boot " + s.node
	case join:
		return "@join " + s.node
	}
	return s.node + "# " + s.line + amp
}

// run does all steps and then waits for what still runs. It stops at the first
// error, which it returns, unless keep: then the transcript alone tells.
func (r *runner) run(ctx context.Context) error {
	r.jobs = make(map[string][]*job)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var first error
	for r.next < len(r.steps) {
		s := r.steps[r.next]
		r.next++
		if err := r.do(ctx, s); err != nil {
			if r.keep && ctx.Err() == nil {
				continue
			}
			first = &stepError{s, err}
			cancel()
			break
		}
	}
	for _, name := range r.lab.Topology.Names() {
		if err := r.collect(ctx, name, first == nil || r.keep); err != nil && first == nil && !r.keep {
			first = err
		}
	}
	return first
}

// complaint is an error of the lab's own, which no command has shown yet.
type complaint struct{ error }

func (c complaint) Unwrap() error { return c.error }

func (r *runner) do(ctx context.Context, s step) error {
	err := r.perform(ctx, s)
	r.rest()
	if c, ok := err.(complaint); ok && ctx.Err() == nil {
		r.out.say("% " + c.Error())
	}
	return err
}

func (r *runner) perform(ctx context.Context, s step) error {
	switch s.verb {
	case typeLine:
		if s.background {
			return r.start(ctx, s)
		}
		return r.line(ctx, s)
	case wait:
		return r.wait(ctx, s)
	case sleep:
		return r.lab.Clock().Sleep(ctx, s.span)
	case link:
		defer r.rest()
		return own(r.lab.Link(s.ends[0], s.ends[1], s.up))
	case crash:
		defer r.rest()
		return own(r.lab.Node(s.node).Crash())
	case boot:
		defer r.rest()
		n := r.lab.Node(s.node)
		if err := n.Boot(ctx); err != nil {
			return own(err)
		}
		for _, p := range n.Problems() {
			r.out.say("% " + p)
		}
		return nil
	default:
		return r.collect(ctx, s.node, true)
	}
}

func own(err error) error {
	if err == nil {
		return nil
	}
	return complaint{err}
}

// line types one line; dialogs are answered by the lines of the same node that
// follow.
func (r *runner) line(ctx context.Context, s step) error {
	n := r.lab.Node(s.node)
	sess, err := n.session()
	if err != nil {
		return own(err)
	}
	r.out.show(s.node, sess.Prompt()+s.line)
	defer r.out.hide()
	err = n.finish(sess, sess.Execute(ctx, s.line, r.out, answers{r, s.node}))
	n.awaitReload(ctx)
	r.rest()
	return err
}

func (r *runner) rest() {
	if r.pause != nil {
		r.pause()
	}
}

// answers are the next lines of a script, as long as they are for one node.
type answers struct {
	r    *runner
	node string
}

// NextLine takes the next line of the script.
func (a answers) NextLine() (string, bool) {
	if a.r.next >= len(a.r.steps) {
		return "", false
	}
	s := a.r.steps[a.r.next]
	if s.verb != typeLine || s.node != a.node || s.background {
		return "", false
	}
	a.r.next++
	return s.line, true
}

// start types a line in a session of its own and does not wait for it.
func (r *runner) start(ctx context.Context, s step) error {
	sess, err := r.open(s.node)
	if err != nil {
		return own(err)
	}
	j := &job{step: s, prompt: sess.Prompt(), done: make(chan error, 1)}
	r.out.show(s.node, j.prompt+s.line+" &")
	r.out.hide()
	r.jobs[s.node] = append(r.jobs[s.node], j)
	go func() {
		defer sess.Close()
		j.done <- sess.Execute(ctx, s.line, &j.out, nil)
	}()
	return nil
}

// open opens another session on a node.
func (r *runner) open(node string) (session, error) {
	dev, _ := r.lab.Node(node).device()
	if dev == nil {
		return nil, fmt.Errorf("%s %w", node, errOff)
	}
	return dev.Open(cli.Config{Line: "vty 0", Level: privileged}), nil
}

// collect waits for the lines that run in the background on a node and shows
// their output.
func (r *runner) collect(ctx context.Context, node string, show bool) error {
	var first error
	for _, j := range r.jobs[node] {
		err := <-j.done
		if show {
			r.out.show(node, j.prompt+j.step.line)
			io.Copy(r.out, &j.out)
			r.out.hide()
		}
		if err != nil && !errors.Is(err, cli.ErrQuit) && first == nil {
			first = &stepError{j.step, err}
		}
	}
	delete(r.jobs, node)
	return first
}

// waitPoll is how often @wait runs its command, lab time.
const waitPoll = 200 * time.Millisecond

// wait runs a command until its output matches, and shows that run only.
func (r *runner) wait(ctx context.Context, s step) error {
	end := r.lab.Clock().Now().Add(s.span)
	for {
		sess, err := r.open(s.node)
		if err != nil {
			return own(err)
		}
		var out bytes.Buffer
		prompt := sess.Prompt()
		err = sess.Execute(ctx, s.line, &out, nil)
		sess.Close()
		found := err == nil && s.pattern.Match(out.Bytes())
		late := !r.lab.Clock().Now().Before(end)
		if err == nil && !found && !late {
			if err := r.lab.Clock().Sleep(ctx, waitPoll); err != nil {
				return err
			}
			continue
		}
		r.out.show(s.node, prompt+s.line)
		io.Copy(r.out, &out)
		r.out.hide()
		if err == nil && !found {
			err = own(fmt.Errorf("/%v/ did not appear within %v s", s.pattern, s.span.Seconds()))
		}
		return err
	}
}
