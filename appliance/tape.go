package appliance

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"coterie/crypto/isakmp"
	"coterie/gdoi/keyserver"
	"coterie/gdoi/member"
	"coterie/internal/env"
	"coterie/internal/syslog"
	"coterie/xfrm"
)

// A recording is text: a header, and then one JSON object a line.
const (
	recordingName    = "coterie"
	recordingVersion = 1
	longestRecording = 64 << 20 // octets
)

// recordingHead is the first line of a recording.
type recordingHead struct {
	Recording string // recordingName
	Version   int
	Program   string // that recorded
	Device    string
	Began     time.Time
	// Keys tells that pre-shared keys and random numbers are in it. Without
	// them it can be read, and not replayed.
	Keys bool
}

// entry is what happened to the engines, or what they did. A recording has all
// of it in order.
type entry struct {
	// Kind is an input of an engine by name ("Datagram"), "member" for a new
	// one, "drain" when outputs are performed, "random" for octets drawn; or an
	// output: "send", "persist", "install", "remove", "log".
	Kind   string          `json:"kind"`
	Engine string          `json:"engine,omitempty"` // engineISAKMP, engineKeyServer, or of memberEngine
	At     *time.Time      `json:"at,omitempty"`
	Local  string          `json:"local,omitempty"`
	Remote string          `json:"remote,omitempty"`
	Data   []byte          `json:"data,omitempty"`
	Text   string          `json:"text,omitempty"`
	Value  json.RawMessage `json:"value,omitempty"`
	Error  string          `json:"error,omitempty"` // of an install
}

// output tells what an engine did from what was done to it.
func (e entry) output() bool {
	switch e.Kind {
	case "send", "persist", "install", "remove", "log":
		return true
	}
	return false
}

// Names of engines.
const (
	engineISAKMP    = "isakmp"
	engineKeyServer = "key server"
)

func memberEngine(o isakmp.Owner) string { return fmt.Sprintf("member %d", o) }

// tape stands between the control goroutine and its machines: it hears every
// input that comes from outside, every octet drawn and every output, and writes
// them down or, in a replay, compares them. The inputs that one machine's
// outputs make for another are not among them: the same control makes them
// again. A nil tape hears nothing.
type tape struct {
	hear   func(entry)
	keys   bool
	within bool // drain is at work: steps are consequences
	play   *replay
}

// step hears an input of an engine.
func (t *tape) step(now time.Time, engine string, in any) {
	if t == nil || t.within {
		return
	}
	at := now.UTC()
	name := fmt.Sprintf("%T", in)
	e := entry{Kind: name[strings.LastIndexByte(name, '.')+1:], Engine: engine, At: &at}
	e.Value = marshal(plainInput(in, t.keys))
	t.hear(e)
}

// drain hears that outputs are performed; done ends that.
func (t *tape) drain(now time.Time) (done func()) {
	if t == nil || t.within {
		return func() {}
	}
	at := now.UTC()
	t.hear(entry{Kind: "drain", At: &at})
	t.within = true
	return func() { t.within = false }
}

// member hears of a new member.
func (t *tape) member(o isakmp.Owner, k xfrm.GroupKey) {
	if t != nil {
		t.hear(entry{Kind: "member", Engine: memberEngine(o), Value: marshal(newMember{o, k})})
	}
}

type newMember struct {
	Owner isakmp.Owner
	Key   xfrm.GroupKey
}

func (t *tape) random(b []byte) {
	if t != nil && t.keys {
		t.hear(entry{Kind: "random", Data: bytes.Clone(b)})
	}
}

func (t *tape) sent(local, remote netip.AddrPort, data []byte) {
	if t != nil {
		t.hear(entry{Kind: "send", Local: local.String(), Remote: remote.String(), Data: bytes.Clone(data)})
	}
}

// persisted hears of records. What they say holds keys, and is recorded only
// with keys.
func (t *tape) persisted(records []keyserver.Record) {
	if t == nil {
		return
	}
	for _, r := range records {
		e := entry{Kind: "persist", Text: r.Group + "/" + r.Key}
		if t.keys {
			e.Data = bytes.Clone(r.Value)
		}
		t.hear(e)
	}
}

// installed hears of policy and keys for the data plane, and how it took them.
// Of keys there is a digest, and only with keys.
func (t *tape) installed(g xfrm.Group, err error) {
	if t == nil {
		return
	}
	e := entry{Kind: "install", Value: marshal(g)}
	if err != nil {
		e.Error = err.Error()
	}
	if t.keys {
		h := sha256.New()
		for _, sa := range g.SAs {
			fmt.Fprintf(h, "%x %x %x\n", sa.SPI, sa.CipherKey.Reveal(), sa.AuthKey.Reveal())
		}
		e.Data = h.Sum(nil)
	}
	t.hear(e)
}

