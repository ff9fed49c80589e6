package isakmp

import (
	"encoding/binary"
	"slices"
	"time"
)

// Invalid-SPI recovery: a peer that sends ESP under an SPI that is not here is
// told so by an authenticated notify, over the SA there is or, when the
// configuration allows it, one opened for that.
const (
	recoveryWindow = time.Minute
	// maxRecoveries bounds what a stranger's ESP with a forged source can make
	// us send in a window.
	maxRecoveries = 8
)

func (m *Machine) invalidSPI(in InvalidSPI) {
	p := peer{in.VRF, in.Local, in.Remote}
	sa := m.usable(p)
	if !m.cfg.Enabled || sa == nil && !m.cfg.InvalidSPIRecovery {
		return
	}
	m.recoveries = slices.DeleteFunc(m.recoveries, func(t time.Time) bool { return !t.Add(recoveryWindow).After(m.now) })
	if len(m.recoveries) >= maxRecoveries {
		m.count.Busy++
		return
	}
	m.recoveries = append(m.recoveries, m.now)
	if sa != nil {
		m.tellInvalidSPI(sa, in.SPI)
		return
	}
	for _, a := range m.attempts {
		if a.peer == p {
			if !slices.Contains(a.spis, in.SPI) {
				a.spis = append(a.spis, in.SPI)
			}
			return
		}
	}
	a := &attempt{peer: p, spis: []uint32{in.SPI}, started: m.now}
	m.attempts = append(m.attempts, a)
	m.try(a)
}

// protoESP is the protocol ID of ESP (RFC 2407 section 4.4.1).
const protoESP = 3

func (m *Machine) tellInvalidSPI(sa *phaseOne, spi uint32) {
	octets := binary.BigEndian.AppendUint32(nil, spi)
	body, err := Notify{DOI: DOIIPsec, Protocol: protoESP, SPI: octets, Type: NotifyInvalidSPI, Data: octets}.Append(nil)
	if err != nil {
		panic("isakmp: " + err.Error()) // the SPI has 4 octets
	}
	m.sendSA(sa, m.informational(sa, Payload{Type: PayloadNotify, Body: body}))
}
