package modes

import (
	"fmt"
	"strconv"
	"strings"

	"coterie/cli/grammar"
	runningconfig "coterie/running-config"
)

// ipsec is phase 2 in global configuration.
func (b *builder) ipsec() (lifetime, transforms, profiles []*grammar.Command) {
	type root = runningconfig.Config
	line := func(n ...grammar.Node) grammar.Seq { return append(grammar.Seq{kwCrypto, kwIPsec}, n...) }
	sets := objects[root, runningconfig.TransformSet]{
		list: func(c *root) *[]*runningconfig.TransformSet { return &c.TransformSets },
		is:   func(t *runningconfig.TransformSet, a grammar.Args) bool { return t.Name == a.String("Name") },
		make: func(a grammar.Args) *runningconfig.TransformSet {
			return &runningconfig.TransformSet{Name: a.String("Name")}
		},
		args:   transformArgs,
		update: updateTransform,
	}
	list := grammar.Object(func(c *root) *[]*runningconfig.IPsecProfile { return &c.IPsecProfiles }, "Name")
	lifetime = lifetimeLines(line(grammar.Kw("security-association", "Security association parameters")),
		func(c *root) *runningconfig.Lifetime { return &c.IPsecLifetime })
	lifetime = append(lifetime, associationLines(frame, line(grammar.Kw("security-association", "Security association parameters")))...)
	lifetime = append(lifetime,
		withDefault(store(frame, single, line(grammar.Kw("df-bit", "Handling of encapsulated DF bit."), dfBits())), "crypto ipsec df-bit copy"),
		withDefault(store(frame, single, line(grammar.Kw("fragmentation", "Handling of fragmentation of near-MTU sized packets"), choice("",
			"after-encryption", "Do fragmentation after encryption", "before-encryption", "Do fragmentation before encryption"))),
			"crypto ipsec fragmentation before-encryption"),
		store(frame, single|defaults, line(grammar.Kw("nat-transparency", "IPsec NAT transparency model"), grammar.Kw("udp-encapsulation", "UDP encapsulation"))),
	)
	transforms = []*grammar.Command{{
		Syntax: line(grammar.Kw("transform-set", "Define transform and settings"),
			grammar.Arg("Name", grammar.Word(), "Transform set tag").From(transformSetNames),
			grammar.OptionalUnderNo{Node: transformSyntax()}),
		Bind:   sets.opener(),
		Enter:  b.transformSet(),
		Bang:   grammar.BangNone,
		Sample: []string{"crypto ipsec transform-set TS esp-aes 256 esp-sha-hmac", "crypto ipsec transform-set TS esp-gcm"},
	}}
	profiles = []*grammar.Command{{
		Syntax: line(grammar.Kw("profile", "Configure an ipsec policy profile"),
			grammar.Arg("Name", grammar.Word(), "Profile Name").From(profileNames)),
		Bind:  list,
		Enter: b.ipsecProfile(),
	}}
	return lifetime, transforms, profiles
}

