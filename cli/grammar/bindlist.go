package grammar

import (
	"bytes"
	"cmp"
	"net/netip"
	"reflect"
	"slices"
)

// Multi binds a line that there may be many of to a list of values. Values
// with equal keys replace each other in place; without keys the whole value
// identifies the line, and typing it twice is once. A list may be shared by
// several commands: each has the values whose other fields are zero.
func Multi[C, V any](list func(*C) *[]V, keys ...string) Binding {
	return &multi[C, V]{list: list, keys: keys}
}

type multi[C, V any] struct {
	fields
	list   func(*C) *[]V
	keys   []string
	sorted bool
}

func (m *multi[C, V]) Identifying() ([]string, bool) { return m.keys, len(m.keys) == 0 }
func (m *multi[C, V]) sort()                         { m.sorted = true }

// mine tells whether every field of v that is not zero belongs to the line.
func (m *multi[C, V]) mine(v reflect.Value) bool {
	if !record(v) {
		return true
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	m.clear(c)
	return c.IsZero() && (!v.IsZero() || len(m.keys) > 0)
}

// same tells whether two values are the same line.
func (m *multi[C, V]) same(v, w reflect.Value) bool {
	if len(m.keys) == 0 {
		return reflect.DeepEqual(v.Interface(), w.Interface())
	}
	return matches(v, m.keys, m.read(w, m.keys))
}

func (m *multi[C, V]) Set(target any, a Args) error {
	c, err := object[C](target)
	if err != nil {
		return err
	}
	var n V
	v := reflect.ValueOf(&n).Elem()
	if err := m.write(v, a); err != nil {
		return err
	}
	list := m.list(c)
	for i := range *list {
		if old := reflect.ValueOf(&(*list)[i]).Elem(); m.mine(old) && m.same(old, v) {
			old.Set(v)
			return nil
		}
	}
	at := len(*list)
	if m.sorted {
		at = position(len(*list), m.keys, v, func(i int) reflect.Value { return reflect.ValueOf(&(*list)[i]).Elem() })
	}
	*list = slices.Insert(*list, at, n)
	return nil
}

func (m *multi[C, V]) Unset(target any, a Args) error {
	c, err := object[C](target)
	if err != nil {
		return err
	}
	keys := m.keys
	if len(keys) == 0 {
		var n V
		v := reflect.ValueOf(&n).Elem()
		if err := m.write(v, a); err != nil {
			return err
		}
		keys, a = m.of(v), m.read(v, m.of(v))
	}
	list := m.list(c)
	*list = slices.DeleteFunc(*list, func(old V) bool {
		v := reflect.ValueOf(&old).Elem()
		return m.mine(v) && matches(v, keys, a)
	})
	if len(*list) == 0 {
		*list = nil
	}
	return nil
}

func (m *multi[C, V]) Lines(target any, all bool) []Line {
	c, err := object[C](target)
	if err != nil {
		return nil
	}
	var out []Line
	list := *m.list(c)
	for i := range list {
		if v := reflect.ValueOf(&list[i]).Elem(); m.mine(v) {
			out = append(out, Line{Args: m.read(v, m.keys)})
		}
	}
	return out
}

// Object binds a line that enters a mode to a list of objects told apart by
// keys. Set makes the object or changes its other fields named in the line;
// `no` deletes it with all that is in it.
func Object[C, S any](list func(*C) *[]*S, keys ...string) Opener {
	return &objects[C, S]{list: list, keys: keys}
}

type objects[C, S any] struct {
	fields
	list   func(*C) *[]*S
	keys   []string
	sorted bool
}

func (o *objects[C, S]) Identifying() ([]string, bool) { return o.keys, len(o.keys) == 0 }
func (o *objects[C, S]) sort()                         { o.sorted = true }

// find is the index of the object with the keys of a line, or -1.
func (o *objects[C, S]) find(list []*S, a Args) int {
	return slices.IndexFunc(list, func(s *S) bool {
		v := reflect.ValueOf(s).Elem()
		for _, k := range o.keys {
			if x, ok := field(v, k); !ok || !a.Has(k) && !x.IsZero() {
				return false // a key left out is one that is not set
			}
		}
		return matches(v, o.keys, a)
	})
}

func (o *objects[C, S]) Set(target any, a Args) error {
	c, err := object[C](target)
	if err != nil {
		return err
	}
	list := o.list(c)
	if i := o.find(*list, a); i >= 0 {
		n := *(*list)[i]
		if err := o.write(reflect.ValueOf(&n).Elem(), a); err != nil {
			return err
		}
		*(*list)[i] = n
		return nil
	}
	n := new(S)
	v := reflect.ValueOf(n).Elem()
	if err := o.write(v, a); err != nil {
		return err
	}
	at := len(*list)
	if o.sorted {
		at = position(len(*list), o.keys, v, func(i int) reflect.Value { return reflect.ValueOf((*list)[i]).Elem() })
	}
	*list = slices.Insert(*list, at, n)
	return nil
}

func (o *objects[C, S]) Unset(target any, a Args) error {
	c, err := object[C](target)
	if err != nil {
		return err
	}
	list := o.list(c)
	if i := o.find(*list, a); i >= 0 {
		if *list = slices.Delete(*list, i, i+1); len(*list) == 0 {
			*list = nil
		}
	}
	return nil
}

func (o *objects[C, S]) Lines(target any, all bool) []Line {
	c, err := object[C](target)
	if err != nil {
		return nil
	}
	var out []Line
	for _, s := range *o.list(c) {
		out = append(out, Line{Args: o.read(reflect.ValueOf(s).Elem(), o.keys), Sub: s})
	}
	return out
}

func (o *objects[C, S]) Open(target any, a Args) (any, bool) {
	c, err := object[C](target)
	if err != nil {
		return nil, false
	}
	list := *o.list(c)
	if i := o.find(list, a); i >= 0 {
		return list[i], true
	}
	return nil, false
}

// Sub binds a line that enters a mode to an object that there is once, a
// pointer that is nil while the line is absent.
func Sub[C, S any](field func(*C) **S) Opener { return &sub[C, S]{field: field} }

type sub[C, S any] struct {
	fields
	field func(*C) **S
}

func (s *sub[C, S]) Identifying() ([]string, bool) { return nil, false }

func (s *sub[C, S]) Set(target any, a Args) error {
	c, err := object[C](target)
	if err != nil {
		return err
	}
	n := new(S)
	if p := *s.field(c); p != nil {
		*n = *p
	}
	if s.known.Load() != nil {
		if err := s.write(reflect.ValueOf(n).Elem(), a); err != nil {
			return err
		}
	}
	if p := *s.field(c); p != nil {
		*p = *n
	} else {
		*s.field(c) = n
	}
	return nil
}

func (s *sub[C, S]) Unset(target any, a Args) error {
	c, err := object[C](target)
	if err != nil {
		return err
	}
	*s.field(c) = nil
	return nil
}

func (s *sub[C, S]) Lines(target any, all bool) []Line {
	c, err := object[C](target)
	if err != nil || *s.field(c) == nil {
		return nil
	}
	p := *s.field(c)
	a := Args{}
	if s.known.Load() != nil {
		a = s.read(reflect.ValueOf(p).Elem(), nil)
	}
	return []Line{{Args: a, Sub: p}}
}

func (s *sub[C, S]) Open(target any, a Args) (any, bool) {
	c, err := object[C](target)
	if err != nil || *s.field(c) == nil {
		return nil, false
	}
	return *s.field(c), true
}

// Sorted makes a Multi or an Object keep its list in ascending order of the
// keys, instead of the order of typing.
func Sorted[B Binding](b B) B {
	if s, ok := any(b).(interface{ sort() }); ok {
		s.sort()
	}
	return b
}

// position is where v belongs in a list in ascending order of keys.
func position(n int, keys []string, v reflect.Value, at func(int) reflect.Value) int {
	if len(keys) == 0 {
		keys = []string{""}
	}
	for i := range n {
		for _, k := range keys {
			x, ok := field(v, k)
			y, ok2 := field(at(i), k)
			if !ok || !ok2 {
				break
			}
			if c := compare(x, y); c < 0 {
				return i
			} else if c > 0 {
				break
			}
		}
	}
	return n
}

// compare orders two values of one type: numbers, strings, addresses.
func compare(x, y reflect.Value) int {
	switch {
	case x.CanInt():
		return cmp.Compare(x.Int(), y.Int())
	case x.CanUint():
		return cmp.Compare(x.Uint(), y.Uint())
	case x.Kind() == reflect.String:
		return cmp.Compare(x.String(), y.String())
	case x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Uint8:
		return bytes.Compare(x.Bytes(), y.Bytes())
	}
	if a, ok := x.Interface().(netip.Addr); ok {
		return a.Compare(y.Interface().(netip.Addr))
	}
	return 0
}
