package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"coterie/gdoi/policy"
	"coterie/gdoi/wire"
	"coterie/internal/testenv"
)

// The key server of this test, and its members.
var (
	killedServer  = netip.MustParseAddr("192.0.2.1")
	killedMembers = []netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("192.0.2.13")}
)

const killedConfig = `hostname KS
crypto isakmp policy 10
 encryption aes 256
 hash sha256
 authentication pre-share
 group 19
crypto isakmp key killed-again-and-again address 192.0.2.0 255.255.255.0
crypto ipsec transform-set GCM esp-gcm 256
 mode tunnel
crypto ipsec profile P
 set transform-set GCM
crypto gdoi group G
 identity number 7
 server local
  rekey algorithm aes 256
  rekey sig-hash algorithm sha256
  rekey lifetime seconds 300
  rekey retransmit 10 number 2
  rekey authentication mypubkey rsa R
  rekey transport unicast
  group size medium
  identifier
   range 1 - 5
  sa ipsec 1
   profile P
   match address ipv4 A
   no replay
  address ipv4 192.0.2.1
interface Ethernet0/0
 ip address 192.0.2.1 255.255.255.0
ip access-list extended A
 permit ip any any
`

// TestKill kills the key server again and again in the middle of registrations
// and rekeys, as a power failure would, and looks at everything it has ever
// sent: no sequence number of a KEK with two contents, no sender ID twice under
// one TEK.
func TestKill(t *testing.T) {
	testenv.Need(t, os.Geteuid() == 0, "UDP 848 in a network namespace needs root")
	kills := 50
	if s := os.Getenv("COTERIE_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		kills = n
	}
	program := filepath.Join(t.TempDir(), "coterie")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ns := newNamespace(t)
	dir := t.TempDir()
	s := &killedDaemon{t: t, ns: ns, program: program, state: filepath.Join(dir, "state"), config: filepath.Join(dir, "ks.cfg")}
	if err := os.WriteFile(s.config, []byte(killedConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHistory()
	var gms []*load
	for i, addr := range killedMembers {
		gms = append(gms, newLoad(t, ns, addr, h, uint64(i)))
	}
	seed := uint64(20261121)
	random := rand.New(rand.NewPCG(seed, 1))
	s.start()
	s.type_("configure terminal", "crypto key generate rsa label R modulus 2048", "end", "write memory")
	began := time.Now()
	for n := range kills {
		if n > 0 {
			s.start()
		}
		for _, g := range gms {
			g.poke() // registers anew
		}
		after := time.Duration(5+random.IntN(120)) * time.Millisecond
		if n%10 == 9 {
			after += 400 * time.Millisecond
		}
		s.killAfter(after, random)
	}
	// At rest, at last: everybody registers, and one rekey reaches them all.
	s.start()
	for _, g := range gms {
		g.poke()
	}
	h.await(t, "registrations", func() bool { return h.last[killedMembers[0]] && h.last[killedMembers[1]] && h.last[killedMembers[2]] }, gms)
	s.killAfter(50*time.Millisecond, random)
	for _, g := range gms {
		g.close()
	}
	t.Logf("%d kills in %v: %s", kills, time.Since(began).Round(time.Millisecond), h.check(t))
	h.notIn(t, s.state)
	if t.Failed() {
		t.Logf("last output of the key server:\n%s", s.log.Bytes())
	}
}

// killedDaemon is a `coterie run`, one process after another.
type killedDaemon struct {
	t                      *testing.T
	ns                     *namespace
	program, state, config string

	cmd *exec.Cmd
	log bytes.Buffer
	end chan struct{} // the console's lines
}

func (s *killedDaemon) start() {
	s.t.Helper()
	s.log.Reset()
	s.cmd = exec.Command(s.program, "run", "-state", s.state, "-config", s.config, "-map", "Ethernet0/0=ks0")
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.ns.do(s.cmd.Start); err != nil {
		s.t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 256)); err != nil { // "KS runs; ..."
		s.cmd.Wait()
		s.t.Fatalf("it does not run: %v\n%s", err, s.log.Bytes())
	}
	go io.Copy(io.Discard, out)
}

// type_ types lines at the console and waits for the last.
func (s *killedDaemon) type_(lines ...string) {
	s.t.Helper()
	text := "enable\n"
	for _, l := range lines {
		text += l + "\n"
	}
	in, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer in.Close()
	io.WriteString(w, text+"exit\n")
	w.Close()
	if err := attach(s.t.Context(), s.state, in, io.Discard); err != nil {
		s.t.Error(err)
	}
}

// killAfter has rekeys sent, and kills the process after a while.
func (s *killedDaemon) killAfter(d time.Duration, random *rand.Rand) {
	in, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		attach(ctx, s.state, in, io.Discard) // ends with the process
	}()
	typist := make(chan struct{})
	go func() {
		defer close(typist)
		io.WriteString(w, "enable\n")
		for i := range 200 {
			// Members refuse a policy with too many old TEKs: replace-now ends them.
			text := "crypto gdoi ks rekey replace-now\n"
			switch n := random.IntN(40); {
			case n > 25:
				text = "crypto gdoi ks rekey\n"
			case n == 0: // another KEK
				text = fmt.Sprintf("configure terminal\ncrypto gdoi group G\nserver local\nrekey lifetime seconds %d\nend\ncrypto gdoi ks rekey\n", 300+i%2)
			}
			if _, err := io.WriteString(w, text); err != nil || ctx.Err() != nil {
				return
			}
			timer := time.NewTimer(4 * time.Millisecond)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}()
	time.Sleep(d)
	s.cmd.Process.Signal(unix.SIGKILL)
	s.cmd.Wait()
	cancel()
	in.Close()
	<-typist
	w.Close()
	<-done
}

// namespace is a network namespace and a thread in it.
type namespace struct {
	calls chan func()
	ended sync.WaitGroup
}

func newNamespace(t *testing.T) *namespace {
	n := &namespace{calls: make(chan func())}
	made := make(chan error)
	n.ended.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this
		err := unix.Unshare(unix.CLONE_NEWNET)
		made <- err
		if err == nil {
			for f := range n.calls {
				f()
			}
		}
	})
	if err := <-made; err != nil {
		testenv.Need(t, false, "network namespaces cannot be made: "+err.Error())
	}
	t.Cleanup(func() { close(n.calls); n.ended.Wait() })
	err := n.do(func() error {
		err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "ks0"}, PeerName: "gm0"})
		for _, name := range []string{"lo", "ks0", "gm0"} {
			var l netlink.Link
			if err == nil {
				l, err = netlink.LinkByName(name)
			}
			if err == nil {
				err = netlink.LinkSetUp(l)
			}
			if err == nil && name == "ks0" {
				for _, a := range killedMembers {
					if err == nil {
						err = netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}})
					}
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// do calls f in the namespace.
func (n *namespace) do(f func() error) (err error) {
	done := make(chan struct{})
	n.calls <- func() { defer close(done); err = f() }
	<-done
	return err
}

