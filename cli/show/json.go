package show

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"coterie/internal/secret"
)

// JSON writes the snapshot behind a show command as one JSON document, indented
// by two blanks and ended by a newline.
//
// Members are the exported fields in order of declaration, named in
// lower_snake_case; embedded structs are flattened. A duration is a number of
// seconds, a time is RFC 3339 in UTC, an address or prefix is its text, octets
// are hexadecimal, an enumeration is its word where it has one, and a secret is
// "<hidden>". What is not there (an invalid address, the zero time, a nil
// pointer) is null; a nil list is [].
func JSON(w io.Writer, data any) error {
	var e encoder
	e.value(reflect.ValueOf(data), 0)
	e.b.WriteByte('\n')
	_, err := w.Write(e.b.Bytes())
	return err
}

// deepest bounds nesting, should a snapshot ever refer to itself.
const deepest = 32

type encoder struct{ b bytes.Buffer }

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	secretType   = reflect.TypeFor[secret.Bytes]()
)

func (e *encoder) value(v reflect.Value, depth int) {
	if !v.IsValid() || depth > deepest {
		e.b.WriteString("null")
		return
	}
	if t := v.Type(); v.CanInterface() && t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface {
		if e.known(v, t) || e.sequence(v, t, depth) {
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		e.value(v.Elem(), depth) // of nil: invalid
	case reflect.Struct:
		e.b.WriteByte('{')
		n := 0
		e.fields(v, depth+1, &n)
		e.end('}', n, depth)
	case reflect.Slice, reflect.Array:
		e.list(v, depth)
	case reflect.Map:
		e.mapping(v, depth)
	case reflect.Bool:
		fmt.Fprint(&e.b, v.Bool())
	case reflect.String:
		e.text(v.String())
	case reflect.Float32, reflect.Float64:
		e.number(v.Float())
	default:
		switch {
		case v.CanInt():
			fmt.Fprint(&e.b, v.Int())
		case v.CanUint():
			fmt.Fprint(&e.b, v.Uint())
		default: // functions and channels have no text
			e.b.WriteString("null")
		}
	}
}

// known writes the types that have a form of their own.
func (e *encoder) known(v reflect.Value, t reflect.Type) bool {
	switch t {
	case durationType:
		e.number(time.Duration(v.Int()).Seconds())
		return true
	case timeType:
		at := v.Interface().(time.Time)
		if at.IsZero() {
			e.b.WriteString("null")
		} else {
			e.text(at.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		return true
	case secretType:
		e.text(v.Interface().(secret.Bytes).String())
		return true
	}
	switch x := v.Interface().(type) {
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil || len(text) == 0 && t.Kind() != reflect.String { // an address that is none
			e.b.WriteString("null")
		} else {
			e.text(string(text))
		}
		return true
	case fmt.Stringer:
		if t.Kind() == reflect.Struct || t.Kind() == reflect.Slice {
			return false
		}
		e.text(x.String())
		return true
	}
	return false
}

// sequence writes a collection that can only be walked, such as a shared tree
// with Ascend(func(T) bool), as a list.
func (e *encoder) sequence(v reflect.Value, t reflect.Type, depth int) bool {
	walk := v.MethodByName("Ascend")
	if t.Kind() != reflect.Struct || !walk.IsValid() || !walk.Type().CanSeq() {
		return false
	}
	e.b.WriteByte('[')
	n := 0
	for x := range walk.Seq() {
		e.next(&n, depth+1)
		e.value(x, depth+1)
	}
	e.end(']', n, depth)
	return true
}

// fields writes the members of a struct.
func (e *encoder) fields(v reflect.Value, depth int, n *int) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if k := f.Type.Kind(); k == reflect.Func || k == reflect.Chan {
			continue
		}
		if f.Anonymous && f.Type.Kind() == reflect.Struct && !form(f.Type) {
			e.fields(v.Field(i), depth, n)
			continue
		}
		if !f.IsExported() {
			continue
		}
		e.next(n, depth)
		e.text(snake(f.Name))
		e.b.WriteString(": ")
		e.value(v.Field(i), depth)
	}
}

// form tells whether a type has a text form, so that it is not flattened.
func form(t reflect.Type) bool {
	return t == timeType || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func (e *encoder) list(v reflect.Value, depth int) {
	if v.Type().Elem() == reflect.TypeFor[byte]() {
		octets := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(octets), v)
		e.text(hex.EncodeToString(octets))
		return
	}
	e.b.WriteByte('[')
	n := 0
	for i := range v.Len() {
		e.next(&n, depth+1)
		e.value(v.Index(i), depth+1)
	}
	e.end(']', n, depth)
}

func (e *encoder) mapping(v reflect.Value, depth int) {
	values := make(map[string]reflect.Value, v.Len())
	for it := v.MapRange(); it.Next(); {
		values[fmt.Sprint(it.Key())] = it.Value()
	}
	e.b.WriteByte('{')
	n := 0
	for _, name := range slices.Sorted(maps.Keys(values)) {
		e.next(&n, depth+1)
		e.text(name)
		e.b.WriteString(": ")
		e.value(values[name], depth+1)
	}
	e.end('}', n, depth)
}

// next begins the next element of a list or object.
func (e *encoder) next(n *int, depth int) {
	if *n++; *n > 1 {
		e.b.WriteByte(',')
	}
	e.indent(depth)
}

// end closes a list or object of n elements.
func (e *encoder) end(with byte, n, depth int) {
	if n > 0 {
		e.indent(depth)
	}
	e.b.WriteByte(with)
}

func (e *encoder) indent(depth int) {
	e.b.WriteByte('\n')
	for range depth {
		e.b.WriteString("  ")
	}
}

func (e *encoder) number(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		e.b.WriteString("null")
		return
	}
	b, _ := json.Marshal(f) // of a finite number; never fails
	e.b.Write(b)
}

// text writes a string. Octets that are not UTF-8 become U+FFFD, and < > & stay.
func (e *encoder) text(s string) {
	enc := json.NewEncoder(&e.b)
	enc.SetEscapeHTML(false)
	enc.Encode(strings.ToValidUTF8(s, string(utf8.RuneError))) // of a string; never fails
	e.b.Truncate(e.b.Len() - 1)
}

// snake turns the name of a Go field into lower_snake_case: RSAKeys becomes
// rsa_keys, TEKs teks, InPackets in_packets.
func snake(name string) string {
	r := []rune(strings.ReplaceAll(name, "IPsec", "Ipsec"))
	var b strings.Builder
	for i, c := range r {
		if !unicode.IsUpper(c) {
			b.WriteRune(c)
			continue
		}
		before := i > 0 && !unicode.IsUpper(r[i-1]) // the first of a word, or of an initialism
		plural := i+1 < len(r) && r[i+1] == 's' && (i+2 == len(r) || unicode.IsUpper(r[i+2]))
		after := i > 0 && i+1 < len(r) && unicode.IsLower(r[i+1]) && !plural // the first behind an initialism
		if before || after {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return strings.ReplaceAll(b.String(), "__", "_")
}
