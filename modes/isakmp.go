package modes

import (
	"net/netip"
	"slices"

	"coterie/cli/grammar"
	"coterie/internal/secret"
	runningconfig "coterie/running-config"
)

var (
	kwISAKMP = grammar.Kw("isakmp", "Configure ISAKMP policy")
	kwIPsec  = grammar.Kw("ipsec", "Configure IPSEC policy")
)

// isakmp is phase 1 in global configuration.
func (b *builder) isakmp() []*grammar.Command {
	type root = runningconfig.Config
	line := func(n ...grammar.Node) grammar.Seq { return append(grammar.Seq{kwCrypto, kwISAKMP}, n...) }
	policies := grammar.Sorted(grammar.Object(func(c *root) *[]*runningconfig.ISAKMPPolicy { return &c.ISAKMP.Policies }, "Priority"))
	return []*grammar.Command{
		{
			Syntax: line(grammar.Kw("enable", "Enable ISAKMP")),
			Bind:   grammar.Leaf(func(c *root) *bool { return &c.ISAKMP.Disabled }, grammar.NoIsStored()),
			Switch: true,
		},
		{
			Syntax: line(grammar.Kw("policy", "Set policy for an ISAKMP protection suite"),
				grammar.Arg("Priority", grammar.Int(1, 10000), "Priority of protection suite")),
			Bind:  policies,
			Enter: b.isakmpPolicy(),
			Bang:  grammar.BangNone, // see arrange
		},
		{
			Syntax: line(grammar.Kw("key", "Set pre-shared key for remote peer"), pskSyntax()),
			Bind:   pskBinding(b, func(c *root) *[]runningconfig.ISAKMPKey { return &c.ISAKMP.Keys }),
		},
		{
			Syntax: line(grammar.Kw("identity", "Set the identity which ISAKMP will use"),
				choice("", "address", "Use the IP address of the interface for the identity",
					"dn", "Use the distinguished name of the router cert",
					"hostname", "Use the hostname of the router for the identity")),
			Bind: leaf(func(c *root) *string { return &c.ISAKMP.Identity }, "address"),
		},
		{
			Syntax: line(grammar.Kw("invalid-spi-recovery", "Initiate IKE and send Invalid SPI Notify")),
			Bind:   flag(func(c *root) *bool { return &c.ISAKMP.InvalidSPIRecovery }),
		},
		{
			Syntax: line(grammar.Kw("keepalive", "Set a keepalive interval for use with IOS peers"),
				grammar.OptionalUnderNo{Node: grammar.Seq{
					grammar.Arg("Interval", grammar.Int(10, 3600), "Number of seconds between keep alives"),
					grammar.Opt{Node: grammar.Arg("Retry", grammar.Int(2, 60), "Number of seconds between retries if keepalive fails")},
					grammar.Opt{Node: grammar.Alt{
						grammar.Kw("periodic", "Keepalive messages are sent periodically").Sets("Periodic", true),
						grammar.Only{Node: grammar.Kw("on-demand", "Send keepalive messages on demand")},
					}},
				}}),
			Bind: keepaliveBinding(),
		},
		{
			Syntax: line(grammar.Kw("aggressive-mode", "Disable ISAKMP aggressive mode"),
				grammar.Kw("disable", "Disable ISAKMP aggressive mode")),
			Bind: flag(func(c *root) *bool { return &c.ISAKMP.AggressiveDisable }),
		},
		{
			Syntax: line(grammar.Kw("fragmentation", "IKE Fragmentation enabled if required")),
			Bind:   flag(func(c *root) *bool { return &c.ISAKMP.Fragmentation }),
		},
		store(frame, single, line(grammar.Kw("nat", "Set a nat  keepalive interval for use with IOS peers"),
			grammar.Kw("keepalive", "Set a nat keepalive interval for use with IOS peers"),
			grammar.Arg("", grammar.Int(5, 3600), "Number of seconds between keep alives"))),
		b.isakmpPeer(line(grammar.Kw("peer", "Set Peer Policy"))),
		b.isakmpProfile(line(grammar.Kw("profile", "Define ISAKMP Profiles"))),
	}
}

