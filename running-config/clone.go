package runningconfig

import (
	"net/netip"
	"reflect"

	"coterie/internal/secret"
)

// Clone is a deep copy. Addresses and secrets are values that nobody changes
// in place, so they are shared.
func (c *Config) Clone() *Config { return clone(reflect.ValueOf(c)).Interface().(*Config) }

var shared = map[reflect.Type]bool{
	reflect.TypeFor[netip.Addr]():   true,
	reflect.TypeFor[netip.Prefix](): true,
	reflect.TypeFor[secret.Bytes](): true,
}

func clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(clone(v.Elem()))
			out.Set(p)
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(clone(v.Index(i)))
			}
		}
	case reflect.Struct:
		if shared[v.Type()] {
			return v
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue // made on demand
			}
			out.Field(i).Set(clone(v.Field(i)))
		}
	default:
		return v
	}
	return out
}
