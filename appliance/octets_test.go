package appliance

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"coterie/cli/grammar/grammartest"
	"coterie/crypto/keys"
	"coterie/internal/env"
	"coterie/internal/secret"
	"coterie/internal/syslog"
	"coterie/netdev"
	"coterie/xfrm"
)

// hub carries UDP between devices in one process.
type hub struct {
	mu      sync.Mutex
	devices map[netip.AddrPort]*Appliance
}

// hubNetwork is the stack of one device on it.
type hubNetwork struct {
	noNetwork
	hub *hub
}

func (n *hubNetwork) Listen(_ string, local netip.AddrPort) (netdev.UDPConn, error) {
	return &hubConn{hub: n.hub, local: local, done: make(chan struct{})}, nil
}

type hubConn struct {
	hub   *hub
	local netip.AddrPort
	once  sync.Once
	done  chan struct{}
}

func (c *hubConn) ReadFrom([]byte) (int, netip.AddrPort, error) {
	<-c.done
	return 0, netip.AddrPort{}, io.EOF
}
func (c *hubConn) WriteTo(b []byte, to netip.AddrPort) (int, error) {
	c.hub.mu.Lock()
	a := c.hub.devices[to]
	c.hub.mu.Unlock()
	if a != nil {
		data := bytes.Clone(b)
		go a.ctl.post(func(now time.Time) { a.ctl.datagram(now, "", to, c.local, data) })
	}
	return len(b), nil
}
func (c *hubConn) LocalAddr() netip.AddrPort { return c.local }
func (c *hubConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

// keyOctets collects every key that two devices use.
type keyOctets struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (k *keyOctets) add(name string, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(key) >= 8 {
		k.keys[fmt.Sprintf("%s %d", name, len(k.keys))] = bytes.Clone(key)
	}
}

func (k *keyOctets) PhaseOne(_ [8]byte, key []byte) { k.add("phase 1", key) }
func (k *keyOctets) ESP(_ uint32, _ string, key []byte, _ string, authKey []byte) {
	k.add("TEK", key)
	k.add("TEK authentication", authKey)
}

// PlainPush reads the KEK out of a rekey that brings one.
func (k *keyOctets) PlainPush(_, _ netip.AddrPort, data []byte) {
	at := bytes.Index(data, []byte{0, 1, 0, 48}) // KEK_ALGORITHM_KEY: IV and key of AES-256
	if at >= 0 && len(data) >= at+52 {
		k.add("KEK IV", data[at+4:at+20])
		k.add("KEK", data[at+20:at+52])
	}
}

// find looks for a key in a text, in every form that a program prints octets.
func (k *keyOctets) find(text []byte) (name string, found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lower := bytes.ToLower(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(" "), nil), []byte("\n"), nil))
	for name, key := range k.keys {
		list := strings.Trim(fmt.Sprint(key), "[]") // %v of octets
		for _, form := range [][]byte{key, []byte(list), []byte(strings.ReplaceAll(list, " ", ",")), []byte(base64.StdEncoding.EncodeToString(key)[:10]), []byte(base64.URLEncoding.EncodeToString(key)[:10])} {
			if bytes.Contains(text, form) {
				return name, true
			}
		}
		if h := []byte(hex.EncodeToString(key)); bytes.Contains(lower, h) || bytes.Contains(lower, h[:16]) {
			return name, true
		}
	}
	return "", false
}

