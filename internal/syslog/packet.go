package syslog

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is the form in which a syslog server gets a record.
type Format uint8

// Formats of `logging host ... format`.
const (
	// FormatIOS is what an IOS router sends, a header of its own that RFC 3164
	// section 4.3 lets receivers take:
	//	<189>29: R1: *Mar  1 00:25:41.123: %SYS-5-CONFIG_I: ...
	FormatIOS Format = iota
	// FormatBSD has the header of RFC 3164 section 4.1:
	//	<189>Mar  1 00:25:41 R1 SYS: %SYS-5-CONFIG_I: ...
	FormatBSD
	// FormatSyslog is RFC 5424:
	//	<189>1 2026-03-01T00:25:41.123Z R1 SYS - CONFIG_I [meta sequenceId="29"] %SYS-5-CONFIG_I: ...
	FormatSyslog
)

// Bounds of a packet in octets: RFC 3164 section 4.1, RFC 5424 section 6.1.
const (
	maxBSD    = 1024
	maxSyslog = 2048
)

// Facilities are the words of `logging facility`, sorted, with their codes of
// RFC 3164 section 4.1.1.
var facilities = map[string]int{
	"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8,
	"sys9": 9, "sys10": 10, "sys11": 11, "sys12": 12, "sys13": 13, "sys14": 14, "cron": 15,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

// DefaultFacility is that of a router.
const DefaultFacility = "local7"

// FacilityCode is the code of a facility; "" is DefaultFacility.
func FacilityCode(word string) int {
	if c, ok := facilities[word]; ok {
		return c
	}
	return facilities[DefaultFacility]
}

// FacilityWords are the words of `logging facility`, sorted.
func FacilityWords() (out []string) {
	for w := range facilities {
		out = append(out, w)
	}
	slices.Sort(out)
	return out
}

// Sender is what a packet says about the device that sends it.
type Sender struct {
	Facility int
	Host     string // HOSTNAME of RFC 3164 and 5424; an address when there is no name
	Origin   string // `logging origin-id`, before the stamp of FormatIOS
	Session  string // `session-id` of the server
	Number   uint64 // of the packet, from 1
}

// Packet is the record as one syslog message, without the framing of a stream.
func (r Record) Packet(f Format, s Sender) []byte {
	b := []byte("<" + strconv.Itoa(s.Facility<<3|r.Severity()) + ">")
	host := word(s.Host, 255)
	switch f {
	case FormatSyslog:
		b = append(b, "1 "...)
		b = r.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
		name, id := "DEBUG", "-"
		if r.Event != nil {
			name, id = r.Event.Facility, word(r.Event.Mnemonic, 32)
		}
		b = append(b, " "+host+" "+word(name, 48)+" - "+id+" "...)
		b = append(b, r.data(s)+" "...)
		text := r.Text()
		if !plain(text) {
			b = append(b, "\xef\xbb\xbf"...) // MSG-UTF8
		}
		return cut(append(b, text...), maxSyslog)
	case FormatBSD:
		b = r.local().AppendFormat(b, time.Stamp)
		tag := "DEBUG"
		if r.Event != nil {
			tag = r.Event.Facility
		}
		b = append(b, " "+host+" "+word(tag, 32)+": "...)
		return cut(append(b, r.Text()...), maxBSD)
	}
	b = append(b, strconv.FormatUint(s.Number, 10)+": "...)
	if s.Session != "" {
		b = append(b, `[syslog@9 s_id="`+quoted(s.Session)+`"]: `...)
	}
	if s.Origin != "" {
		b = append(b, printable(s.Origin, 255)+": "...)
	}
	return cut(append(b, r.Line()...), maxBSD)
}

// data is STRUCTURED-DATA: the number of the message (RFC 5424 section 7.3.1,
// which starts again after 2147483647) and what the clock is worth (7.1).
func (r Record) data(s Sender) string {
	zone, synchronized := "0", "0"
	if r.Layout != nil && r.Layout.Clock == Authoritative {
		zone, synchronized = "1", "1"
	}
	out := `[meta sequenceId="` + strconv.FormatUint((s.Number-1)%(1<<31-1)+1, 10) + `"]` +
		`[timeQuality tzKnown="` + zone + `" isSynced="` + synchronized + `"]`
	if s.Session != "" {
		out += `[syslog@9 s_id="` + quoted(s.Session) + `"]`
	}
	return out
}

// local is the time in the zone that the stamps of the log are in.
func (r Record) local() time.Time {
	if l := r.Layout; l != nil && l.Log.Local && l.Local != nil {
		t, _ := l.Local(r.Time)
		return t
	}
	return r.Time.UTC()
}

// word is a field of a header: printable ASCII without blanks, "-" when empty.
func word(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if len(s) > max {
		s = s[:max]
	}
	if s == "" {
		return "-"
	}
	return s
}

// quoted is a value between quotes (RFC 5424 section 6.3.3).
func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(printable(s, 255))
}

// cut bounds a packet, not inside a character.
func cut(b []byte, max int) []byte {
	if len(b) <= max {
		return b
	}
	for max > 0 && !utf8.RuneStart(b[max]) {
		max--
	}
	return b[:max]
}
