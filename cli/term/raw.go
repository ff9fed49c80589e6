package term

import "context"

// ReadRaw waits for a key and gives the octets that it would send to another
// host: for a connection through this terminal. Nothing is shown. Ctrl-^ x is
// ErrEscape.
func (t *Terminal) ReadRaw(ctx context.Context) (string, error) {
	serial := t.gate.begin()
	defer t.gate.finish()
	if err := t.ended(ctx); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { t.gate.abort(serial, ctx.Err()) })
	defer stop()
	s := &t.screen
	s.mu.Lock()
	before, outer := t.activity, t.prompt
	t.activity, t.prompt = keyOpen, ""
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.activity, t.prompt = before, outer
	}()
	for {
		k, err := t.gate.readKey()
		switch {
		case err != nil:
			return "", err
		case k.act == actEscape:
			return "", ErrEscape
		}
		if text := k.octets(); text != "" {
			return text, nil
		}
	}
}

// octets is what a key sends; "" for one that sends nothing.
func (k key) octets() string {
	switch k.act {
	case actEnter:
		return "\r"
	case actInterrupt:
		return string(rune(ctrlC))
	case actDelete:
		return string(rune(ctrlD))
	case actEnd:
		return string(rune(ctrlZ))
	case actTab:
		return "\t"
	case actPrevious:
		return "\x10"
	case actNext:
		return "\x0e"
	case actRedraw:
		return "\x0c"
	case actHelp:
		return "?"
	}
	out := make([]rune, 0, len(k.text))
	for _, r := range k.text {
		switch {
		case r >= runeLiteral && r < runeLiteral+0x80:
			out = append(out, r-runeLiteral)
		case r == runeDelete:
			out = append(out, ctrlD)
		case r < privateFirst || r > privateLast:
			out = append(out, r)
		}
	}
	return string(out)
}