func (t *tape) removed(k xfrm.GroupKey) {
	if t != nil {
		t.hear(entry{Kind: "remove", Value: marshal(k)})
	}
}

func (t *tape) logged(m syslog.Message) {
	if t != nil {
		t.hear(entry{Kind: "log", Text: m.Text()})
	}
}

// marshal encodes values that are known to encode.
func marshal(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("appliance: recording " + fmt.Sprintf("%T", v) + ": " + err.Error())
	}
	return b
}

// The inputs that do not encode by themselves, because they hold keys, work to
// do or errors.
type (
	plainISAKMP struct {
		Config isakmp.Config     // without PSKs and trustpoints
		Peers  [][]netip.Prefix  // of each keyring
		Keys   [][]string        `json:",omitempty"` // of Peers, hexadecimal
		Trust  []plainTrustpoint `json:",omitempty"`
	}
	plainKeyServer struct {
		Config keyserver.Config // without signers
		Signs  []bool           // which groups have one
	}
	plainDone struct {
		ID     uint64
		Result []byte // of a signature; a Diffie-Hellman is computed again
		Error  string
	}
	plainPersisted struct {
		Number uint64
		Error  string
	}
)

// plainJob is how a job ended, as it is recorded: with a signature or an error.
func plainJob(d env.JobDone) plainDone {
	out := plainDone{ID: d.ID}
	switch r := d.Result.(type) {
	case []byte:
		out.Result = r
	case error:
		out.Error = r.Error()
	}
	return out
}

// plainInput is an input as it is recorded.
func plainInput(in any, keys bool) any {
	switch in := in.(type) {
	case isakmp.Configure:
		out := plainISAKMP{Config: in.Config}
		out.Config.Trustpoints, out.Trust = nil, plainTrustpoints(in.Config.Trustpoints)
		out.Config.Keyrings = append([]isakmp.Keyring(nil), in.Config.Keyrings...)
		for i := range out.Config.Keyrings {
			var peers []netip.Prefix
			var secrets []string
			for _, k := range out.Config.Keyrings[i].PSKs {
				if peers = append(peers, k.Peer); keys {
					secrets = append(secrets, hex.EncodeToString(k.Key.Reveal()))
				}
			}
			out.Config.Keyrings[i].PSKs = nil
			if out.Peers = append(out.Peers, peers); keys {
				out.Keys = append(out.Keys, secrets)
			}
		}
		return out
	case isakmp.Done:
		return plainJob(in.JobDone)
	case keyserver.Configure:
		out := plainKeyServer{Config: in.Config}
		out.Config.Groups = append([]keyserver.Group(nil), in.Config.Groups...)
		for i := range out.Config.Groups {
			r := &out.Config.Groups[i].Rekey
			out.Signs = append(out.Signs, r.Signer != nil)
			r.Signer = nil
		}
		return out
	case keyserver.Restore:
		if !keys {
			in.Records = append([]keyserver.Record(nil), in.Records...)
			for i := range in.Records {
				in.Records[i].Value = nil
			}
		}
		return in
	case keyserver.Done:
		return plainJob(in.JobDone)
	case keyserver.Persisted:
		out := plainPersisted{Number: in.Number}
		if in.Err != nil {
			out.Error = in.Err.Error()
		}
		return out
	}
	return in
}

// The machines, with a tape before them. Everything but Step is theirs.
type (
	isakmpEngine struct {
		*isakmp.Machine
		c *control
	}
	keyServerEngine struct {
		*keyserver.Machine
		c *control
	}
	groupMemberEngine struct {
		*member.Machine
		c     *control
		owner isakmp.Owner
	}
)

// Step is the machine's.
func (e isakmpEngine) Step(now time.Time, in isakmp.Input) {
	e.c.tape.step(now, engineISAKMP, in)
	e.Machine.Step(now, in)
}

// Step is the machine's.
func (e keyServerEngine) Step(now time.Time, in keyserver.Input) {
	e.c.tape.step(now, engineKeyServer, in)
	e.Machine.Step(now, in)
}

// Step is the machine's.
func (e groupMemberEngine) Step(now time.Time, in member.Input) {
	e.c.tape.step(now, memberEngine(e.owner), in)
	e.Machine.Step(now, in)
}

// randomTape is the source of random octets of the machines.
type randomTape struct {
	io.Reader
	c *control
}

func (r randomTape) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.c.tape.random(b[:n])
	return n, err
}
