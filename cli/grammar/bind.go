package grammar

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
)

// Bindings by field name. A struct value takes each Arg from the field of the
// same name (dots go into nested structs: "Src.Addr"); a scalar or list value
// takes the Arg named "". The zero value is "not configured".
//
// A binding of a struct touches only the fields that its command names, so
// that several lines may share one struct: it learns the names when the mode
// is compiled. Until then it takes every field.

// Identifier is a Binding whose line is identified by some of its values only:
// what follows the last key may be left out after `no` and `default`. With all
// set nothing may.
type Identifier interface {
	Identifying() (keys []string, all bool)
}

// naming is a Binding that wants the names of its command's values.
type naming interface{ names([]string) }

// fields is the part common to bindings of one type of value.
type fields struct {
	known atomic.Pointer[[]string]
}

func (f *fields) names(n []string) {
	if old := f.known.Load(); old != nil {
		for _, name := range *old {
			if !slices.Contains(n, name) {
				n = append(n, name)
			}
		}
	}
	f.known.Store(&n)
}

// of lists the names that the binding of value v is about.
func (f *fields) of(v reflect.Value) []string {
	if known := f.known.Load(); known != nil {
		var out []string
		for _, name := range *known {
			if _, ok := field(v, name); ok && (name != "" || !record(v)) {
				out = append(out, name)
			}
		}
		if len(out) > 0 || record(v) {
			return out
		}
	}
	if !record(v) {
		return []string{""}
	}
	var out []string
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			out = append(out, f.Name)
		}
	}
	return out
}

// record tells a struct with named parts from a scalar such as netip.Addr.
func record(v reflect.Value) bool {
	if v.Kind() != reflect.Struct {
		return false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			return true
		}
	}
	return v.NumField() == 0
}

// read is the Args of v: names that are not zero, and keys always.
func (f *fields) read(v reflect.Value, keys []string) Args {
	a := Args{}
	for _, name := range f.of(v) {
		if x, ok := field(v, name); ok && (!x.IsZero() || slices.Contains(keys, name)) {
			if value := plain(x); value != nil {
				a[name] = value
			}
		}
	}
	return a
}

// write makes v what the line says: names that were not given become zero.
func (f *fields) write(v reflect.Value, a Args) error {
	for _, name := range f.of(v) {
		x, ok := field(v, name)
		if !ok {
			continue
		}
		if value, given := a[name]; given {
			if err := assign(x, value); err != nil {
				return err
			}
		} else {
			x.SetZero()
		}
	}
	return nil
}

// clear makes the fields zero.
func (f *fields) clear(v reflect.Value) {
	for _, name := range f.of(v) {
		if x, ok := field(v, name); ok {
			x.SetZero()
		}
	}
}

// matches tells whether v has the given values of keys.
func matches(v reflect.Value, keys []string, a Args) bool {
	for _, k := range keys {
		value, given := a[k]
		if !given {
			continue
		}
		x, ok := field(v, k)
		if !ok || !same(plain(x), plain(reflect.ValueOf(value))) {
			return false
		}
	}
	return true
}

// object asserts the type of a target.
func object[C any](target any) (*C, error) {
	c, ok := target.(*C)
	if !ok || c == nil {
		return nil, fmt.Errorf("grammar: binding of %v applied to %T", reflect.TypeFor[*C](), target)
	}
	return c, nil
}

// LeafOption changes a Leaf.
type LeafOption func(*leafOptions)

type leafOptions struct {
	keys    []string
	value   any    // default, nil: the zero value
	negated string // field that `no` sets; see NoIsStored
	stored  bool
}

// Default is the value that an absent line means: it is not stored, and
// printed only by `show running-config all`. Its type is that of the field.
func Default[V any](v V) LeafOption { return func(o *leafOptions) { o.value = v } }

// Keys names the arguments that identify the line: `no` needs them, and does
// nothing when they differ from what is configured. They are printed even when
// they are zero, as long as the value as a whole is not.
func Keys(names ...string) LeafOption { return func(o *leafOptions) { o.keys = names } }

// NoIsStored is for a line that is on by default: `no` is what is kept and
// printed. Without a name the field is a bool that says it is off; with one,
// the bool of that name in the struct does. Use it with Command.Switch.
func NoIsStored(name ...string) LeafOption {
	return func(o *leafOptions) { o.stored, o.negated = true, strings.Join(name, "") }
}

// Leaf binds a line that there is once per target to a field. A line without
// any named value sets a field of type bool.
func Leaf[C, V any](field func(*C) *V, opts ...LeafOption) Binding {
	l := &leaf[C, V]{field: field}
	for _, o := range opts {
		o(&l.leafOptions)
	}
	return l
}

type leaf[C, V any] struct {
	fields
	leafOptions
	field func(*C) *V
}

func (l *leaf[C, V]) Identifying() ([]string, bool) { return l.keys, false }