// isakmpPolicy is `crypto isakmp policy N`.
func (b *builder) isakmpPolicy() *grammar.Mode {
	type policy = runningconfig.ISAKMPPolicy
	m := b.mode("config-isakmp", "(config-isakmp)")
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("encryption", "Set encryption algorithm for protection suite").Prints("encr"), grammar.Alt{
				grammar.Kw("3des", "Three key triple DES").Sets("Cipher", "3des"),
				grammar.Seq{
					grammar.Kw("aes", "AES - Advanced Encryption Standard").Sets("Cipher", "aes"),
					grammar.Opt{Node: keySize("Size", true)},
				},
				grammar.Kw("des", "DES - Data Encryption Standard (56 bit keys)").Sets("Cipher", "des"),
			}},
			Bind: cipherBinding(func(p *policy) *string { return &p.Encryption }, "des"),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("hash", "Set hash algorithm for protection suite"), choice("",
				"md5", "Message Digest 5", "sha", "Secure Hash Standard",
				"sha256", "Secure Hash Standard 2 (256 bit)", "sha384", "Secure Hash Standard 2 (384 bit)",
				"sha512", "Secure Hash Standard 2 (512 bit)")},
			Bind: leaf(func(p *policy) *string { return &p.Hash }, "sha"),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("authentication", "Set authentication method for protection suite"), choice("",
				"ecdsa-sig", "Elliptic Curve Digital Signature Algorithm", "pre-share", "Pre-Shared Key", "rsa-encr", "Rivest-Shamir-Adleman Encryption",
				"rsa-sig", "Rivest-Shamir-Adleman Signature")},
			Bind: leaf(func(p *policy) *string { return &p.Authentication }, "rsa-sig"),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("group", "Set the Diffie-Hellman group"), grammar.Alt{
				grammar.Kw("1", "Diffie-Hellman group 1 (768 bit)").Sets("", 1),
				grammar.Kw("14", "Diffie-Hellman group 14 (2048 bit)").Sets("", 14),
				grammar.Kw("15", "Diffie-Hellman group 15 (3072 bit)").Sets("", 15),
				grammar.Kw("16", "Diffie-Hellman group 16 (4096 bit)").Sets("", 16),
				grammar.Kw("19", "Diffie-Hellman group 19 (256 bit ecp)").Sets("", 19),
				grammar.Kw("2", "Diffie-Hellman group 2 (1024 bit)").Sets("", 2),
				grammar.Kw("20", "Diffie-Hellman group 20 (384 bit ecp)").Sets("", 20),
				grammar.Kw("21", "Diffie-Hellman group 21 (521 bit ecp)").Sets("", 21),
				grammar.Kw("24", "Diffie-Hellman group 24 (2048 bit, 256 bit subgroup)").Sets("", 24),
				grammar.Kw("5", "Diffie-Hellman group 5 (1536 bit)").Sets("", 5),
			}},
			Bind: leaf(func(p *policy) *int { return &p.Group }, 1),
		},
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("lifetime", "Set lifetime for ISAKMP security association"),
				grammar.Arg("", grammar.Int(60, 86400), "Lifetime in seconds")},
			Bind: leaf(func(p *policy) *int { return &p.Lifetime }, runningconfig.DefaultPhaseOneLife),
		},
	)
	return m
}

// keySize is the size of an AES key; implied says that 128 is the default.
func keySize(name string, implied bool) grammar.Node {
	first := grammar.Node(grammar.Kw("128", "128 bit keys.").Sets(name, 128))
	if implied {
		first = grammar.Only{Node: grammar.Kw("128", "128 bit keys.")}
	}
	return grammar.Alt{
		first,
		grammar.Kw("192", "192 bit keys.").Sets(name, 192),
		grammar.Kw("256", "256 bit keys.").Sets(name, 256),
	}
}

// pskPeer is who a pre-shared key is for.
func pskPeer() grammar.Node {
	define := grammar.Kw("address", "Define shared key with IP address")
	return grammar.Alt{
		grammar.Seq{define, grammar.Alt{
			grammar.Seq{grammar.Arg("Address", grammar.IPv4(), "Peer IP address"),
				grammar.Opt{Node: grammar.Arg("Mask", grammar.Mask(), "Peer IP subnet mask")}},
			grammar.Seq{grammar.Kw("ipv6", "Define shared key with IPv6 address"), grammar.Arg("IPv6", ipv6Prefix, "IPv6 address/prefix")},
		}},
		grammar.Seq{grammar.Kw("hostname", "Define shared key with hostname"),
			grammar.Arg("Hostname", grammar.Word(), "Peer hostname")},
	}
}

// pskSecret is a pre-shared key in either form.
func pskSecret() grammar.Seq {
	return grammar.Seq{
		grammar.Opt{Node: grammar.Alt{
			grammar.Kw("6", "Specifies an ENCRYPTED password will follow").Sets("Type6", true),
			grammar.Kw("0", "Specifies an UNENCRYPTED password will follow").Sets("Type0", true),
		}},
		grammar.Arg("Key", grammar.Word(), "The UNENCRYPTED (cleartext) user password"),
	}
}

// pskSyntax is what follows `crypto isakmp key`.
func pskSyntax() grammar.Node {
	return then(pskSecret(), pskPeer(), grammar.Opt{Node: grammar.Kw("no-xauth", "Bypasses XAuth for this peer").Sets("NoXAuth", true)})
}

