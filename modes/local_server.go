package modes

import (
	"net/netip"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// localServer is `server local` of a group, whose mode is parent.
func (b *builder) localServer(parent *grammar.Mode, server grammar.Keyword) *grammar.Command {
	m := b.mode("gdoi-local-server", "")
	m.Parent, m.Prompt = parent, familyPrompt("", "-local-server")
	b.localServerLines(m)
	return &grammar.Command{
		Syntax: grammar.Seq{server, grammar.Kw("local", "Configure GDOI local server")},
		Bind:   grammar.Sub(func(g *runningconfig.Group) **runningconfig.LocalServer { return &g.Local }),
		Enter:  m,
	}
}

func (b *builder) localServerLines(m *grammar.Mode) {
	type local = runningconfig.LocalServer
	kept := func(l *local) *[]string { return &l.Kept }
	rekey := grammar.Kw("rekey", "Rekey parameters")
	ipv4 := grammar.Kw("ipv4", "IPv4 packets")
	registration := grammar.Kw("registration", wordHelp["registration"])
	sa := grammar.Kw("sa", wordHelp["sa"])
	m.Add(
		store(kept, single|effect, grammar.Seq{grammar.Kw("gdoi", "Enable registration by GDOI")}),
		store(kept, single, grammar.Seq{grammar.Kw("gikev2", "Enable registration by G-IKEv2"), grammar.Arg("", grammar.Word(), "IKEv2 profile name")}),
		b.pfs(),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("group", "Group parameters"), grammar.Kw("size", "Size of the group"), grammar.Alt{
				grammar.Kw("large", "Large group (32 bit sender identifiers)").Sets("", "large"),
				grammar.Kw("medium", "Medium group (24 bit sender identifiers)").Sets("", "medium"),
				grammar.Seq{grammar.Kw("small", "Small group"), grammar.Alt{
					grammar.Kw("12", "12 bit sender identifiers").Sets("", "small 12"),
					grammar.Kw("16", "16 bit sender identifiers").Sets("", "small 16"),
					grammar.Kw("8", "8 bit sender identifiers").Sets("", "small 8"),
				}},
			}},
			Bind: sizeBinding(),
		},
		b.identifier(m),
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("acknowledgement", "Acknowledgement of rekeys that is accepted"), choice("",
				"any", "Cisco or interoperable acknowledgement", "cisco", "Cisco acknowledgement",
				"interoperable", "Interoperable acknowledgement (RFC 8263)")},
			Bind: leaf(func(l *local) *string { return &l.Acknowledgement }, "cisco"),
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("algorithm", "Set the rekey encryption algorithm"), grammar.Alt{
				grammar.Kw("3des-cbc", "Three key triple DES").Sets("", "3des-cbc"),
				grammar.Seq{grammar.Kw("aes", "Advanced Encryption Standard"), aesSizes()},
				grammar.Kw("des-cbc", "DES - Data Encryption Standard (56 bit keys)").Sets("", "des-cbc"),
			}},
			Bind: leaf(func(l *local) *string { return &l.RekeyAlgorithm }, "3des-cbc"),
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("sig-hash", "Set the hash of the rekey signature"),
				grammar.Kw("algorithm", "Set the hash algorithm"), sigHashes()},
			Bind: leaf(func(l *local) *string { return &l.RekeySigHash }, "sha"),
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("address", "Define the rekey packet format"), ipv4,
				grammar.Arg("", grammar.Word(), "IP access list number or name").From(accessListNames)},
			Bind: leaf(func(l *local) *string { return &l.RekeyAddress }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("lifetime", "Set the rekey lifetime"), grammar.OptionalUnderNo{Node: grammar.Alt{
				grammar.Seq{grammar.Kw("days", "Lifetime in days"), grammar.Arg("Days", grammar.Int(1, 30), "Days")},
				grammar.Seq{grammar.Kw("seconds", "Lifetime in seconds"), grammar.Arg("Seconds", grammar.Int(300, 2592000), "Seconds")},
			}}},
			Bind: grammar.Custom[local]{
				OnSet: func(l *local, a grammar.Args) error {
					v := runningconfig.Lifetime{Seconds: a.Int("Seconds"), Days: a.Int("Days")}
					if v == (runningconfig.Lifetime{}) {
						return incomplete
					}
					if v.InSeconds(0) == runningconfig.DefaultKEKLifetime {
						v = runningconfig.Lifetime{}
					}
					l.RekeyLifetime = v
					return nil
				},
				OnUnset: func(l *local, _ grammar.Args) error { l.RekeyLifetime = runningconfig.Lifetime{}; return nil },
				OnLines: func(l *local, all bool) []grammar.Line {
					switch v := l.RekeyLifetime; {
					case v.Days != 0:
						return one(grammar.Args{"Days": v.Days})
					case v.Seconds != 0 || all:
						return one(grammar.Args{"Seconds": v.InSeconds(runningconfig.DefaultKEKLifetime)})
					}
					return nil
				},
			},
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("retransmit", "Set the rekey retransmission parameters"),
				grammar.OptionalUnderNo{Node: grammar.Seq{
					grammar.Arg("Interval", grammar.Int(10, 60), "Seconds between retransmissions"),
					grammar.Opt{Node: grammar.Alt{
						grammar.Seq{grammar.Kw("number", "Number of retransmissions"),
							grammar.Arg("Number", grammar.Int(1, 10), "Number of retransmissions")},
						grammar.Kw("periodic", "Retransmit until acknowledged").Sets("Periodic", true),
					}},
				}}},
			Bind: grammar.Custom[local]{
				OnSet: func(l *local, a grammar.Args) error {
					v := runningconfig.Retransmit{Interval: a.Int("Interval"), Number: a.Int("Number"), Periodic: a.Bool("Periodic")}
					if v.Interval == 0 {
						return incomplete
					}
					if v.WithDefaults() == (runningconfig.Retransmit{}).WithDefaults() {
						v = runningconfig.Retransmit{}
					} else if !v.Periodic {
						v = v.WithDefaults()
					}
					l.Retransmit = v
					return nil
				},
				OnUnset: func(l *local, _ grammar.Args) error { l.Retransmit = runningconfig.Retransmit{}; return nil },
				OnLines: func(l *local, all bool) []grammar.Line {
					v := l.Retransmit
					if v == (runningconfig.Retransmit{}) && !all {
						return nil
					}
					v = v.WithDefaults()
					if v.Periodic {
						return one(grammar.Args{"Interval": v.Interval, "Periodic": true})
					}
					return one(grammar.Args{"Interval": v.Interval, "Number": v.Number})
				},
			},
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("authentication", "Set the rekey authentication"),
				grammar.OptionalUnderNo{Node: grammar.Seq{
					grammar.Kw("mypubkey", "Authenticate by a public key of this router"),
					grammar.Kw("rsa", "RSA key"),
					grammar.Arg("", grammar.Word(), "Label of the RSA key").From(b.keyLabels)}}},
			Bind: leaf(func(l *local) *string { return &l.RekeyKey }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{rekey, grammar.Kw("transport", "Set the rekey transport"),
				grammar.Kw("unicast", "Unicast transport")},
			Bind: flag(func(l *local) *bool { return &l.Unicast }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("authorization", wordHelp["authorization"]), grammar.Kw("address", "Authorize by address"), ipv4,
				grammar.Arg("", grammar.Word(), "Standard IP access list number or name").From(accessListNames)},
			Bind: leaf(func(l *local) *string { return &l.Authorization }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("authorization", wordHelp["authorization"]), grammar.Kw("identity", "Authorize by certificate identity"),
				grammar.Arg("", grammar.Word(), "Crypto identity").From(identityNames)},
			Bind: leaf(func(l *local) *string { return &l.AuthorizationIdentity }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{registration, grammar.Kw("interface", "Interface that registrations are accepted on"),
				interfaceWord("", "Interface name")},
			Bind: leaf(func(l *local) *string { return &l.RegistrationInterface }, ""),
		},
		&grammar.Command{
			Syntax: grammar.Seq{registration, grammar.Kw("periodic", "Re-authenticate the members of the group"), grammar.Kw("crl", "On every new certificate revocation list"),
				grammar.Kw("trustpoint", "Trustpoint whose list is watched"), grammar.Arg("", grammar.Word(), "Trustpoint name").From(trustpointNames)},
			Bind: leaf(func(l *local) *string { return &l.RegistrationCRL }, ""),
		},
		store(kept, single, grammar.Seq{sa, grammar.Kw("d3p", "IP delivery delay detection"), grammar.Kw("window-size", "Size of the window"), grammar.Alt{
			branch("Unit", "msec", "Window in milliseconds", grammar.Arg("Milliseconds", grammar.Int(1000, 100000), "Milliseconds")),
			branch("Unit", "sec", "Window in seconds", grammar.Arg("Seconds", grammar.Int(1, 100), "Seconds")),
		}}),
		store(kept, single, grammar.Seq{sa, grammar.Kw("pair-wise-keying", "Pair-wise keying"), grammar.Opt{Node: grammar.Seq{
			grammar.Kw("safety-limit", "Safety limit of the number of peers"), grammar.Arg("", grammar.Int(0, 255), "Safety limit")}}}),
		&grammar.Command{
			Syntax: grammar.Seq{sa, grammar.Kw("receive-only", "Members decrypt and send in the clear")},
			Bind:   flag(func(l *local) *bool { return &l.ReceiveOnly }),
		},
		b.saIPsec(m, sa),
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("address", "Set the local address of the key server"), ipv4,
				grammar.OptionalUnderNo{Node: grammar.Arg("", grammar.IPv4(), "Local address")}},
			Bind: leaf(func(l *local) *netip.Addr { return &l.Address }, netip.Addr{}),
		},
		b.redundancy(m),
	)
}

