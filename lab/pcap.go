package lab

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The classic capture format: a header of 24 octets, then records of 16 octets
// and a frame.
const (
	pcapMagic     = 0xa1b2c3d4 // time stamps in microseconds
	pcapSnapshot  = 262144
	pcapEthernet  = 1 // LINKTYPE_ETHERNET
	pcapHeader    = 24
	pcapRecord    = 16
	etherTypeIPv4 = 0x0800
)

// pcapWriter writes one capture. Every frame reaches the file at once, so that
// it can be read while the lab runs and is whole when the lab is killed.
type pcapWriter struct {
	mu  sync.Mutex
	w   io.WriteCloser
	buf []byte
	err error
}

func createPcap(path string) (*pcapWriter, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return newPcap(f)
}

func newPcap(w io.WriteCloser) (*pcapWriter, error) {
	h := make([]byte, 0, pcapHeader)
	h = binary.LittleEndian.AppendUint32(h, pcapMagic)
	h = binary.LittleEndian.AppendUint16(h, 2) // version 2.4
	h = binary.LittleEndian.AppendUint16(h, 4)
	h = binary.LittleEndian.AppendUint64(h, 0) // UTC, accuracy unknown
	h = binary.LittleEndian.AppendUint32(h, pcapSnapshot)
	h = binary.LittleEndian.AppendUint32(h, pcapEthernet)
	if _, err := w.Write(h); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &pcapWriter{w: w}, nil
}

// frame appends one frame. After an error nothing more is written; close tells it.
func (p *pcapWriter) frame(now time.Time, frame []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return
	}
	kept := frame[:min(len(frame), pcapSnapshot)]
	b := p.buf[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(now.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(now.Nanosecond()/1000))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(kept)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(frame)))
	b = append(b, kept...)
	p.buf = b
	_, p.err = p.w.Write(b)
}

func (p *pcapWriter) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.err, p.w.Close())
}

// pcapPath is the file of a wire: its name without what file systems refuse.
func pcapPath(dir, wire string) string {
	clean := strings.NewReplacer("/", "_", ":", "_", `\`, "_").Replace(wire)
	return filepath.Join(dir, clean+".pcap")
}

// udpFrame wraps a UDP payload as it would have crossed an Ethernet wire; the
// addresses of the stations are made from the IP addresses.
func udpFrame(from, to netip.AddrPort, data []byte) []byte {
	src, dst := from.Addr().As4(), to.Addr().As4()
	f := make([]byte, 0, 42+len(data))
	f = append(append(f, 0xaa, 0xbb), dst[:]...)
	f = append(append(f, 0xaa, 0xbb), src[:]...)
	f = binary.BigEndian.AppendUint16(f, etherTypeIPv4)
	udpLength := 8 + len(data)
	ip := make([]byte, 0, 20)
	ip = append(ip, 0x45, 0)
	ip = binary.BigEndian.AppendUint16(ip, uint16(20+udpLength))
	ip = append(ip, 0, 0, 0, 0, 255, 17, 0, 0)
	ip = append(append(ip, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(ip[10:], onesComplement(0, ip))
	pseudo := uint32(17 + udpLength)
	for _, a := range [][4]byte{src, dst} {
		pseudo += uint32(a[0])<<8 + uint32(a[1]) + uint32(a[2])<<8 + uint32(a[3])
	}
	udp := make([]byte, 0, udpLength)
	udp = binary.BigEndian.AppendUint16(udp, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(udpLength))
	udp = append(append(udp, 0, 0), data...)
	sum := onesComplement(pseudo, udp)
	if sum == 0 {
		sum = 0xffff // RFC 768: zero says that there is no checksum
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return append(append(f, ip...), udp...)
}

// onesComplement is the Internet checksum of b, begun with sum.
func onesComplement(sum uint32, b []byte) uint16 {
	for i, x := range b {
		sum += uint32(x) << (8 * (1 - i&1))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
