package pipe

import (
	"strings"

	"coterie/cli/grammar"
)

// Words behind `|` that are not a matter of single lines.
const (
	wordAppend   = "append"
	wordFormat   = "format"
	wordJSON     = "json"
	wordRedirect = "redirect"
	wordTee      = "tee"
)

// Destination is the file that output is sent to, "" for none: `append URL`,
// `redirect URL` and `tee [/append] URL`. Of a copying one (tee) the screen
// gets its share.
func (f *Filter) Destination() (url string, appending, copying bool) {
	if f == nil || f.kind.word == wordFormat {
		return "", false, false
	}
	return f.url, f.appending, f.kind.word == wordTee
}

// JSON tells whether the data behind the output is wanted: `json`.
func (f *Filter) JSON() bool { return f != nil && f.kind.word == wordJSON }

// SpecFile is the file of `format FILE`, "" for any other filter.
func (f *Filter) SpecFile() string {
	if f == nil || f.kind.word != wordFormat {
		return ""
	}
	return f.url
}

// parseURL reads what stands behind the word that ends at end.
func (f *Filter) parseURL(line string, end int) error {
	start, end := word(line, end)
	progress := 2
	if f.kind.word == wordTee && appendOption(line[start:end]) {
		f.appending = true
		start, end = word(line, end)
		progress++
	}
	f.appending = f.appending || f.kind.word == wordAppend
	if f.kind.word != wordJSON {
		if start == end {
			return &grammar.SyntaxError{Kind: grammar.Incomplete, Line: line, Offset: len(line), Progress: progress}
		}
		f.url = line[start:end]
		start, end = word(line, end)
		progress++
	}
	if start != end {
		return &grammar.SyntaxError{Kind: grammar.Invalid, Line: line, Offset: start, Progress: progress}
	}
	return nil
}

// appendOption recognises `/append` and what is short for it.
func appendOption(w string) bool {
	return len(w) > 1 && strings.HasPrefix("/append", strings.ToLower(w))
}

// fileSystems are those that output can be sent to.
var fileSystems = []grammar.HelpEntry{
	{Word: "flash:", Help: "Uniform Resource Locator"},
	{Word: "nvram:", Help: "Uniform Resource Locator"},
}

// urlHelp answers `?` behind a word of this file that ends at end.
func urlHelp(k kind, line string, end int) (h grammar.Help, err error) {
	start, end := word(line, end)
	option := k.word == wordTee
	if option && start != end && end != len(line) && appendOption(line[start:end]) {
		option = false
		start, end = word(line, end)
	}
	switch {
	case k.word == wordJSON, start != end && end != len(line):
		if rest, _ := word(line, end); rest < len(line) || k.word == wordJSON && start != end {
			return h, &grammar.SyntaxError{Kind: grammar.Unknown, Line: line, Offset: start, Progress: 2}
		}
		h.CR = true
	case start == end && k.word == wordFormat:
		h.Entries = []grammar.HelpEntry{{Word: "WORD", Help: "Name of the spec file"}}
	case start == end:
		if option {
			h.Entries = append(h.Entries, grammar.HelpEntry{Word: "/append", Help: "Append redirected output to URL (URLs supporting append operation only)"})
		}
		h.Entries = append(h.Entries, fileSystems...)
	default:
		for _, s := range fileSystems {
			if strings.HasPrefix(s.Word, strings.ToLower(line[start:end])) {
				h.Words = append(h.Words, s.Word)
			}
		}
		if h.Words == nil { // a name of a file, of which we know nothing
			h.Entries = []grammar.HelpEntry{{Word: "WORD"}}
		}
	}
	return h, nil
}