// TestKeyOctetsAreNowhere: a key server and a member with every debug on
// register and rekey. No octet of a phase-1 key, a KEK, a TEK, a pre-shared key
// or an RSA prime is in any log line, any screen, the support bundle, or a
// snapshot written as JSON or by fmt.
func TestKeyOctetsAreNowhere(t *testing.T) {
	known := &keyOctets{keys: map[string][]byte{}}
	h := &hub{devices: map[netip.AddrPort]*Appliance{}}
	const psk = "A-KEY-OF-SOME-LENGTH"
	known.add("pre-shared key", []byte(psk))
	for i, p := range testKey.Private.Primes {
		known.add(fmt.Sprintf("RSA prime %d", i), p.Bytes())
	}
	known.add("RSA exponent", testKey.Private.D.Bytes())
	server := strings.NewReplacer("192.168.1.254", "10.0.0.1", "group 14", "group 19", "KEY1", psk).Replace(keyServerText) +
		"interface Ethernet0/0\n ip address 10.0.0.1 255.255.255.0\n"
	member := strings.Replace(hostileMemberText, "identity number 1\n", "identity number 123\n", 1)
	var devices []*Appliance
	var planes []*groupPlane
	var logs []*logged
	registered := make(chan string, 16)
	for i, text := range []string{server, member} {
		plane := &groupPlane{Dataplane: xfrm.NewNone()}
		files := &memory{files: make(map[string][]byte)}
		a, err := New(Config{Name: "R", Stack: &hubNetwork{noNetwork{events: make(chan netdev.LinkEvent)}, h}, Dataplane: plane, Clock: new(env.Clock), Env: env.System(), Files: files, KeyLog: known,
			Masters: []secret.Bytes{secret.New(bytes.Repeat([]byte{0x5c}, 32))}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		if i == 0 {
			if err := a.keys.change(func(all map[string]keys.Pair) { all[testKey.Label] = testKey }); err != nil {
				t.Fatal(err)
			}
		}
		h.mu.Lock()
		h.devices[netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), Port)] = a
		h.mu.Unlock()
		logs = append(logs, watchLog(a))
		a.Subscribe(func(r syslog.Record) {
			if r.Event == syslog.GMInstallSuccess {
				registered <- r.Text()
			}
		})
		devices, planes = append(devices, a), append(planes, plane)
		debugAll(t, a) // before there is anything to see
		for _, e := range a.Boot(t.Context(), text) {
			t.Fatalf("line %d %q: %v", e.Number, e.Text, e.Err)
		}
	}
	wait := func(what string) {
		t.Helper()
		select {
		case <-registered:
		case <-time.After(30 * time.Second):
			t.Fatalf("no %s: %v", what, logs)
		}
	}
	wait("registration")
	p := typistOn(t, devices[0], "vty 0", 15)
	for _, line := range []string{"configure terminal", "crypto gdoi group G", "server local", "rekey lifetime seconds 7200", "end", "crypto gdoi ks rekey replace-now"} {
		p.types(line)
	}
	wait("rekey")
	planes[1].mu.Lock()
	for _, sa := range planes[1].group.SAs {
		known.add("TEK", sa.CipherKey.Reveal())
		known.add("TEK authentication", sa.AuthKey.Reveal())
	}
	planes[1].mu.Unlock()
	names := map[string]bool{}
	devices[0].KeyServer() // what it handed out with the rekey has been heard by now
	known.mu.Lock()
	for name := range known.keys {
		names[strings.TrimRight(name, " 0123456789")] = true
	}
	known.mu.Unlock()
	for _, want := range []string{"phase", "KEK", "TEK", "pre-shared key", "RSA prime"} {
		if !names[want] {
			t.Fatalf("no %s is known: %v", want, names)
		}
	}
	look := func(what, text string) {
		t.Helper()
		if name, found := known.find([]byte(text)); found {
			t.Errorf("%s shows %s", what, name)
		}
	}
	for i, a := range devices {
		if !strings.Contains(logs[i].String(), "ISAKMP:") {
			t.Errorf("no debug lines: %s", logs[i])
		}
		look("the log", logs[i].String())
		for what, v := range map[string]any{"members": a.Members(), "key server": a.KeyServer(), "ISAKMP": a.ISAKMP()} {
			if b, err := json.Marshal(v); err == nil { // functions and channels do not marshal
				look("JSON of the snapshot of "+what, string(b))
			}
			look("the snapshot of "+what, fmt.Sprintf("%v %+v %#v %x", v, v, v, fmt.Sprintf("%v", v)))
		}
		q := typistOn(t, a, "vty 1", 15)
		q.types("terminal length 0")
		look("show tech-support", q.types("show tech-support"))
		screens := 0
		for _, c := range a.Exec().Commands {
			lines, err := grammartest.Samples(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				full, err := a.Exec().Expand(line, 15)
				if err != nil || !strings.HasPrefix(full, "show ") || slices.ContainsFunc([]string{"show running-config", "show startup-config", "show archive config", "show configuration"}, func(s string) bool { return strings.HasPrefix(full, s) }) {
					continue
				}
				screens++
				look(line, q.types(line))
			}
		}
		if screens < 50 {
			t.Errorf("only %d screens", screens)
		}
	}
	// The search finds what is there.
	for name, key := range known.keys {
		for _, text := range []string{string(key), hex.EncodeToString(key), strings.ToUpper(hex.EncodeToString(key)), fmt.Sprint(key), fmt.Sprintf("% x", key), base64.StdEncoding.EncodeToString(key)} {
			if _, found := known.find([]byte("xx" + text + "yy")); !found {
				t.Errorf("%s as %.20q is not found", name, text)
			}
		}
	}
}

// debugAll turns every debug on.
func debugAll(t *testing.T, a *Appliance) {
	t.Helper()
	p := typistOn(t, a, "vty 3", 15)
	for _, line := range []string{"debug crypto isakmp", "debug crypto gdoi", "debug crypto gdoi ks rekey all-levels", "debug crypto gdoi gm rekey all-levels", "debug crypto gdoi ks registration all-levels", "debug crypto gdoi gm registration all-levels", "debug crypto pki transactions"} {
		p.types(line)
	}
}