// transformSyntax is the transforms of a set, in any order.
func transformSyntax() grammar.Node {
	sized := func(name, help string) grammar.Node {
		return grammar.Seq{grammar.Kw(name, help).Sets("Cipher", name), grammar.Opt{Node: keySize("Size", true)}}
	}
	old := func(name string, size int) grammar.Node {
		return grammar.Only{Node: grammar.Kw(name, fmt.Sprintf("ESP transform using AES cipher (%d bits)", size)).Sets("Cipher", "esp-aes "+strconv.Itoa(size))}
	}
	return grammar.AnyOrder{
		choice("AH", "ah-md5-hmac", "AH-HMAC-MD5 transform", "ah-sha-hmac", "AH-HMAC-SHA transform",
			"ah-sha256-hmac", "AH-HMAC-SHA256 transform", "ah-sha384-hmac", "AH-HMAC-SHA384 transform",
			"ah-sha512-hmac", "AH-HMAC-SHA512 transform"),
		grammar.Alt{
			old("esp-192-aes", 192),
			old("esp-256-aes", 256),
			grammar.Kw("esp-3des", "ESP transform using 3DES(EDE) cipher (168 bits)").Sets("Cipher", "esp-3des"),
			sized("esp-aes", "ESP transform using AES cipher"),
			grammar.Kw("esp-des", "ESP transform using DES cipher (56 bits)").Sets("Cipher", "esp-des"),
			sized("esp-gcm", "ESP transform using GCM cipher"),
			sized("esp-gmac", "ESP transform using GMAC cipher"),
			grammar.Kw("esp-null", "ESP transform w/o cipher").Sets("Cipher", "esp-null"),
			grammar.Kw("esp-seal", "ESP transform using SEAL cipher (160 bits)").Sets("Cipher", "esp-seal"),
		},
		choice("Auth", "esp-md5-hmac", "ESP transform using HMAC-MD5 auth", "esp-sha-hmac", "ESP transform using HMAC-SHA auth",
			"esp-sha256-hmac", "ESP transform using HMAC-SHA256 auth", "esp-sha384-hmac", "ESP transform using HMAC-SHA384 auth",
			"esp-sha512-hmac", "ESP transform using HMAC-SHA512 auth"),
		grammar.Kw("comp-lzs", "IP Compression using the LZS compression algorithm").Sets("LZS", true),
		grammar.Kw("esn", "ESP transform using extended sequence numbers").Sets("ESN", true),
	}
}

func updateTransform(t *runningconfig.TransformSet, a grammar.Args) error {
	cipher, auth, ah := joinCipher(a, "Cipher", "Size"), a.String("Auth"), a.String("AH")
	if cipher == "" && auth == "" && ah == "" && !a.Bool("LZS") {
		if t.Cipher == "" && t.Auth == "" && t.AH == "" && !t.LZS {
			return incomplete
		}
		return nil // enters the set to change its mode
	}
	combined := strings.HasPrefix(cipher, "esp-gcm") || strings.HasPrefix(cipher, "esp-gmac")
	if combined && auth != "" {
		return Refusal("ERROR: esp-gcm and esp-gmac cannot be combined with an ESP authentication transform.")
	}
	t.Cipher, t.Auth, t.AH, t.LZS, t.ESN = cipher, auth, ah, a.Bool("LZS"), a.Bool("ESN")
	return nil
}

func transformArgs(t *runningconfig.TransformSet) grammar.Args {
	a := grammar.Args{"Name": t.Name}
	splitCipher(t.Cipher, a, "Cipher", "Size")
	if t.Auth != "" {
		a["Auth"] = t.Auth
	}
	if t.AH != "" {
		a["AH"] = t.AH
	}
	if t.LZS {
		a["LZS"] = true
	}
	if t.ESN {
		a["ESN"] = true
	}
	return a
}

// joinCipher makes "esp-aes 256" of a name and a size.
func joinCipher(a grammar.Args, name, size string) string {
	if n := a.Int(size); n != 0 && n != 128 {
		return a.String(name) + " " + strconv.Itoa(n)
	}
	return a.String(name)
}

func splitCipher(v string, a grammar.Args, name, size string) {
	if v == "" {
		return
	}
	cipher, bits, sized := strings.Cut(v, " ")
	a[name] = cipher
	if sized {
		if n, err := strconv.Atoi(bits); err == nil {
			a[size] = n
		}
	}
}

