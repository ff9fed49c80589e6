package lab

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// verb is what a step of a script does.
type verb uint8

const (
	typeLine verb = iota // NODE# command
	wait                 // @wait NODE /regexp/ SECONDS command
	sleep                // @sleep SECONDS
	link                 // @link A B down|up
	crash                // @crash NODE
	boot                 // @boot NODE
	join                 // @join NODE
)

// step is one line of a script.
type step struct {
	at         string // "FILE:LINE", or "-x N"
	verb       verb
	node       string
	line       string // of typeLine and wait
	background bool   // the line ended in " &"
	pattern    *regexp.Regexp
	span       time.Duration // of wait and sleep, lab time
	wires      []int         // of link
	ends       [2]string     // of link
	up         bool          // of link
}

// script reads all sources. Mistakes are found before anything boots.
func script(sources []Source, t *Topology) ([]step, error) {
	var steps []step
	for i, s := range sources {
		if s.File == "" {
			st, ok, err := parseStep(s.Line, t)
			if err == nil && !ok {
				err = fmt.Errorf("nothing to run in %q", s.Line)
			}
			if err != nil {
				return nil, fmt.Errorf("-x %d: %w", i+1, err)
			}
			st.at = fmt.Sprintf("-x %d", i+1)
			steps = append(steps, st)
			continue
		}
		more, err := scriptFile(s.File, t)
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

func scriptFile(name string, t *Topology) ([]step, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var steps []step
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		st, ok, err := parseStep(in.Text(), t)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if ok {
			st.at = fmt.Sprintf("%s:%d", name, n)
			steps = append(steps, st)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return steps, nil
}

// prompted splits a line at its prompt, as typed or copied from a terminal:
// "R2# show clock", "R2(config-if)#shutdown", "R2>enable".
var prompted = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9._-]*)(?:\([^()]*\))?[#>](.*)$`)

// waiting splits @wait at its regular expression, in which \/ is a slash.
var waiting = regexp.MustCompile(`^(\S+)\s+/((?:[^/\\]|\\.)*)/\s+(\S+)\s+(.*\S)\s*$`)

// parseStep reads one line; ok is false for a blank line or a comment.
func parseStep(text string, t *Topology) (s step, ok bool, err error) {
	text = strings.TrimRight(text, " \t\r")
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "" || trimmed[0] == '!':
		return s, false, nil
	case trimmed[0] == '@':
		s, err = parseAt(trimmed, t)
		return s, err == nil, err
	}
	m := prompted.FindStringSubmatch(text)
	if m == nil {
		return s, false, fmt.Errorf("%q is not 'NODE# command', '@...' or '! comment'", trimmed)
	}
	s = step{node: m[1], line: strings.TrimPrefix(m[2], " ")}
	if rest, amp := strings.CutSuffix(s.line, " &"); amp {
		s.line, s.background = strings.TrimRight(rest, " "), true
	}
	return s, true, known(t, s.node)
}

func known(t *Topology, name string) error {
	if t.Plan(name) == nil {
		return fmt.Errorf("no node %s in lab %s; it has %s", name, t.Name, strings.Join(t.Names(), " "))
	}
	return nil
}

func parseAt(text string, t *Topology) (step, error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	fields := strings.Fields(rest)
	switch word {
	case "@wait":
		m := waiting.FindStringSubmatch(rest)
		if m == nil {
			return step{}, fmt.Errorf("use @wait NODE /regexp/ SECONDS command")
		}
		pattern, err := regexp.Compile("(?m)" + strings.ReplaceAll(m[2], `\/`, "/"))
		if err != nil {
			return step{}, err
		}
		span, err := seconds(m[3])
		if err != nil {
			return step{}, err
		}
		return step{verb: wait, node: m[1], pattern: pattern, span: span, line: m[4]}, known(t, m[1])
	case "@sleep":
		if len(fields) != 1 {
			return step{}, fmt.Errorf("use @sleep SECONDS")
		}
		span, err := seconds(fields[0])
		return step{verb: sleep, span: span}, err
	case "@link":
		if len(fields) != 3 || fields[2] != "up" && fields[2] != "down" {
			return step{}, fmt.Errorf("use @link A B down|up")
		}
		wires := t.between(fields[0], fields[1])
		if len(wires) == 0 {
			return step{}, fmt.Errorf("no wire between %s and %s", fields[0], fields[1])
		}
		return step{verb: link, wires: wires, ends: [2]string{fields[0], fields[1]}, up: fields[2] == "up"}, nil
	case "@crash", "@boot", "@join":
		if len(fields) != 1 {
			return step{}, fmt.Errorf("use %s NODE", word)
		}
		v := map[string]verb{"@crash": crash, "@boot": boot, "@join": join}[word]
		return step{verb: v, node: fields[0]}, known(t, fields[0])
	}
	return step{}, fmt.Errorf("%s is not known; there are @wait @sleep @link @crash @boot @join", word)
}

// longestSpan bounds @wait and @sleep.
const longestSpan = 10 * 365 * 24 * time.Hour

func seconds(s string) (time.Duration, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= longestSpan.Seconds()) {
		return 0, fmt.Errorf("%q is not a number of seconds", s)
	}
	return time.Duration(f * float64(time.Second)), nil
}