func (l *leaf[C, V]) value(target any) (reflect.Value, error) {
	c, err := object[C](target)
	if err != nil {
		return reflect.Value{}, err
	}
	return reflect.ValueOf(l.field(c)).Elem(), nil
}

// copy is a value to change without touching the tree.
func (l *leaf[C, V]) copy(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// flag tells a line without any value that is bound to a bool: the line
// itself sets it.
func (l *leaf[C, V]) flag(v reflect.Value) bool {
	known := l.known.Load()
	return v.Kind() == reflect.Bool && known != nil && !slices.Contains(*known, "")
}

// off is the bool that `no` sets.
func (l *leaf[C, V]) off(v reflect.Value) reflect.Value {
	f, _ := field(v, l.negated)
	return f
}

// isDefault tells whether v, in the fields of the line, is what an absent line
// means by Default.
func (l *leaf[C, V]) isDefault(v reflect.Value) bool {
	d, ok := l.leafOptions.value.(V)
	return ok && reflect.DeepEqual(l.read(v, nil), l.read(reflect.ValueOf(&d).Elem(), nil))
}

func (l *leaf[C, V]) Set(target any, a Args) error {
	v, err := l.value(target)
	if err != nil {
		return err
	}
	n := l.copy(v)
	if l.stored {
		if l.off(n).SetBool(false); l.negated == "" {
			v.Set(n)
			return nil
		}
	}
	if l.flag(v) {
		a = Args{"": true}
	}
	if err := l.write(n, a); err != nil {
		return err
	}
	if l.isDefault(n) {
		l.clear(n)
	}
	v.Set(n)
	return nil
}

func (l *leaf[C, V]) Unset(target any, a Args) error {
	v, err := l.value(target)
	if err != nil {
		return err
	}
	if !matches(v, l.keys, a) {
		return nil
	}
	if l.clear(v); l.stored {
		l.off(v).SetBool(true)
	}
	return nil
}

func (l *leaf[C, V]) Default(target any, a Args) error {
	v, err := l.value(target)
	if err != nil {
		return err
	}
	if !matches(v, l.keys, a) {
		return nil
	}
	if l.clear(v); l.stored {
		l.off(v).SetBool(false)
	}
	return nil
}

func (l *leaf[C, V]) Lines(target any, all bool) []Line {
	v, err := l.value(target)
	if err != nil {
		return nil
	}
	if l.stored && l.off(v).Bool() {
		return []Line{{No: true, Args: Args{}}}
	}
	if l.stored && l.negated == "" {
		if all {
			return []Line{{Args: Args{}}}
		}
		return nil
	}
	if a := l.read(v, nil); len(a) > 0 {
		return []Line{{Args: l.read(v, l.keys)}}
	}
	if d, ok := l.leafOptions.value.(V); ok && all {
		return []Line{{Args: l.read(reflect.ValueOf(&d).Elem(), l.keys)}}
	}
	return nil
}

// Custom is a Binding made of functions, for lines that no other kind fits. C
// is the type of the target. A nil function does nothing: OnUnset is needed for
// `no`, OnLines for printing; without OnDefault `default` is `no`; without
// OnOpen a line that enters a mode keeps its target.
type Custom[C any] struct {
	// Keys names the values that identify the line; nil: all do. An empty list:
	// none, so that every argument may be left out after `no`.
	Keys      []string
	OnSet     func(c *C, a Args) error
	OnUnset   func(c *C, a Args) error
	OnDefault func(c *C, a Args) error
	OnLines   func(c *C, all bool) []Line
	OnOpen    func(c *C, a Args) (sub any, ok bool)
}

// Identifying is Keys.
func (b Custom[C]) Identifying() ([]string, bool) { return b.Keys, b.Keys == nil }

func (b Custom[C]) call(f func(*C, Args) error, target any, a Args) error {
	c, err := object[C](target)
	if err != nil || f == nil {
		return err
	}
	return f(c, a)
}

// Set is OnSet.
func (b Custom[C]) Set(target any, a Args) error { return b.call(b.OnSet, target, a) }

// Unset is OnUnset.
func (b Custom[C]) Unset(target any, a Args) error { return b.call(b.OnUnset, target, a) }

// Default is OnDefault, or OnUnset.
func (b Custom[C]) Default(target any, a Args) error {
	if b.OnDefault == nil {
		return b.Unset(target, a)
	}
	return b.call(b.OnDefault, target, a)
}

// Lines is OnLines.
func (b Custom[C]) Lines(target any, all bool) []Line {
	c, err := object[C](target)
	if err != nil || b.OnLines == nil {
		return nil
	}
	return b.OnLines(c, all)
}

// Open is OnOpen.
func (b Custom[C]) Open(target any, a Args) (any, bool) {
	c, err := object[C](target)
	if err != nil {
		return nil, false
	}
	if b.OnOpen == nil {
		return target, true
	}
	return b.OnOpen(c, a)
}