// transformSet is `crypto ipsec transform-set`; IOS prints its mode always.
func (b *builder) transformSet() *grammar.Mode {
	m := b.mode("cfg-crypto-trans", "(cfg-crypto-trans)")
	m.Add(&grammar.Command{
		Syntax: grammar.Seq{grammar.Kw("mode", "Encapsulation mode (transport/tunnel)"), grammar.Alt{
			grammar.Seq{grammar.Kw("transport", "Transport (payload encapsulation) mode").Sets("Mode", "transport"),
				grammar.Opt{Node: grammar.Kw("require", "Require transport mode").Sets("Require", true)}},
			grammar.Kw("tunnel", "Tunnel (datagram encapsulation) mode").Sets("Mode", "tunnel"),
		}},
		Bind: grammar.Custom[runningconfig.TransformSet]{
			OnSet: func(t *runningconfig.TransformSet, a grammar.Args) error {
				switch t.Mode = a.String("Mode"); {
				case t.Mode == "tunnel":
					t.Mode = ""
				case a.Bool("Require"):
					t.Mode = "transport require"
				}
				return nil
			},
			OnUnset: func(t *runningconfig.TransformSet, _ grammar.Args) error { t.Mode = ""; return nil },
			OnLines: func(t *runningconfig.TransformSet, _ bool) []grammar.Line {
				switch t.Mode {
				case "":
					return one(grammar.Args{"Mode": "tunnel"})
				case "transport":
					return one(grammar.Args{"Mode": "transport"})
				}
				return one(grammar.Args{"Mode": "transport", "Require": true})
			},
		},
	})
	return m
}

// lifetimeLines are `lifetime ...` of security associations behind words. A
// group has no lifetime in kilobytes, so that line is one of its own.
func lifetimeLines[C any](words grammar.Seq, field func(*C) *runningconfig.Lifetime) []*grammar.Command {
	words = then(words, grammar.Kw("lifetime", "Security association lifetime"))
	return []*grammar.Command{
		{
			Syntax: then(words, grammar.Kw("kilobytes", "Volume-based key duration"), grammar.OptionalUnderNo{Node: grammar.Alt{
				grammar.Arg("Kilobytes", grammar.Int(2560, 4294967295), "Security association duration in kilobytes encrypted"),
				grammar.Kw("disable", "Disable Volume-based Rekey").Sets("NoKilobytes", true),
			}}),
			Bind:     volumeBinding(field),
			NoEffect: true,
		},
		{
			Syntax: then(words, grammar.Alt{
				grammar.Seq{grammar.Kw("days", "Time-based key duration in days").Sets("Unit", "days"),
					grammar.OptionalUnderNo{Node: grammar.Arg("Days", grammar.Int(1, 30), "Security association duration in days")}},
				grammar.Seq{grammar.Kw("seconds", "Time-based key duration in seconds").Sets("Unit", "seconds"),
					grammar.OptionalUnderNo{Node: grammar.Arg("Seconds", grammar.Int(120, 2592000), "Security association duration in seconds")}},
			}),
			Bind: lifetimeBinding(field),
		},
	}
}

// volumeBinding binds the lifetime in kilobytes.
func volumeBinding[C any](field func(*C) *runningconfig.Lifetime) grammar.Binding {
	return grammar.Custom[C]{
		OnSet: func(t *C, a grammar.Args) error {
			l := field(t)
			switch {
			case a.Has("NoKilobytes"):
				l.Kilobytes, l.NoKilobytes = 0, true
			case a.Has("Kilobytes"):
				l.Kilobytes, l.NoKilobytes = a.Int("Kilobytes"), false
				if l.Kilobytes == runningconfig.DefaultKilobytes {
					l.Kilobytes = 0
				}
			default:
				return incomplete
			}
			return nil
		},
		OnUnset: func(t *C, _ grammar.Args) error {
			field(t).Kilobytes, field(t).NoKilobytes = 0, false
			return nil
		},
		OnLines: func(t *C, all bool) []grammar.Line {
			switch l := field(t); {
			case l.NoKilobytes:
				return one(grammar.Args{"NoKilobytes": true})
			case l.Kilobytes != 0:
				return one(grammar.Args{"Kilobytes": l.Kilobytes})
			case all:
				return one(grammar.Args{"Kilobytes": runningconfig.DefaultKilobytes})
			}
			return nil
		},
	}
}

