package modes

import "coterie/cli/grammar"

// callHome is `call-home`, which every router of IOS-XE prints and nothing here
// calls.
func (b *builder) callHome() *grammar.Command {
	line := func(word, help string) *grammar.Command {
		return store(stanzaText, 0, grammar.Seq{grammar.Kw(word, help), grammar.Opt{Node: grammar.Arg("", grammar.Rest(), help)}})
	}
	profile := b.mode("cfg-call-home-profile", "(cfg-call-home-profile)")
	profile.Add(
		line("active", "Activate the profile"),
		line("anonymous-reporting-only", "Report without a contact"),
		line("destination", "Message destination related configuration"),
		line("reporting", "Kinds of report that are sent"),
		line("subscribe-to-alert-group", "Subscribe to alert-group"),
	)
	m := b.mode("cfg-call-home", "(cfg-call-home)")
	m.Add(
		line("contact-email-addr", "System Contact person's email address"),
		line("contract-id", "Contract identification of the customer"),
		line("mail-server", "Configure call-home mail server"),
		line("sender", "Call home message's sender"),
		line("site-id", "Site identification of the customer"),
		line("source-interface", "Interface that messages leave by"),
		line("vrf", "VRF that messages leave by"),
		heading(stanzaSubs, grammar.Seq{grammar.Kw("profile", "Enter call-home profile configuration mode"),
			grammar.Arg("Name", grammar.Word(), "Profile name")}, profile, nil, "Name"),
	)
	return heading(globalSections, grammar.Seq{grammar.Kw("call-home", "Enter call-home configuration mode")}, m, nil)
}
