package member

import (
	"encoding/binary"

	"coterie/gdoi/wire"
	"coterie/internal/syslog"
)

func (m *Machine) debugRegistration(format string, args ...any) {
	m.log(syslog.DebugAt(syslog.DebugGMRegistration, syslog.LevelEvent, "GDOI:GM REGISTRATION:("+m.group()+":0):"+format, args...))
}

// debugRekey is what IOS prints while it takes a rekey, with `debug crypto
// gdoi gm rekey`.
func (m *Machine) debugRekey(k heldKEK, msg *wire.ReceivedPush, p wire.Policy, newKEK bool) {
	line := func(format string, args ...any) {
		m.log(syslog.Debugf(syslog.DebugGMRekey, "GDOI:INFRA:"+format, args...))
	}
	event := func(format string, args ...any) {
		m.log(syslog.DebugAt(syslog.DebugGMRekey, syslog.LevelEvent, "GDOI:INFRA:"+format, args...))
	}
	c, g := k.conn, m.group()
	event("(%s:%d):Received Rekey Message!", g, c)
	event("(%s:%d):Signature Valid!", g, c)
	line("(%d):received payload type %d", c, wire.PayloadSEQ)
	line("(%d):processing GDOI Seq Payload, message_id  0", c)
	line("(%d):Completed SEQ Processing for seq %d", c, msg.Seq)
	if msg.SA != nil {
		line("(%d):processing GDOI SA Payload, message ID + 0", c)
		if n := p.KEK; n != nil {
			line("(%d):processing GDOI SA KEK Payload", c)
			line("(0): kek_sa->src %v kek_sa->dst %v", p.Server.Addr(), p.Rekey.Addr())
			line("(0):    KEK_ALGORITHM %d", wire.DebugKEKAlgorithm(n.Cipher))
			line("(0):    KEY_LENGTH %d", 8*n.Cipher.KeyLen())
			line("(0):    KEY_LIFETIME %d", int(n.Lifetime.Seconds()))
			line("(0):    SIG_HASH_ALG %d", wire.SigHashNumber(n.SigHash))
			line("(0):    SIG_ALG 1")
			line("(0):    SIG_KEY_LEN %d", wire.SigKeyBits(n.SigKey))
			if newKEK {
				event("(0): New Kek is received, reset last_seq_num to 0")
			}
			line("(0): Completed KEK Processing")
		}
		if len(msg.SA.GAP) > 0 {
			line("(%d):processing GDOI Private Attribute Payload", c)
			line("(%d): Completed GDOI Attribute Processing", c)
		}
		line("(%s:%d):Completed processing %d GDOI SA TEK Payloads", g, c, len(msg.SA.SAT))
	}
	if len(msg.KD) > 0 {
		line("(%d):received payload type %d", c, wire.PayloadKD)
		line("(%d):processing GDOI KD Payload, message_id  0", c)
	}
	id := binary.BigEndian.Uint32(k.SPI[:4])
	for _, t := range p.TEKs {
		line("(%d):processing GDOI Key Packet, message_id  %d", c, id)
		line("(%d):processing TEK KD: spi is 0x%X", c, t.SPI)
		line("(%d):                   lifetime is %d seconds", c, int(t.Lifetime.Seconds()))
		if n := t.AuthKey.Len(); n > 0 {
			line("(%d):TEK Integrity Key %d bytes", c, n)
		}
		line("(%d):Completed KeyPkt Processing", c)
	}
	if n := p.KEK; n != nil {
		line("(%d):processing GDOI Key Packet, message_id  %d", c, id)
		line("(%d): Processing KEK KD", c)
		line("(%d):KEK Alg Key %d bytes", c, n.IV.Len()+n.Key.Len())
		line("(%d):KEK Sig Key %d bytes", c, len(n.SigKey))
		line("(%d):Completed KeyPkt Processing", c)
	}
	way := "Multicast"
	if k.unicast {
		way = "Unicast"
	}
	event("(%d):%s Rekey from KS 2", c, way)
}

// debugInstalled is what follows the log line.
func debugInstalled(g string, conn uint32, p wire.Policy) []Output {
	var out []Output
	line := func(format string, args ...any) {
		out = append(out, Log{syslog.Debugf(syslog.DebugGMRekey, "GDOI:INFRA:"+format, args...)})
	}
	if p.KEK != nil {
		line("(%s:%d): using SPI %X", g, conn, p.KEK.SPI[:8])
	}
	n := 0
	for _, t := range p.Current() {
		n += len(t.ACEs)
	}
	if n > 0 {
		line("(%s:0):crypto exact match ace number : %d", g, n)
	}
	return out
}