// lifetimeBinding binds the lifetime in days or seconds.
func lifetimeBinding[C any](field func(*C) *runningconfig.Lifetime) grammar.Binding {
	return grammar.Custom[C]{
		OnSet: func(t *C, a grammar.Args) error {
			l := field(t)
			switch {
			case a.Has("Days"):
				l.Seconds, l.Days = 0, a.Int("Days")
			case a.Has("Seconds"):
				l.Seconds, l.Days = a.Int("Seconds"), 0
				if l.Seconds == runningconfig.DefaultTEKLifetime {
					l.Seconds = 0
				}
			default:
				return incomplete
			}
			return nil
		},
		OnUnset: func(t *C, _ grammar.Args) error {
			field(t).Seconds, field(t).Days = 0, 0
			return nil
		},
		OnLines: func(t *C, all bool) []grammar.Line {
			switch l := field(t); {
			case l.Days != 0:
				return one(grammar.Args{"Unit": "days", "Days": l.Days})
			case l.Seconds != 0:
				return one(grammar.Args{"Unit": "seconds", "Seconds": l.Seconds})
			case all:
				return one(grammar.Args{"Unit": "seconds", "Seconds": runningconfig.DefaultTEKLifetime})
			}
			return nil
		},
	}
}

// ipsecProfile is `crypto ipsec profile`.
func (b *builder) ipsecProfile() *grammar.Mode {
	type profile = runningconfig.IPsecProfile
	m := b.mode("ipsec-profile", "(ipsec-profile)")
	set := grammar.Kw("set", "Set values for encryption/decryption")
	association := grammar.Kw("security-association", "Security association parameters")
	replay := grammar.Kw("replay", "Set replay checking")
	kept := func(p *profile) *[]string { return &p.Kept }
	m.Add(
		&grammar.Command{
			Syntax: grammar.Seq{grammar.Kw("description", "Description of the IPSec profile"),
				grammar.Arg("", grammar.Rest(), "Description of this profile")},
			Bind: leaf(func(p *profile) *string { return &p.Description }, ""),
		},
	)
	m.Add(lifetimeLines(grammar.Seq{set, association}, func(p *profile) *runningconfig.Lifetime { return &p.Lifetime })...)
	m.Add(
		// The window is that of the group's policy.
		&grammar.Command{
			NoEffect: true,
			Syntax: grammar.Seq{set, association, replay, grammar.Alt{
				grammar.Kw("disable", "Disable replay checking").Sets("Disable", true),
				grammar.Seq{grammar.Kw("window-size", "Set replay window size"), windowSizes("Window")},
			}},
			Bind: grammar.Custom[profile]{
				OnSet: func(p *profile, a grammar.Args) error {
					p.ReplayDisable, p.ReplayWindow = a.Bool("Disable"), a.Int("Window")
					if p.ReplayWindow == runningconfig.DefaultReplayWindow {
						p.ReplayWindow = 0
					}
					return nil
				},
				OnUnset: func(p *profile, _ grammar.Args) error { p.ReplayDisable, p.ReplayWindow = false, 0; return nil },
				OnLines: func(p *profile, all bool) []grammar.Line {
					switch {
					case p.ReplayDisable:
						return one(grammar.Args{"Disable": true})
					case p.ReplayWindow != 0:
						return one(grammar.Args{"Window": p.ReplayWindow})
					case all:
						return one(grammar.Args{"Window": runningconfig.DefaultReplayWindow})
					}
					return nil
				},
			},
		},
		store(kept, single, grammar.Seq{set, association, grammar.Kw("idle-time", "Automatically delete IPSec SAs after a given idle period."),
			grammar.Arg("", grammar.Int(60, 86400), "Idle time in seconds"), grammar.Opt{Node: mark("default", "Create with idle-timer the SA of the default peer")}}),
		store(kept, single, grammar.Seq{set, association, grammar.Kw("dfbit", "Handling of encapsulated DF bit."), dfBits()}),
		store(kept, single, grammar.Seq{set, association, grammar.Kw("level", "Specify a security association granularity level"),
			grammar.Kw("per-host", "Create separate SAs for each host pair")}),
		&grammar.Command{
			Syntax: grammar.Seq{set, grammar.Kw("transform-set", "Specify list of transform sets in priority order"),
				grammar.Rep{Node: grammar.Arg("", grammar.Word(), "Proposal tag").From(transformSetNames), Max: 6}},
			Bind: wordList(func(p *profile) *[]string { return &p.TransformSets }),
		},
		&grammar.Command{
			Syntax: grammar.Seq{set, grammar.Kw("pfs", "Specify pfs settings"), choice("",
				"group1", "D-H Group1 (768-bit modp)", "group14", "D-H Group14 (2048-bit modp)",
				"group15", "D-H Group15 (3072-bit modp)", "group16", "D-H Group16 (4096-bit modp)",
				"group19", "D-H Group19 (256-bit ecp)", "group2", "D-H Group2 (1024-bit modp)",
				"group20", "D-H Group20 (384-bit ecp)", "group21", "D-H Group21 (521-bit ecp)",
				"group24", "D-H Group24 (2048-bit modp, 256 bit subgroup)", "group5", "D-H Group5 (1536-bit modp)")},
			Bind: leaf(func(p *profile) *string { return &p.PFS }, ""), NoEffect: true,
		},
		&grammar.Command{
			Syntax: grammar.Seq{set, grammar.Kw("isakmp-profile", "Specify isakmp Profile"),
				grammar.Arg("", grammar.Word(), "ISAKMP profile name").From(isakmpProfileNames)},
			Bind: leaf(func(p *profile) *string { return &p.ISAKMPProfile }, ""), NoEffect: true,
		},
		store(kept, single, grammar.Seq{set, grammar.Kw("ikev2-profile", "Specify ikev2 Profile"), grammar.Arg("", grammar.Word(), "IKEv2 profile name")}),
		store(kept, single, grammar.Seq{set, grammar.Kw("group", "Set the group parameters"),
			grammar.Arg("", grammar.Word(), "Group name").From(groupNames)}),
		store(kept, single, grammar.Seq{set, grammar.Kw("identity", "Identity restriction."),
			grammar.Arg("", grammar.Word(), "Identity tag").From(identityNames)}),
		store(kept, 0, grammar.Seq{set, grammar.Kw("reverse-route", "Reverse Route Injection"), grammar.Alt{
			branch("Option", "distance", "Distance metric for this route", grammar.Arg("Value", grammar.Int(1, 255), "Distance metric")),
			branch("Option", "gateway", "Next hop of the route", grammar.Arg("Gateway", grammar.IPv4(), "Gateway address")),
			branch("Option", "tag", "Set tag for this route", grammar.Arg("Value", grammar.Int(1, 4294967295), "Tag value")),
		}}, "Option"),
		store(kept, single, grammar.Seq{grammar.Kw("reverse-route", "Reverse Route Injection"), grammar.Opt{Node: mark("static", "Create routes based on static ACLs permanently")}}),
		store(kept, single, grammar.Seq{grammar.Kw("responder-only", "Do not initiate SAs from this device")}),
	)
	return m
}

