package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"coterie/internal/testenv"
)

// A host is a network namespace. A process that only waits holds it open, so
// that it goes away with the test, however that ends.
type host struct {
	t    testing.TB
	path string
}

func newHost(t testing.TB) *host {
	t.Helper()
	testenv.Need(t, os.Geteuid() == 0, "network namespaces need root")
	holder := exec.Command(testenv.Tool(t, "cat"))
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = holder.Start()
	testenv.Need(t, !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.EINVAL), "network namespaces cannot be made")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		holder.Wait()
	})
	h := &host{t: t, path: fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)}
	h.ip("link", "set", "lo", "up")
	return h
}

// command is a program on the host.
func (h *host) command(name string, args ...string) *exec.Cmd {
	h.t.Helper()
	return exec.Command(testenv.Tool(h.t, "nsenter"), append([]string{"--net=" + h.path, "--", name}, args...)...)
}

// private is a program on the host that sees an empty /run, and, if execs is
// not empty, that folder as /usr/libexec/ipsec.
func (h *host) private(execs, name string, args ...string) *exec.Cmd {
	h.t.Helper()
	script := "mount -t tmpfs none /run && mkdir /run/pluto && "
	if execs != "" {
		script += "mount -t tmpfs none /usr/libexec && ln -s '" + execs + "' /usr/libexec/ipsec && "
	}
	return h.command(testenv.Tool(h.t, "unshare"), append([]string{"--mount", "--", "sh", "-ec", script + `exec "$0" "$@"`, name}, args...)...)
}

func (h *host) ip(args ...string) {
	h.t.Helper()
	must(h.t, h.command(testenv.Tool(h.t, "ip"), args...))
}

// wires counts the ends, whose indices all differ: the kernel takes its time
// with the carrier of a device that seems to be its own peer.
var wires = 1000

// wire joins two hosts; b gets the addresses and is up.
func wire(a *host, nameA string, b *host, nameB string, addresses ...string) {
	a.t.Helper()
	wires += 2
	a.ip("link", "add", nameA, "index", fmt.Sprint(wires), "type", "veth", "peer", "name", nameB, "index", fmt.Sprint(wires+1), "netns", strings.Split(b.path, "/")[2])
	for _, x := range addresses {
		b.ip("address", "add", x, "dev", nameB)
	}
	b.ip("link", "set", nameB, "up")
}

// frame is an Ethernet frame as it went by.
type frame struct {
	at   time.Time
	data []byte
}

// datagram is what a frame carries to or from UDP 848.
type datagram struct {
	from, to netip.AddrPort
	data     []byte
}

func (f frame) datagram() (d datagram, ok bool) {
	if len(f.data) < 14+20+8 || binary.BigEndian.Uint16(f.data[12:]) != 0x0800 {
		return d, false
	}
	ip := f.data[14:]
	size := int(ip[0]&15) * 4
	if ip[9] != 17 || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 || len(ip) < size+8 {
		return d, false
	}
	udp := ip[size:]
	d.from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[12:16])), binary.BigEndian.Uint16(udp))
	d.to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[16:20])), binary.BigEndian.Uint16(udp[2:]))
	n := int(binary.BigEndian.Uint16(udp[4:]))
	if n < 8 || n > len(udp) || d.from.Port() != 848 && d.to.Port() != 848 {
		return d, false
	}
	d.data = udp[8:n]
	return d, true
}

// tap sees every frame of every wire of a host.
type tap struct {
	mu     sync.Mutex
	frames []frame
	more   *sync.Cond
}

func (h *host) tap() *tap {
	h.t.Helper()
	tp := new(tap)
	tp.more = sync.NewCond(&tp.mu)
	fd := h.packetSocket()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			switch {
			case err == unix.EAGAIN || err == unix.EINTR:
				select {
				case <-stop:
					return
				default:
				}
			case err != nil && err != unix.ENETDOWN:
				return
			case n > 0:
				tp.mu.Lock()
				tp.frames = append(tp.frames, frame{time.Now(), append([]byte(nil), buf[:n]...)})
				tp.more.Broadcast()
				tp.mu.Unlock()
			}
		}
	}()
	h.t.Cleanup(func() {
		close(stop)
		<-done
		unix.Close(fd)
	})
	return tp
}

// packetSocket is opened by a thread that visits the host.
func (h *host) packetSocket() int {
	h.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer unix.Close(own)
	there, err := unix.Open(h.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		h.t.Fatal(err)
	}
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if e := unix.Setns(own, unix.CLONE_NEWNET); e != nil {
		panic(e) // the thread is lost
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return fd
}

// datagrams are those between the address and UDP 848 so far.
func (tp *tap) datagrams(peer netip.Addr) []datagram {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var out []datagram
	for _, f := range tp.frames {
		if d, ok := f.datagram(); ok && (d.from.Addr() == peer || d.to.Addr() == peer) {
			out = append(out, d)
		}
	}
	return out
}

// await waits until there are n datagrams between the address and UDP 848.
func (tp *tap) await(t testing.TB, peer netip.Addr, n int) {
	t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		tp.mu.Lock()
		defer tp.mu.Unlock()
		late = true
		tp.more.Broadcast()
	})
	defer timer.Stop()
	for len(tp.datagrams(peer)) < n {
		tp.mu.Lock()
		if late {
			tp.mu.Unlock()
			t.Fatalf("%d datagrams of %v, want %d", len(tp.datagrams(peer)), peer, n)
		}
		tp.more.Wait()
		tp.mu.Unlock()
	}
}

// judge gives what was sent from the address, or all if it is empty, to
// tshark, which must find nothing malformed.
func (tp *tap) judge(t testing.TB, from string) {
	t.Helper()
	tshark := testenv.Tool(t, "tshark")
	tp.mu.Lock()
	frames := tp.frames
	tp.mu.Unlock()
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 65535)
	b = binary.LittleEndian.AppendUint32(b, 1)
	n := 0
	for _, f := range frames {
		if d, ok := f.datagram(); !ok || from != "" && d.from.Addr().String() != from {
			continue
		}
		n++
		b = binary.LittleEndian.AppendUint32(b, uint32(f.at.Unix()))
		b = binary.LittleEndian.AppendUint32(b, uint32(f.at.Nanosecond()/1000))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f.data)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(f.data)))
		b = append(b, f.data...)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "seen.pcap")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tshark, "-r", file, "-d", "udp.port==848,isakmp", "-V")
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+dir)
	text := must(t, cmd)
	if got := strings.Count(text, "Internet Security Association and Key Management Protocol"); got < n || n == 0 {
		t.Errorf("tshark calls %d of %d datagrams ISAKMP", got, n)
	}
	for _, bad := range []string{"Malformed", "Expert Info (Error"} {
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("tshark: %s", text[max(0, i-1500):min(len(text), i+200)])
		}
	}
}