// redundancy is `redundancy` of a local server: cooperative key servers.
func (b *builder) redundancy(parent *grammar.Mode) *grammar.Command {
	type coop = runningconfig.Redundancy
	protocol := grammar.Kw("protocol", "Cooperative protocol parameters")
	m := b.mode("gdoi-coop-ks-config", "")
	m.Parent, m.Prompt = parent, familyPrompt("", "-coop-ks-config")
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("local", "Local key server parameters"), grammar.Kw("priority", "Priority of the local key server"),
				grammar.Arg("", grammar.Int(1, 255), "Priority, the highest becomes primary")},
			Bind: leaf(func(r *coop) *int { return &r.Priority }, runningconfig.DefaultPriority),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("peer", "Peer key server parameters"), grammar.Kw("address", "Address of the peer key server"),
				grammar.Kw("ipv4", "IPv4 address"), grammar.Arg("", grammar.IPv4(), "Address of the peer key server")},
			Bind: limited(addressList(func(r *coop) *[]netip.Addr { return &r.Peers })),
		},
		&grammar.Command{
			Syntax: grammar.Seq{protocol, grammar.Kw("pdu", "Size of a protocol data unit"),
				grammar.Arg("", grammar.Int(1, 65000), "Octets")},
			Bind: leaf(func(r *coop) *int { return &r.PDU }, 0),
		},
		&grammar.Command{
			Syntax: grammar.Seq{protocol, grammar.Kw("version", "Version of the protocol"), choice("",
				"base", "Base version", "optimize", "Optimized version")},
			Bind: leaf(func(r *coop) *string { return &r.Version }, "base"),
		},
	)
	return &grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("redundancy", "Configure cooperative key servers")},
		Bind:   grammar.Sub(func(l *runningconfig.LocalServer) **runningconfig.Redundancy { return &l.Redundancy }),
		Enter:  m,
	}
}