// windowSizes are the replay windows of IOS, in packets.
func windowSizes(name string) grammar.Node {
	var out grammar.Alt
	for _, n := range []int{1024, 128, 256, 512, 64} {
		out = append(out, grammar.Kw(strconv.Itoa(n), fmt.Sprintf("Window size of %d", n)).Sets(name, n))
	}
	return out
}

// dfBits is what becomes of the DF bit of the outer header.
func dfBits() grammar.Node {
	return choice("DF", "clear", "Clear DF bit in outer IP header", "copy", "Copy outer header DF bit from inner header", "set", "Set DF bit in outer IP header")
}

// associationLines are the parameters of security associations that have no
// engine, behind the words of global configuration.
func associationLines[C any](field func(*C) *[]string, association grammar.Seq) []*grammar.Command {
	return []*grammar.Command{
		store(field, single, then(association, grammar.Kw("replay", "Set replay checking"), grammar.Alt{
			grammar.Kw("disable", "Disable replay checking").Sets("Disable", true),
			grammar.Seq{grammar.Kw("window-size", "Set replay window size"), windowSizes("Window")},
		})),
		store(field, single, then(association, grammar.Kw("idle-time", "Automatically delete IPSec SAs after a given idle period."),
			grammar.Arg("", grammar.Int(60, 86400), "Idle time in seconds"))),
	}
}