// history is everything that was seen on the wire.
type history struct {
	mu            sync.Mutex
	keks          map[[16]byte]policy.KEK
	teks          map[uint32][]byte
	pushes        map[[sha256.Size]byte][]byte
	senders       map[sender]string // registration that was given it
	last          map[netip.Addr]bool
	registrations int
	problems      []string
}

// sender is what must be there once: a sender ID under a TEK.
type sender struct {
	spi uint32
	id  uint32
}

func newHistory() *history {
	return &history{keks: make(map[[16]byte]policy.KEK), teks: make(map[uint32][]byte), pushes: make(map[[sha256.Size]byte][]byte), senders: make(map[sender]string), last: make(map[netip.Addr]bool)}
}

func (h *history) push(datagram []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pushes[sha256.Sum256(datagram)] = datagram
}

func (h *history) registered(name string, addr netip.Addr, p wire.Policy, ids policy.SenderIDs) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.registrations++
	h.last[addr] = true
	if p.KEK != nil {
		h.keks[p.KEK.SPI] = *p.KEK
	}
	for _, t := range p.TEKs {
		h.teks[t.SPI] = t.CipherKey.Reveal()
		for _, id := range ids.Values {
			k := sender{t.SPI, id}
			if other, ok := h.senders[k]; ok && other != name {
				h.problems = append(h.problems, fmt.Sprintf("sender ID %d under TEK %08X was given to %s and to %s", id, t.SPI, other, name))
			}
			h.senders[k] = name
		}
	}
}

// await waits until something has happened.
func (h *history) await(t *testing.T, what string, ok func() bool, gms []*load) {
	t.Helper()
	h.mu.Lock()
	clear(h.last)
	h.mu.Unlock()
	for _, g := range gms {
		g.poke()
	}
	for range 300 {
		h.mu.Lock()
		done := ok()
		h.mu.Unlock()
		if done {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("no %s in the end", what)
}

// check reads every rekey: those that bring a KEK make others readable.
func (h *history) check(t *testing.T) string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	type number struct {
		spi [16]byte
		seq uint32
	}
	seen := make(map[number][sha256.Size]byte)
	left := make(map[[sha256.Size]byte][]byte, len(h.pushes))
	for sum, b := range h.pushes {
		left[sum] = b
	}
	for more := true; more; {
		more = false
		for sum, b := range left {
			kek, ok := h.keks[[16]byte(b)]
			if !ok {
				continue
			}
			delete(left, sum)
			more = true
			m, err := wire.ParsePush(kek, b, wire.Form{})
			if err == nil {
				err = m.VerifySignature()
			}
			if err != nil {
				t.Errorf("a rekey under KEK %x: %v", kek.SPI, err)
				continue
			}
			n := number{kek.SPI, m.Seq}
			if other, ok := seen[n]; ok && other != sum {
				h.problems = append(h.problems, fmt.Sprintf("SEQ %d of KEK %x has two contents", m.Seq, kek.SPI))
			}
			seen[n] = sum
			if m.SA == nil {
				continue
			}
			if p, err := wire.DecodeSA(*m.SA, time.Now()); err == nil && p.KEK != nil && p.KEK.SPI != kek.SPI && p.AddKeys(m.KD) == nil {
				h.keks[p.KEK.SPI] = *p.KEK
			}
		}
	}
	slices.Sort(h.problems)
	for _, p := range slices.Compact(h.problems) {
		t.Error(p)
	}
	if len(seen) < 20 || h.registrations < 20 || len(h.senders) < 20 {
		t.Errorf("too little happened to show anything: %d rekeys, %d registrations, %d sender IDs", len(seen), h.registrations, len(h.senders))
	}
	return fmt.Sprintf("%d rekeys under %d KEKs, %d unread, %d registrations, %d sender IDs under TEKs",
		len(seen), len(h.keks), len(left), h.registrations, len(h.senders))
}

// notIn looks for keys in the clear in the files of a key server.
func (h *history) notIn(t *testing.T, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) < 5 {
		t.Fatalf("%d files, %v", len(list), err)
	}
	for _, f := range list {
		if !f.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("PRIVATE KEY")) {
			t.Errorf("%s has a private key in the clear", f.Name())
		}
		for _, k := range h.keks {
			if bytes.Contains(b, k.Key.Reveal()) {
				t.Errorf("%s has a KEK in the clear", f.Name())
			}
		}
		for _, k := range h.teks {
			if bytes.Contains(b, k) {
				t.Errorf("%s has a TEK in the clear", f.Name())
			}
		}
	}
}
