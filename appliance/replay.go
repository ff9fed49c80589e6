package appliance

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"coterie/crypto/isakmp"
	"coterie/crypto/keys"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/xfrm"
)

// Replayed is what came of a replay.
type Replayed struct {
	Device  string
	Began   time.Time
	Inputs  int // given to the engines
	Outputs int // that they made again as recorded
}

// ErrNoKeys is returned for a recording without keys and random numbers.
var ErrNoKeys = errors.New("the recording has no keys and random numbers, so that nothing can be computed again")

// Replay gives the engines of this program the inputs and random numbers of a
// recording, and compares what they do with what was recorded, octet for octet.
// An error says where they part. Lines that are not part of a recording (of a
// terminal, say) are passed over.
func Replay(r io.Reader) (Replayed, error) {
	head, list, err := readRecording(r)
	out := Replayed{Device: head.Device, Began: head.Began}
	if err != nil {
		return out, err
	}
	if !head.Keys {
		return out, ErrNoKeys
	}
	p := &replay{jobs: make(map[uint64]env.Job)}
	var stream bytes.Buffer
	for _, e := range list {
		switch {
		case e.Kind == "random":
			stream.Write(e.Data)
		case e.output():
			p.want = append(p.want, e)
		}
	}
	if err := p.control(&stream, head.Device); err != nil {
		return out, err
	}
	for i, e := range list {
		if e.output() || e.Kind == "random" {
			continue
		}
		if err := p.perform(e); err != nil {
			return out, fmt.Errorf("line %d, %s of %s: %w", i+2, e.Kind, e.Engine, err)
		}
		if out.Inputs++; p.differ != nil {
			return out, fmt.Errorf("line %d, %s of %s: %w", i+2, e.Kind, e.Engine, p.differ)
		}
		out.Outputs = p.made
	}
	if p.made < len(p.want) {
		return out, fmt.Errorf("the recording goes on with %s", describe(p.want[p.made]))
	}
	return out, nil
}

// readRecording reads all of a recording.
func readRecording(r io.Reader) (head recordingHead, list []entry, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, 2*longestRecording))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		text := bytes.TrimSpace(lines.Bytes())
		switch {
		case len(text) == 0 || text[0] != '{':
		case head.Recording == "":
			if err := json.Unmarshal(text, &head); err != nil || head.Recording != recordingName {
				return recordingHead{}, nil, errors.New("not a recording")
			}
			if head.Version != recordingVersion {
				return head, nil, fmt.Errorf("recording of version %d; this program reads version %d", head.Version, recordingVersion)
			}
		default:
			var e entry
			if err := json.Unmarshal(text, &e); err != nil {
				return head, nil, fmt.Errorf("line %d: %w", len(list)+2, err)
			}
			list = append(list, e)
		}
	}
	if err := lines.Err(); err != nil {
		return head, nil, err
	}
	if head.Recording == "" {
		return head, nil, errors.New("not a recording")
	}
	return head, list, nil
}

// replay is a control whose world is a recording.
type replay struct {
	c      *control
	want   []entry // outputs
	made   int
	differ error
	jobs   map[uint64]env.Job // of isakmp
}

// control makes the engines. Nothing they do reaches a network: there are no
// sockets, and the data plane is this.
func (p *replay) control(random io.Reader, name string) (err error) {
	defer unfit(&err)
	a := &Appliance{cfg: Config{Name: name, Dataplane: p, Clock: new(env.Clock), Env: env.Env{Rand: random}}}
	a.log = newLogger(a)
	p.c = newControl(a, &tape{keys: true, play: p, hear: p.compare})
	a.ctl = p.c
	return nil
}

// unfit makes an error of a panic: that of an engine whose random numbers have
// run dry, because the recording is not of this program or not whole.
func unfit(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the recording does not fit: %v", r)
	}
}

// compare takes an output that the engines made.
func (p *replay) compare(e entry) {
	if !e.output() || p.differ != nil {
		return
	}
	if p.made == len(p.want) {
		p.differ = fmt.Errorf("more is done than was recorded: %s", describe(e))
		return
	}
	w := p.want[p.made]
	if p.made++; e.Kind != w.Kind || e.Local != w.Local || e.Remote != w.Remote || e.Text != w.Text ||
		!bytes.Equal(e.Data, w.Data) || !bytes.Equal(e.Value, w.Value) {
		p.differ = fmt.Errorf("%s; recorded is %s", describe(e), describe(w))
	}
}

// describe is an output in a few words.
func describe(e entry) string {
	switch e.Kind {
	case "send":
		return fmt.Sprintf("send %s -> %s %x", e.Local, e.Remote, e.Data)
	case "log":
		return fmt.Sprintf("log %q", e.Text)
	case "persist":
		return fmt.Sprintf("persist %s %x", e.Text, e.Data)
	}
	return fmt.Sprintf("%s %s %x", e.Kind, e.Value, e.Data)
}

// The data plane of a replay answers as the recorded one did.
var _ xfrm.Dataplane = (*replay)(nil)

// SetGroup gives the recorded answer.
func (p *replay) SetGroup(xfrm.Group) error {
	if p.made < len(p.want) && p.want[p.made].Kind == "install" && p.want[p.made].Error != "" {
		return errors.New(p.want[p.made].Error)
	}
	return nil
}

// RemoveGroup and the rest do nothing.
func (p *replay) RemoveGroup(xfrm.GroupKey) error         { return nil }
func (p *replay) SetInterface(xfrm.InterfacePolicy) error { return nil }
func (p *replay) Snapshot() xfrm.Snapshot                 { return xfrm.Snapshot{} }
func (p *replay) Events() <-chan xfrm.Event               { return nil }
func (p *replay) Close() error                            { return nil }