// pskBinding binds pre-shared keys, one for each peer.
func pskBinding[C any](b *builder, field func(*C) *[]runningconfig.ISAKMPKey) grammar.Binding {
	key := func(a grammar.Args) runningconfig.ISAKMPKey {
		k := runningconfig.ISAKMPKey{
			Key: secret.Of(a.String("Key")), Type6: a.Bool("Type6"),
			Address: address(a, "Address"), Mask: address(a, "Mask"),
			Hostname: a.String("Hostname"), NoXAuth: a.Bool("NoXAuth"),
		}
		k.IPv6, _ = a["IPv6"].(netip.Prefix)
		if k.Mask.IsValid() {
			k.Address = masked(k.Address, k.Mask)
			if n := maskLength(k.Mask); n == 32 || n == 0 {
				k.Mask = netip.Addr{} // a host, or everybody
			}
		}
		return k
	}
	same := func(x, y runningconfig.ISAKMPKey) bool {
		return x.Address == y.Address && x.Mask == y.Mask && x.Hostname == y.Hostname && x.IPv6 == y.IPv6
	}
	return grammar.Custom[C]{
		OnSet: func(c *C, a grammar.Args) error {
			k := key(a)
			l := field(c)
			for i, old := range *l {
				if same(old, k) {
					if !k.Type6 && b.sealedSame(old, k.Key) {
						k.Key, k.Type6 = old.Key, true
					}
					(*l)[i] = k
					return nil
				}
			}
			*l = append(*l, k)
			return nil
		},
		OnUnset: func(c *C, a grammar.Args) error {
			k := key(a)
			l := field(c)
			if *l = slices.DeleteFunc(*l, func(old runningconfig.ISAKMPKey) bool { return same(old, k) }); len(*l) == 0 {
				*l = nil
			}
			return nil
		},
		OnLines: func(c *C, _ bool) []grammar.Line {
			var out []grammar.Line
			for _, k := range *field(c) {
				a := grammar.Args{"Key": string(k.Key.Reveal())}
				switch clear := a.String("Key"); {
				case k.Type6:
					a["Type6"] = true
				case clear == "0" || clear == "6": // would read as the type of what follows
					a["Type0"] = true
				}
				switch {
				case k.Hostname != "":
					a["Hostname"] = k.Hostname
				case k.IPv6.IsValid():
					a["IPv6"] = k.IPv6
				default:
					a["Address"] = k.Address
				}
				if k.Mask.IsValid() {
					a["Mask"] = k.Mask
				}
				if k.NoXAuth {
					a["NoXAuth"] = true
				}
				out = append(out, grammar.Line{Args: a})
			}
			return out
		},
	}
}

func keepaliveBinding() grammar.Binding {
	type root = runningconfig.Config
	return grammar.Custom[root]{
		OnSet: func(c *root, a grammar.Args) error {
			k := runningconfig.Keepalive{Interval: a.Int("Interval"), Retry: a.Int("Retry"), Periodic: a.Bool("Periodic")}
			if k.Interval == 0 {
				return incomplete
			}
			if k.Retry == runningconfig.DefaultKeepaliveWait {
				k.Retry = 0
			}
			c.ISAKMP.Keepalive = k
			return nil
		},
		OnUnset: func(c *root, _ grammar.Args) error { c.ISAKMP.Keepalive = runningconfig.Keepalive{}; return nil },
		OnLines: func(c *root, _ bool) []grammar.Line {
			k := c.ISAKMP.Keepalive
			if k.Interval == 0 {
				return nil
			}
			a := grammar.Args{"Interval": k.Interval}
			if k.Retry != 0 {
				a["Retry"] = k.Retry
			}
			if k.Periodic {
				a["Periodic"] = true
			}
			return one(a)
		},
	}
}

// cipherBinding binds a cipher and its key size, the arguments "Cipher" and
// "Size", to a field that holds them as they print: "aes 256".
func cipherBinding[C any](field func(*C) *string, fallback string) grammar.Binding {
	return grammar.Custom[C]{
		OnSet: func(t *C, a grammar.Args) error {
			if *field(t) = joinCipher(a, "Cipher", "Size"); *field(t) == fallback {
				*field(t) = ""
			}
			return nil
		},
		OnUnset: func(t *C, _ grammar.Args) error { *field(t) = ""; return nil },
		OnLines: func(t *C, all bool) []grammar.Line {
			v := *field(t)
			if v == "" && all {
				v = fallback
			}
			if v == "" {
				return nil
			}
			a := grammar.Args{}
			splitCipher(v, a, "Cipher", "Size")
			return one(a)
		},
	}
}