// perform gives the engines one entry. A recording that does not fit them is
// an error, never a crash.
func (p *replay) perform(e entry) (err error) {
	defer unfit(&err)
	now := time.Time{}
	if e.At != nil {
		now = *e.At
	}
	switch {
	case e.Kind == "drain":
		p.c.drain(now)
		return nil
	case e.Kind == "member":
		var m newMember
		if err := json.Unmarshal(e.Value, &m); err != nil {
			return err
		}
		p.c.newMember(m.Owner, m.Key)
		return nil
	case e.Engine == engineISAKMP:
		in, err := p.isakmpInput(e)
		if err == nil {
			p.c.isakmp.Step(now, in)
		}
		return err
	case e.Engine == engineKeyServer:
		in, err := p.keyServerInput(e)
		if err == nil {
			p.c.keyserver.Step(now, in)
		}
		return err
	}
	i := slices.IndexFunc(p.c.members, func(m *groupMember) bool { return memberEngine(m.owner) == e.Engine })
	if i < 0 {
		return errors.New("there is no such engine")
	}
	in, err := memberInput(e)
	if err != nil {
		return err
	}
	m := p.c.members[i]
	m.machine.Step(now, in)
	if _, stop := in.(member.Stop); stop {
		m.gone = true
	}
	return nil
}

// as decodes the value of an entry.
func as[T any](e entry) (v T, err error) {
	err = json.Unmarshal(e.Value, &v)
	return v, err
}

var errInput = errors.New("there is no such input")

func (p *replay) isakmpInput(e entry) (isakmp.Input, error) {
	switch e.Kind {
	case "Datagram":
		return as[isakmp.Datagram](e)
	case "Tick":
		return isakmp.Tick{}, nil
	case "InvalidSPI":
		return as[isakmp.InvalidSPI](e)
	case "Clear":
		return as[isakmp.Clear](e)
	case "Configure":
		v, err := as[plainISAKMP](e)
		if err == nil {
			err = v.reveal()
		}
		return isakmp.Configure{Config: v.Config}, err
	case "Done":
		v, err := as[plainDone](e)
		if err != nil {
			return nil, err
		}
		done := isakmp.Done{JobDone: env.JobDone{ID: v.ID}}
		if j, ok := p.jobs[v.ID]; ok {
			delete(p.jobs, v.ID)
			switch {
			case v.Result != nil:
				done.Result = v.Result
			case v.Error != "":
				done.Result = errors.New(v.Error)
			default:
				done.Result = j.Do()
			}
		}
		return done, nil
	}
	return nil, errInput
}

func (p *replay) keyServerInput(e entry) (keyserver.Input, error) {
	switch e.Kind {
	case "Ack":
		return as[keyserver.Ack](e)
	case "RekeyNow":
		return as[keyserver.RekeyNow](e)
	case "Clear":
		return as[keyserver.Clear](e)
	case "Restore":
		return as[keyserver.Restore](e)
	case "Tick":
		return keyserver.Tick{}, nil
	case "Configure":
		v, err := as[plainKeyServer](e)
		for i := range v.Config.Groups {
			if r := &v.Config.Groups[i].Rekey; i < len(v.Signs) && v.Signs[i] {
				if r.Signer, err = newAbsentKey(r.SPKI); err != nil {
					return nil, err
				}
			}
		}
		return keyserver.Configure{Config: v.Config}, err
	case "Done":
		v, err := as[plainDone](e)
		done := keyserver.Done{JobDone: env.JobDone{ID: v.ID, Result: v.Result}}
		if v.Error != "" {
			done.Result = errors.New(v.Error)
		}
		return done, err
	case "Persisted":
		v, err := as[plainPersisted](e)
		done := keyserver.Persisted{Number: v.Number}
		if v.Error != "" {
			done.Err = errors.New(v.Error)
			p.c.forget()
		}
		p.c.durable.writing = false
		return done, err
	}
	return nil, errInput
}

func memberInput(e entry) (member.Input, error) {
	switch e.Kind {
	case "Configure":
		return as[member.Configure](e)
	case "Push":
		return as[member.Push](e)
	case "Direction":
		return as[member.Direction](e)
	case "DataError":
		return as[member.DataError](e)
	case "Clear":
		return member.Clear{}, nil
	case "Stop":
		return member.Stop{}, nil
	case "Tick":
		return member.Tick{}, nil
	}
	return nil, errInput
}

// absentKey stands for a private key that is not in the recording: its
// signatures are.
type absentKey struct{ public crypto.PublicKey }

func newAbsentKey(spki []byte) (crypto.Signer, error) {
	public, err := x509.ParsePKIXPublicKey(spki)
	return absentKey{public}, err
}

func (k absentKey) Public() crypto.PublicKey { return k.public }
func (k absentKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the private key is not in the recording")
}

// reveal puts the pre-shared keys back into their keyrings, and the
// trustpoints into the configuration.
func (v *plainISAKMP) reveal() error {
	for _, t := range v.Trust {
		trustpoint, err := t.trustpoint()
		if err != nil {
			return err
		}
		v.Config.Trustpoints = append(v.Config.Trustpoints, trustpoint)
	}
	if len(v.Keys) != len(v.Config.Keyrings) || len(v.Peers) != len(v.Keys) {
		return errors.New("a keyring is missing")
	}
	for i := range v.Keys {
		if len(v.Keys[i]) != len(v.Peers[i]) {
			return errors.New("a pre-shared key is missing")
		}
		for n, text := range v.Keys[i] {
			key, err := hex.DecodeString(text)
			if err != nil {
				return err
			}
			v.Config.Keyrings[i].PSKs = append(v.Config.Keyrings[i].PSKs, keys.PSK{Peer: v.Peers[i][n], Key: secret.New(key)})
		}
	}
	return nil
}
